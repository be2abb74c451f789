"""Plain integers that a session counts; whoever exports metrics reads them (`ingest.metrics`)."""

from dataclasses import dataclass, field, fields


def _counted(meaning: str) -> int:
    """A counter and what it counts: the text of its metric."""
    counter: int = field(default=0, metadata={"meaning": meaning})
    return counter


@dataclass(slots=True)
class Counters:
    """All since the session object was made; every one only grows."""

    received: int = _counted("Messages read from the socket, redeliveries included")
    received_bytes: int = _counted("Payload bytes of these")
    defects: int = _counted("Of the received, packets that could only be rescued")
    acked: int = _counted("PUBACKs written")
    stale_acks: int = _counted("Acknowledgements dropped because their connection is gone; those messages come again")
    forgotten: int = _counted(
        "Messages received and not in a batch yet when their connection was lost; they come again"
    )
    published: int = _counted("Messages written to the broker")
    publishes_dropped: int = _counted(
        "Messages not sent: no connection, full outbox, or connection lost before the broker's PUBACK"
    )
    publishes_refused: int = _counted("Messages that the broker answered with an error, such as a missing right")
    connects: int = _counted("Connections that reached CONNACK; every one but a session's first is a reconnect")
    sessions_lost: int = _counted(
        "Connects at which the broker no longer had a session that there had been: its backlog is gone"
    )
    takeovers: int = _counted("Times that another client took a session (DISCONNECT 0x8E)")
    pauses: int = _counted("Times that reading stopped because too much was pending")

    def as_dict(self) -> dict[str, int]:
        """Name to value."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @staticmethod
    def meanings() -> dict[str, str]:
        """Name to what it counts."""
        return {one.name: one.metadata["meaning"] for one in fields(Counters)}
