"""WeCom's section of the channels' file, and the look of its addresses."""

import re

from alerts.channel.settings import Section

_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")


class WecomSettings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`token`, `encoding_aes_key` (43 characters): of the application's callback; without it no button answers."""

    corp_id: str
    corp_secret: str
    agent_id: int
    token: str
    encoding_aes_key: str
    endpoint: str = "https://qyapi.weixin.qq.com"


def normal_user(given: str) -> str:
    """A member's user id as it is stored. ValueError with a sentence for what is none; `@all` is not."""
    plain = given.strip()
    if not _USER.fullmatch(plain):
        raise ValueError("is no WeCom user id: it is in the member's entry of the address book")
    return plain
