"""What `carebed up` can be told."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class BrokerKind(StrEnum):
    """Which broker `carebed up` brings."""

    MOSQUITTO = "mosquitto"
    RABBITMQ = "rabbitmq"


@dataclass(frozen=True)
class UpOptions:
    """The command's options; each has an environment variable `CAREBED_...` of the same name."""

    data_dir: Path = Path("data")
    http_port: int = 8080
    mqtt_port: int = 1883
    ready_file: Path | None = None
    demo: bool = False
    sim: bool = True  # only with `demo`
    homes: int = 20
    broker: BrokerKind = BrokerKind.MOSQUITTO
    ingest_workers: int = 1
    alerts_workers: int = 1
