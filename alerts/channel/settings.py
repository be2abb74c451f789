"""What the channels' settings have in common: each is a section of the file that `CAREBED_CHANNELS_FILE` names."""

import msgspec


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A channel's section. It shows nothing of itself, for there are secrets in it."""

    def __repr__(self) -> str:
        """The name only."""
        return f"{type(self).__name__}()"
