"""The file that `CAREBED_CHANNELS_FILE` names: JSON, a section for each channel that is set up, mode 0600."""

from pathlib import Path

import msgspec

from alerts.channel import Channel
from alerts.channel.apprise_settings import AppriseSettings
from alerts.channel.email import Email, EmailSettings
from alerts.channel.wecom import Wecom
from alerts.channel.wecom_settings import WecomSettings
from carebed.settings_file import read_settings_file


class ChannelFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A channel without a section is not set up."""

    email: EmailSettings | None = None
    apprise: AppriseSettings | None = None
    wecom: WecomSettings | None = None

    @property
    def names(self) -> list[str]:
        """The channels that are set up; sections are called as they are."""
        return [name for name in self.__struct_fields__ if getattr(self, name) is not None]

    def set_up(self) -> list[Channel]:
        """They themselves; whoever asks closes them."""
        found: list[Channel] = []
        if self.email is not None:
            found.append(Email(self.email))
        if self.wecom is not None:
            found.append(Wecom(self.wecom))
        if self.apprise is not None:
            from alerts.channel.apprise import AppriseChannel  # only here: it knows a hundred services

            found.append(AppriseChannel(self.apprise))
        return found


def read_file(file: Path) -> ChannelFile:
    """What stands in this file; `SettingsError` with a sentence that quotes nothing from it."""
    return read_settings_file(file, ChannelFile, "CAREBED_CHANNELS_FILE")
