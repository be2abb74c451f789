"""Through which channels people are told in this installation: one decision for every process that tells somebody."""

from alerts import aliyun, channel_file
from alerts.answers import Links
from alerts.channel import LAST_RESORT, WEB_PUSH, Channel
from alerts.channel.last_resort import LastResortChannel
from alerts.channel.webhook import WebhookChannel
from alerts.push import Push
from alerts.webhook import Webhook
from alerts.wecom_callback import Seal
from carebed.settings import Settings


def channels(settings: Settings) -> tuple[str, ...]:
    """The live stream always; the webhook, the last-resort list and the channels of people's contact methods where they
    are set up."""
    found = ["live"]
    if settings.webhook_url:
        found.append("webhook")
    if settings.last_resort_file is not None:
        found.append(LAST_RESORT)
    if settings.aliyun_file is not None:
        keys = aliyun.read_file(settings.aliyun_file)
        found += [name for name, there in (("sms", keys.sms), ("voice", keys.voice)) if there is not None]
    if settings.web_push_key_file is not None:
        found.append(WEB_PUSH)
    if settings.channels_file is not None:
        found += channel_file.read_file(settings.channels_file).names
    return tuple(found)


def set_up(settings: Settings) -> list[Channel]:
    """The channels of this installation that the outbox hands messages to; whoever asks closes them."""
    found: list[Channel] = []
    if settings.webhook_url and settings.webhook_secret:
        found.append(WebhookChannel(Webhook(settings.webhook_url, settings.webhook_secret.get_secret_value())))
    if settings.last_resort_file is not None:
        secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret else None
        found.append(LastResortChannel(settings.last_resort_file, secret))
    if settings.aliyun_file is not None:
        keys = aliyun.read_file(settings.aliyun_file)
        if keys.sms is not None:
            found.append(aliyun.AliyunSms(keys, keys.sms))
        if keys.voice is not None:
            found.append(aliyun.AliyunVoice(keys, keys.voice))
    if (installation := push(settings)) is not None:
        from alerts.channel.webpush import WebPush  # only here: what it needs is large, and others only name it

        found.append(WebPush(installation, settings.web_push_contact))
    if settings.channels_file is not None:
        found += channel_file.read_file(settings.channels_file).set_up()
    return found


def push(settings: Settings) -> Push | None:
    """What web push needs of this installation; None where it is not set up."""
    if settings.web_push_key_file is None:
        return None
    return Push.of(settings.web_push_key_file, settings.web_push_hosts.split())


def wecom(settings: Settings) -> Seal | None:
    """Of WeCom's callback; None where WeCom is not set up."""
    if settings.channels_file is None:
        return None
    section = channel_file.read_file(settings.channels_file).wecom
    return None if section is None else Seal(section)


def links(settings: Settings) -> Links | None:
    """Of the pages on which messages can be answered; None where no public address is set."""
    if not settings.public_url or not settings.link_secret:
        return None
    return Links(settings.public_url, settings.link_secret.get_secret_value())
