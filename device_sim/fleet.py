"""Which gateways to be: the ready file of `carebed up`, or any file of its shape (docs/protocol.md, Starting)."""

from pathlib import Path

import msgspec

from gateway.wire import GATEWAY_ITSELF


class FleetError(Exception):
    """The fleet file cannot be used; the text says why and what is expected."""


class Broker(msgspec.Struct, frozen=True):
    """Where the gateways connect."""

    host: str
    port: int


class Device(msgspec.Struct, frozen=True):
    """One device as it is paired."""

    id: str
    kind: str


class Gateway(msgspec.Struct, frozen=True):
    """One gateway with its credential and the devices behind it. `home` is None for a hosted one."""

    id: str
    password: str
    home: str | None = None
    devices: list[Device] = []

    def wire_name(self, device: Device) -> str:
        """How the device is called in topics."""
        return GATEWAY_ITSELF if device.id == self.id else device.id


class Fleet(msgspec.Struct, frozen=True):
    """The broker and every gateway; other keys of the file are ignored."""

    mqtt: Broker
    gateways: list[Gateway]

    def find(self, name: str | None) -> Gateway:
        """The gateway with this id or of this home; without a name the first one."""
        for gateway in self.gateways:
            if name is None or name in (gateway.id, gateway.home):
                return gateway
        raise FleetError(f"no gateway or home {name!r} in the fleet file" if name else "the fleet file has no gateways")


def read_fleet(path: Path) -> Fleet:
    """Read a fleet file; `FleetError` when it is missing or has another shape."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Fleet)
    except (OSError, ValueError) as error:
        raise FleetError(f"{path}: {error}; expected the ready file that `carebed up --ready-file` writes") from error
