"""Typed settings from the environment (`CAREBED_...`) and an optional file (`CAREBED_ENV_FILE`).

Loaded once per process by the CLI and handed down; nothing reads the environment behind its back.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from carebed.errors import SettingsError


class Settings(BaseSettings):
    """Every setting of every process; the field name upper-cased with `CAREBED_` in front is the variable."""

    model_config = SettingsConfigDict(env_prefix="CAREBED_", extra="ignore")

    database_url: SecretStr | None = Field(None, description="engine role: ingest, alerts, scheduler")
    api_database_url: SecretStr | None = Field(None, description="API role, under row-level security")
    owner_database_url: SecretStr | None = Field(None, description="owner role: migrations and partitions")

    mqtt_host: str = "127.0.0.1"
    mqtt_port: int = Field(1883, ge=1, le=65535)
    mqtt_tls: bool = False
    mqtt_users_file: Path | None = Field(None, description="JSON {user: password} of our own MQTT users, mode 0600")

    health_host: str = "127.0.0.1"
    health_port: int = Field(0, ge=0, le=65535, description="0 = no health listener")
    http_host: str = "127.0.0.1"
    http_port: int = Field(8080, ge=1, le=65535)
    web_dir: Path = Field(Path(__file__).parent.parent / "web" / "dist", description="the built web application")

    log_level: Literal["debug", "info", "warning", "error"] = "info"

    webhook_url: str | None = Field(None, description="gets every notification of the webhook channel")
    webhook_secret: SecretStr | None = Field(None, description="signs them (Standard Webhooks); `whsec_` + base64")
    readiness: bool | None = Field(None, description="raise alarms about hours in which nobody can be reached")
    # So that the monthly test call to a person keeps his method proven. Ours, no standard's.
    readiness_delivered_days: int = Field(
        31, ge=1, le=366, description="for so long a delivery proves a contact method"
    )
    test_call_days: int = Field(31, ge=0, le=366, description="each home is to make a test call so often; 0: none is")
    probe_gateway_password: SecretStr | None = Field(None, description="of the gateway in the probe's home")
    probe_password: SecretStr | None = Field(None, description="of the person whom the probe's home calls")
    dead_man_url: SecretStr | None = Field(None, description="called by the auditor while calls for help are escalated")
    last_resort_file: Path | None = Field(None, description="one webhook address a line")

    public_url: str | None = Field(None, description="how telephones outside reach the API: links begin with it")
    link_secret: SecretStr | None = Field(None, description="signs the links in messages; 32 characters or more")
    aliyun_file: Path | None = Field(
        None, description="JSON with Aliyun's keys and templates, mode 0600: SMS and voice"
    )
    channels_file: Path | None = Field(
        None, description="JSON, a section for each channel beside SMS and voice, mode 0600: e-mail and others"
    )
    web_push_key_file: Path | None = Field(None, description="P-256 private key in PEM, mode 0600: web push (VAPID)")
    web_push_contact: str = Field(
        "mailto:carebed@localhost", pattern="^(mailto:|https://)", description="whom push services may turn to"
    )
    # Of Chrome and Edge, Firefox, Safari, and Edge's other one. Whoever signs in chooses the address, so it is a list.
    web_push_hosts: str = Field(
        "fcm.googleapis.com updates.push.services.mozilla.com *.push.apple.com *.notify.windows.com",
        description="push services that messages may be sent to, with blanks between them",
    )
    # Whoever sets up a group chooses the address that is posted to, so it is a list.
    robot_hosts: str = Field(
        "oapi.dingtalk.com open.feishu.cn open.larksuite.com qyapi.weixin.qq.com",
        description="where robots of group chats may be",
    )
    callback_secret: SecretStr | None = Field(None, description="part of the addresses at which providers report")

    ready_file: Path | None = Field(None, description="what `carebed up` wrote: the fleet of the simulator")

    # Ingest. What a batch costs and why so many: docs/adr/0014-hot-path.md.
    batch_messages: int = Field(24_000, ge=1, le=100_000, description="readings in one transaction")
    batch_linger_ms: int = Field(5, ge=0, le=1_000)
    # Objects a second of the reading lane, averaged over a minute: docs/adr/0009-flood-limit.md.
    flood_per_s: int = Field(1_000, ge=1, description="beyond it a gateway's readings go to quarantine")
    flood_hosted_per_s: int = Field(20_000, ge=1, description="the same for a gateway that serves many homes")
    pending_messages: int = Field(72_000, ge=100, le=1_000_000, description="received and not yet acknowledged")

    # Retention. A month can be compared with the same month a year before, and the six months for which China's
    # Cybersecurity Law (art. 21) wants network logs kept are in it. Hourly figures stay five years, as the rules for
    # care institutions (MCA order 66 of 2020) want a resident's file kept.
    readings_kept_days: int = Field(400, ge=0, le=36_500, description="0 = for ever")
    hours_kept_days: int = Field(1_830, ge=0, le=36_500, description="hourly figures; 0 = for ever")
    # Long enough for a technician to come, and never longer than the inbox remembers (90 days): a replay of what it has
    # forgotten would count twice.
    quarantine_kept_days: int = Field(30, ge=1, le=90, description="messages that were put aside, replayed or not")

    @property
    def readings_kept(self) -> timedelta | None:
        """How long readings are kept; None: for ever."""
        return timedelta(days=self.readings_kept_days) if self.readings_kept_days else None

    @property
    def hours_kept(self) -> timedelta | None:
        """How long their hourly figures are kept; None: for ever."""
        return timedelta(days=self.hours_kept_days) if self.hours_kept_days else None

    def secret(self, name: str) -> str:
        """The secret of this field (a database URL, ...); `SettingsError` naming it when it has no value."""
        self.needed(name)
        value: SecretStr = getattr(self, name)
        return value.get_secret_value()

    def needed(self, *names: str) -> None:
        """Raise `SettingsError` naming the first of `names` (field names) that has no value."""
        for name in names:
            if getattr(self, name) is None:
                raise SettingsError(
                    f"CAREBED_{name.upper()} is not set: {type(self).model_fields[name].description}. "
                    "`carebed up` sets it by itself; see docs/operations.md for a start by hand."
                )


def load_settings() -> Settings:
    """Read environment and file; raise `SettingsError` with one sentence naming the first wrong setting."""
    env_file = os.environ.get("CAREBED_ENV_FILE")
    if env_file and not Path(env_file).is_file():
        raise SettingsError(f"CAREBED_ENV_FILE names {env_file}, which is no file: correct the path or unset it.")
    try:
        # The underscore argument is pydantic-settings' public way to choose the file at run time.
        settings = Settings(_env_file=env_file)  # type: ignore[call-arg]  # known to its base only without the plugin
    except ValidationError as error:
        first = error.errors()[0]
        name = "CAREBED_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"{name} is wrong: {first['msg']}.") from None
    for name in ("database_url", "api_database_url", "owner_database_url"):
        url: SecretStr | None = getattr(settings, name)
        if url is not None and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise SettingsError(f"CAREBED_{name.upper()} is wrong: it must begin with postgresql://.")
    if settings.hours_kept_days and not 0 < settings.readings_kept_days <= settings.hours_kept_days:
        raise SettingsError("CAREBED_HOURS_KEPT_DAYS is wrong: hourly figures are kept at least as long as readings.")
    _check_telling(settings)
    outside = settings.dead_man_url
    if outside is not None and not outside.get_secret_value().startswith(("http://", "https://")):
        raise SettingsError("CAREBED_DEAD_MAN_URL is wrong: it must begin with http:// or https://.")
    if settings.webhook_url is not None:
        if not settings.webhook_url.startswith(("http://", "https://")):
            raise SettingsError("CAREBED_WEBHOOK_URL is wrong: it must begin with http:// or https://.")
        if settings.webhook_secret is None:
            raise SettingsError("CAREBED_WEBHOOK_SECRET is not set: CAREBED_WEBHOOK_URL needs it to sign what it gets.")
    return settings


def _check_telling(settings: Settings) -> None:
    """What must be so before a message can be answered, or a provider believed."""
    if settings.public_url is not None:
        if not settings.public_url.startswith(("http://", "https://")):
            raise SettingsError("CAREBED_PUBLIC_URL is wrong: it must begin with http:// or https://.")
        if settings.link_secret is None:
            raise SettingsError("CAREBED_LINK_SECRET is not set: CAREBED_PUBLIC_URL needs it to sign links.")
    for name, least in (("link_secret", 32), ("callback_secret", 24)):
        value: SecretStr | None = getattr(settings, name)
        if value is not None and len(value.get_secret_value()) < least:
            raise SettingsError(f"CAREBED_{name.upper()} is wrong: it must have {least} characters or more.")
    secret = settings.callback_secret
    if secret is not None and not all(
        one.isascii() and (one.isalnum() or one in "-_") for one in secret.get_secret_value()
    ):
        raise SettingsError("CAREBED_CALLBACK_SECRET is wrong: only letters, digits, - and _ go into an address.")
