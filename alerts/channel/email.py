"""E-mail over SMTP with TLS: plain text and the link at which a call can be answered.

What the next server took is handed over, no more: nothing tells us of the mailbox. So an e-mail is a route that never
proves itself, and stands behind others in most people's order.
"""

import asyncio
import re
import smtplib
import ssl
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from pathlib import Path
from typing import Literal

from alerts.channel import Handover, NotTaken, Outgoing, Undeliverable
from alerts.channel.settings import Section
from alerts.words import answer_at
from carebed.errors import SettingsError

#: For each answer of the server. The whole may take `SEND_S`; a thread that hangs longer ends by this.
_ANSWER_S = 5.0
#: As many at once as the outbox has slots of one channel; of our own, so that a server that hangs takes nobody else's.
_THREADS = 24

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@(?:{_LABEL}\.)+{_LABEL}")

#: RFC 3463: x.7.x is about policy and security, so about us as a rule, and not about this address.
_POLICY = re.compile(rb"^[45]\.7\.\d")


class EmailSettings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`tls`: `starttls` (submission, port 587) or `implicit` (port 465); never without. `ca_file`: certificates to
    trust besides the machine's."""

    host: str
    sender: str
    port: int = 587
    tls: Literal["starttls", "implicit"] = "starttls"
    sender_name: str = "Carebed"
    user: str | None = None
    password: str | None = None
    ca_file: Path | None = None


def normal_email(given: str) -> str:
    """An address as it is stored: the domain in small letters. ValueError with a sentence for what is none."""
    plain = given.strip()
    if not _ADDRESS.fullmatch(plain):
        raise ValueError("is no e-mail address: give it like name@example.org, in plain letters")
    local, _, domain = plain.rpartition("@")
    return f"{local}@{domain.lower()}"


class Email:
    """The channel."""

    name = "email"
    is_route = True

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings
        self._context = ssl.create_default_context()
        if settings.ca_file is not None:
            try:
                self._context.load_verify_locations(settings.ca_file)
            except (OSError, ssl.SSLError):
                raise SettingsError("CAREBED_CHANNELS_FILE is wrong: email.ca_file holds no certificates.") from None
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="email")

    async def send(self, outgoing: Outgoing) -> Handover:
        """Hand it to the server. Whatever the server says of this address or message for good is `Undeliverable`."""
        message = compose(outgoing, self._settings)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._deliver, message, outgoing.address)
        return Handover(str(message["Message-ID"]))

    def _deliver(self, message: EmailMessage, address: str) -> None:
        try:
            with _Quiet(self._connect()) as server:
                if self._settings.user is not None:
                    server.login(self._settings.user, self._settings.password or "")
                server.sendmail(self._settings.sender, [address], message.as_bytes())
        except smtplib.SMTPRecipientsRefused as refused:
            code, words = next(iter(refused.recipients.values()))
            raise _verdict(code, words) from None
        except smtplib.SMTPDataError as refused:
            raise _verdict(refused.smtp_code, refused.smtp_error) from None
        except smtplib.SMTPResponseException as refused:  # greeting, login, sender: nothing of it is about the address
            raise NotTaken(f"SMTP {refused.smtp_code}") from None

    def _connect(self) -> smtplib.SMTP:
        host, port = self._settings.host, self._settings.port
        if self._settings.tls == "implicit":
            return smtplib.SMTP_SSL(host, port, timeout=_ANSWER_S, context=self._context)
        server = smtplib.SMTP(host, port, timeout=_ANSWER_S)
        try:
            server.starttls(context=self._context)
        except smtplib.SMTPNotSupportedError:
            server.close()
            raise NotTaken("no TLS") from None
        except BaseException:  # whatever it is, the connection is not left open
            server.close()
            raise
        return server

    async def close(self) -> None:
        """Threads that wait for the server end by themselves, within seconds."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Quiet:
    """Ends a connection without a word about it: what the server took is taken, however it says good-bye."""

    def __init__(self, server: smtplib.SMTP) -> None:
        self._server = server

    def __enter__(self) -> smtplib.SMTP:
        return self._server

    def __exit__(self, *_: object) -> None:
        try:
            self._server.quit()
        except (smtplib.SMTPException, OSError):
            self._server.close()


def _verdict(code: int, words: bytes | str) -> NotTaken | Undeliverable:
    """For good (5xx), or not this time. The server's own words stay out: they quote the address."""
    said = words if isinstance(words, bytes) else words.encode()
    return Undeliverable(f"SMTP {code}") if code >= 500 and not _POLICY.match(said) else NotTaken(f"SMTP {code}")


def compose(outgoing: Outgoing, settings: EmailSettings) -> EmailMessage:
    """The message. Its id is the notification's, the same over all attempts, so that mailboxes know a repeat."""
    message = EmailMessage(policy=SMTP)
    message["From"] = formataddr((settings.sender_name, settings.sender))
    message["To"] = outgoing.address
    message["Subject"] = " ".join(outgoing.title.split())
    message["Date"] = format_datetime(outgoing.created_at)
    domain = settings.sender.rpartition("@")[2]
    message["Message-ID"] = f"<{outgoing.id}@{domain}>"
    # RFC 3834: who answers by itself keeps away from both of these; the third one is what Exchange goes by.
    message["Auto-Submitted"] = "auto-generated"
    message["List-Id"] = f"<alarms.{domain}>"
    message["X-Auto-Response-Suppress"] = "All"
    if outgoing.life_critical:
        message["Importance"] = "high"
        message["X-Priority"] = "1"
    message["Content-Language"] = "en" if outgoing.language == "en" else "zh-CN"
    link = f"\n\n{answer_at(outgoing.language)}\n{outgoing.link}" if outgoing.link else ""
    message.set_content(f"{outgoing.body}{link}\n", cte="base64")
    return message
