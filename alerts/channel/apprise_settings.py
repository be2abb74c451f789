"""What is known of Apprise without it: its section of the channels' file, and the look of its URLs."""

import re

from alerts.channel.settings import Section

_URL = re.compile(r"([a-z][a-z0-9]{1,30})://[!-~]+", re.IGNORECASE)


class AppriseSettings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`schemes`: which of Apprise's people may use. One whose URL names a host lets them choose where our processes
    send requests to; the others go to the service's own address."""

    schemes: tuple[str, ...]


def scheme_of(address: str) -> str | None:
    """Of an Apprise URL, in small letters; None where it is none."""
    found = _URL.fullmatch(address)
    return None if found is None else found[1].lower()


def normal_url(given: str) -> str:
    """As it is stored. ValueError with a sentence for what is no Apprise URL; Apprise judges the rest of it when the
    code is sent there."""
    plain = given.strip()
    if scheme_of(plain) is None:
        raise ValueError("is no Apprise URL: give it like tgram://TOKEN/CHAT")
    return plain
