"""Links in messages work from the first start: their secret is made once and kept, and they lead to what we serve."""

import secrets

from carebed.embedded.datadir import DataDirectory, write_atomically
from carebed.settings import Settings

_FILE = "link-secret"


def link_settings(settings: Settings, data: DataDirectory, http_port: int) -> dict[str, str]:
    """What is not set, by variable: where telephones reach the API, and the secret that signs the links.

    The secret stays the same from start to start, or links that are out would end.
    """
    decided = {}
    if settings.public_url is None:
        decided["CAREBED_PUBLIC_URL"] = f"http://{_reachable(settings.http_host)}:{http_port}"
    if settings.link_secret is None:
        file = data.secrets / _FILE
        if not file.exists():
            write_atomically(file, secrets.token_hex(32))
        decided["CAREBED_LINK_SECRET"] = file.read_text(encoding="utf-8").strip()
    return decided


def _reachable(host: str) -> str:
    """Of every address of this machine the one that is always there; an IPv6 address as a URL has it."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not listened at
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
