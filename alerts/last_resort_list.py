"""The last-resort list: webhook addresses in a file, of people who telephone homes when nothing else has helped.

Called when the alarm lane cannot commit (`ingest.last_resort`) and when nobody has answered a ladder
(`alerts.channel.last_resort`).
"""

from pathlib import Path
from urllib.parse import urlsplit

from carebed.logs import get_logger

log = get_logger()


class Addresses:
    """The file: one address a line, `#` begins a comment. Read again at every look, so that it can be mended."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._last: list[str] = []
        self.trouble: str | None = None
        """None, or a sentence for the readiness page."""

    def read(self) -> list[str]:
        """All addresses in their order; of a file that cannot be read any more, those of the last time. What is wrong
        with it stands in `trouble`, and once in the log."""
        try:
            lines = self._file.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as error:
            self._say(f"CAREBED_LAST_RESORT_FILE cannot be read: {type(error).__name__}")
            return self._last
        addresses: list[str] = []
        trouble = None
        for number, line in enumerate(lines, 1):
            address = line.split(" #")[0].strip()
            if not address or address.startswith("#"):
                continue
            if address.startswith(("http://", "https://")) and urlsplit(address).hostname:
                addresses.append(address)
            else:
                trouble = f"line {number} of CAREBED_LAST_RESORT_FILE is no http or https address"
        if not addresses and trouble is None:
            trouble = "CAREBED_LAST_RESORT_FILE holds no address"
        self._say(trouble)
        self._last = list(dict.fromkeys(addresses))
        return self._last

    def _say(self, trouble: str | None) -> None:
        if trouble != self.trouble:
            log.error("last_resort_file", trouble=trouble or "mended")
        self.trouble = trouble
