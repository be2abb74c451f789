"""A mail server: TLS, a login, and answers as a story wants them. The protocol is aiosmtpd's, not ours."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "carebed", "password-of-the-test"


@dataclass
class MailServer:
    """`at_recipient`, `at_data`: what it answers there instead of 250."""

    port: int = 0
    ca_file: Path = Path()
    at_recipient: str | None = None
    at_data: str | None = None
    taken: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        """A recipient."""
        if self.at_recipient is not None:
            return self.at_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - likewise
        """A message."""
        if self.at_data is not None:
            return self.at_data
        self.recipients += envelope.rcpt_tos
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append(message)
        return "250 OK"


def _certificate(directory: Path) -> tuple[Path, Path]:
    """(certificate, key) of 127.0.0.1, for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail of the test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    files = directory / "mail.crt", directory / "mail.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


@asynccontextmanager
async def mail_server(directory: Path, *, tls: str = "starttls") -> AsyncIterator[MailServer]:
    """One on a free port. `tls`: starttls, implicit, or none at all."""
    there = MailServer()
    there.ca_file, key = _certificate(directory)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(there.ca_file, key)

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        return AuthResult(handled=False, success=(given.login, given.password) == (USER.encode(), PASSWORD.encode()))

    def protocol() -> SMTP:
        starttls = tls == "starttls"
        return SMTP(
            there, hostname="mail.test", tls_context=context if starttls else None, require_starttls=starttls,
            authenticator=authenticate, auth_required=starttls, auth_require_tls=starttls,
        )  # fmt: skip

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context if tls == "implicit" else None)
    there.port = server.sockets[0].getsockname()[1]
    try:
        yield there
    finally:
        server.close()
