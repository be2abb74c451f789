"""What WeCom sends to our callback address: signed (SHA-1), encrypted (AES-256-CBC), and answered the same way.

Source: "加解密方案说明" (path 90968); its library's published sample is a test of ours. A button that was pressed is
an answer, bound to its message, and so to alarm, step and person.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts import book
from alerts.answers import Result, call_of, enter_ours, say, tell_how_to_go_on
from alerts.channel.wecom import BUTTONS
from alerts.channel.wecom_settings import WecomSettings
from alerts.delivery import report
from alerts.moves import AlarmUnknown, Hooks
from alerts.notification import Delivery
from alerts.reply import Said
from alerts.words import words
from carebed.errors import SettingsError

#: Of the encryption's padding (PKCS#7), not AES's own 16.
_BLOCK = 32
_ENCRYPTED = re.compile(rb"<Encrypt>\s*(?:<!\[CDATA\[)?([A-Za-z0-9+/=]+)(?:\]\]>)?\s*</Encrypt>")
_FIELD = re.compile(r"<(\w+)><!\[CDATA\[(.*?)\]\]></\1>", re.DOTALL)

# The message is this member's own.
_HIS = text("""
    SELECT EXISTS (SELECT FROM notification JOIN contact_method ON contact_method.id = contact_method_id
        WHERE notification.id = :id AND notification.channel = 'wecom' AND lower(address) = lower(:user)
            AND removed_at IS NULL)
""")


class Forged(Exception):
    """Not from WeCom, or not for us."""


class Seal:
    """Opens what WeCom sends and seals what it gets back."""

    def __init__(self, settings: WecomSettings) -> None:
        try:
            self._key = base64.b64decode(settings.encoding_aes_key + "=", validate=True)
        except binascii.Error:
            self._key = b""
        if len(self._key) != 32:
            raise SettingsError("CAREBED_CHANNELS_FILE is wrong: wecom.encoding_aes_key must have 43 characters.")
        self._token, self._corp_id = settings.token, settings.corp_id

    def open(self, signature: str, timestamp: str, nonce: str, encrypted: str) -> str:
        """The words inside. Raises `Forged`."""
        if not hmac.compare_digest(self._signed(timestamp, nonce, encrypted).encode(), signature.encode()):
            raise Forged
        try:
            decryptor = self._cipher().decryptor()
            plain = decryptor.update(base64.b64decode(encrypted, validate=True)) + decryptor.finalize()
            plain = plain[: -plain[-1]]
            end = 20 + int.from_bytes(plain[16:20])
            said, receiver = plain[20:end].decode(), plain[end:].decode()
        except (ValueError, IndexError):
            raise Forged from None
        if receiver != self._corp_id:
            raise Forged
        return said

    def seal(self, said: str) -> str:
        """The answer to a callback."""
        plain = secrets.token_bytes(16) + len(said.encode()).to_bytes(4) + said.encode() + self._corp_id.encode()
        padding = _BLOCK - len(plain) % _BLOCK
        encryptor = self._cipher().encryptor()
        raw = encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()
        encrypted, timestamp, nonce = base64.b64encode(raw).decode(), str(int(time.time())), secrets.token_hex(8)
        return (
            f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt>"
            f"<MsgSignature><![CDATA[{self._signed(timestamp, nonce, encrypted)}]]></MsgSignature>"
            f"<TimeStamp>{timestamp}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>"
        )

    def _signed(self, timestamp: str, nonce: str, encrypted: str) -> str:
        parts = sorted((self._token, timestamp, nonce, encrypted))
        return hashlib.sha1("".join(parts).encode()).hexdigest()  # noqa: S324 - WeCom's choice

    def _cipher(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16]))


def encrypted_part(body: bytes) -> str:
    """Of a callback's body, without reading XML that nobody has vouched for yet. Raises `Forged`."""
    found = _ENCRYPTED.search(body)
    if found is None:
        raise Forged
    return found[1].decode()


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button of a card of ours. `user`: who pressed it."""

    notification_id: UUID
    user: str
    said: Said


def read_event(said: str) -> Pressed | None:
    """None for any other event."""
    fields = dict(_FIELD.findall(said))
    key = fields.get("EventKey")
    if fields.get("Event") != "template_card_event" or key not in BUTTONS:
        return None
    try:
        return Pressed(UUID(fields["TaskId"].partition("-")[0]), fields["FromUserName"], BUTTONS[key])
    except (KeyError, ValueError):
        return None


async def press(conn: AsyncConnection, pressed: Pressed, hooks: Hooks) -> str | None:
    """Make the move that this button stands for; what the button says from now on. None: nothing of ours.

    A card whose button was pressed can be pressed no more: who goes gets another one for what comes next."""
    await enter_ours(conn)
    asked = {"id": pressed.notification_id, "user": pressed.user}
    if not (await conn.execute(_HIS, asked)).scalar_one():
        return None
    call = await call_of(conn, pressed.notification_id)
    if call is None:
        return None
    await book.load(conn, [call.alarm_id])  # alarm before message: another answer holds the one and withdraws the other
    await report(conn, "wecom", pressed.notification_id.hex, Delivery.READ)
    result = Result.LATE
    if call.answerable:
        try:
            result = await say(conn, call, pressed.said, "wecom", hooks)
        except AlarmUnknown:
            return None
        await tell_how_to_go_on(conn, call, result, "wecom")
    return words("answer", None, call.language, result=str(result)).body


def button_says(said: str) -> str:
    """The XML of an answer that changes the pressed button's words."""
    return (
        "<xml><MsgType><![CDATA[update_button]]></MsgType>"
        f"<Button><ReplaceName><![CDATA[{said}]]></ReplaceName></Button></xml>"
    )
