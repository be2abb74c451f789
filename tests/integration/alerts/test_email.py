"""Messages by e-mail: what a mail server gets, what its refusals mean, and that no auto-responder answers."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from smtp_server import PASSWORD, USER, MailServer, mail_server

from alerts.channel import Handover, NotTaken, Outgoing, Undeliverable
from alerts.channel.email import Email, EmailSettings
from alerts.channel_file import read_file
from carebed.errors import SettingsError
from carebed.ids import new_id


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[MailServer]:
    """A mail server with STARTTLS and a login."""
    async with mail_server(tmp_path) as server:
        yield server


def settings(server: MailServer, **more: Any) -> EmailSettings:
    """Settings of this server."""
    values: dict[str, Any] = {
        "host": "127.0.0.1", "port": server.port, "sender": "care@care.example", "user": USER, "password": PASSWORD,
        "ca_file": server.ca_file,
    }  # fmt: skip
    return EmailSettings(**values | more)


def message(**more: Any) -> Outgoing:
    """A call as the outbox makes it."""
    values: dict[str, Any] = {
        "id": new_id(), "kind": "called", "step": 1, "attempt": 1, "created_at": datetime.now(UTC),
        "address": "lin@example.org", "title": "跌倒：请前往", "body": "演示路7弄：跌倒，请您响应。编号 7A11。",
        "link": "https://care.example/a/TOKEN", "life_critical": True,
    }  # fmt: skip
    return Outgoing(**values | more)


def plain(mail: EmailMessage) -> str:
    """Its words."""
    return str(mail.get_content()).replace("\r\n", "\n")


async def send(server: MailServer, outgoing: Outgoing, **more: Any) -> Handover:
    """Through a channel of these settings."""
    channel = Email(settings(server, **more))
    try:
        return await channel.send(outgoing)
    finally:
        await channel.close()


async def test_a_call_goes_out_under_tls_with_its_words_and_its_link(server: MailServer) -> None:
    outgoing = message()
    handover = await send(server, outgoing)
    assert handover == Handover(f"<{outgoing.id}@care.example>", delivered=False)
    (mail,) = server.taken
    assert server.recipients == ["lin@example.org"]
    assert (mail["Subject"], mail["From"]) == ("跌倒：请前往", "Carebed <care@care.example>")
    assert mail.get_content_type() == "text/plain"
    assert plain(mail) == ("演示路7弄：跌倒，请您响应。编号 7A11。\n\n请在此响应：\nhttps://care.example/a/TOKEN\n")


async def test_auto_responders_are_told_to_keep_silent_and_a_repeat_has_the_same_id(server: MailServer) -> None:
    outgoing = message()
    await send(server, outgoing)
    await send(server, outgoing)
    first, second = server.taken
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["List-Id"] == "<alarms.care.example>"
    assert first["X-Auto-Response-Suppress"] == "All"


@pytest.mark.parametrize(
    ("at", "said", "permanent"),
    [
        ("at_recipient", "550 5.1.1 lin@example.org: no such user", True),
        ("at_recipient", "451 4.3.0 lin@example.org: try later", False),
        ("at_data", "552 5.2.2 lin@example.org: mailbox full", True),
        ("at_data", "421 4.3.2 lin@example.org: shutting down", False),
        ("at_recipient", "550 5.7.1 lin@example.org: you may not relay", False),
    ],
)
async def test_what_a_refusal_means(server: MailServer, at: str, said: str, *, permanent: bool) -> None:
    setattr(server, at, said)
    with pytest.raises(Undeliverable if permanent else NotTaken) as refused:
        await send(server, message())
    assert str(refused.value) == f"SMTP {said[:3]}"


async def test_a_wrong_password_is_no_fault_of_the_address(server: MailServer) -> None:
    with pytest.raises(NotTaken, match="SMTP 535"):
        await send(server, message(), password="another")
    assert server.taken == []


async def test_without_tls_nothing_is_said(tmp_path: Path) -> None:
    async with mail_server(tmp_path, tls="none") as server:
        with pytest.raises(NotTaken, match="no TLS"):
            await send(server, message())
        assert server.taken == []


async def test_a_certificate_that_nobody_vouches_for_is_refused(server: MailServer) -> None:
    with pytest.raises(OSError, match="certificate verify failed"):
        await send(server, message(), ca_file=None)
    assert server.taken == []


def test_certificates_that_are_none_are_named(tmp_path: Path) -> None:
    for ca_file in (tmp_path / "none.pem", tmp_path):
        with pytest.raises(SettingsError, match=r"email\.ca_file"):
            Email(EmailSettings(host="h", sender="care@care.example", ca_file=ca_file))


async def test_a_server_with_tls_from_the_first_byte(tmp_path: Path) -> None:
    async with mail_server(tmp_path, tls="implicit") as server:
        await send(server, message(language="en", title="Fall: please go", body="Please answer."), tls="implicit")
        (mail,) = server.taken
    assert plain(mail) == "Please answer.\n\nPlease answer here:\nhttps://care.example/a/TOKEN\n"


async def test_no_line_can_be_put_into_the_head_of_a_message(server: MailServer) -> None:
    await send(server, message(title="Fall\r\nBcc: all@example.org"))
    (mail,) = server.taken
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Fall Bcc: all@example.org"


def test_a_wrong_file_is_named_and_never_quoted(tmp_path: Path) -> None:
    file = tmp_path / "channels.json"
    file.write_text('{"email": {"host": "h", "sender": "s", "password": "very-secret", "tls": "none"}}')
    with pytest.raises(SettingsError) as wrong:
        read_file(file)
    assert "very-secret" not in str(wrong.value)
    file.write_text('{"email": {"host": "h", "sender": "s", "password": "very-secret"}}')
    read = read_file(file)
    assert read.names == ["email"]
    assert "very-secret" not in repr(read)
