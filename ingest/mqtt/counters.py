"""Plain integers that a session counts; whoever exports metrics reads them."""

from dataclasses import dataclass, fields


@dataclass(slots=True)
class Counters:
    """All since the session object was made; every one only grows."""

    received: int = 0
    """Messages read from the socket, redeliveries included."""
    received_bytes: int = 0
    """Payload bytes of these."""
    defects: int = 0
    """Of these, packets that could only be rescued (`Incoming.defect`)."""
    acked: int = 0
    """PUBACKs written."""
    stale_acks: int = 0
    """Acknowledgements dropped because their connection is gone; those messages come again."""
    forgotten: int = 0
    """Messages received but not yet in a batch when their connection was lost; they come again."""
    published: int = 0
    """Messages written to the broker."""
    publishes_dropped: int = 0
    """Messages not sent: no connection, full outbox, or connection lost before the broker's PUBACK."""
    publishes_refused: int = 0
    """Answered by the broker with an error, such as a missing right."""
    connects: int = 0
    """Connections that reached CONNACK; reconnects are one less."""
    sessions_lost: int = 0
    """Connects, other than the first, at which the broker no longer had the session: its backlog is gone."""
    takeovers: int = 0
    """Times that another client took this session (DISCONNECT 0x8E)."""
    pauses: int = 0
    """Times that reading stopped because too much was pending."""

    def as_dict(self) -> dict[str, int]:
        """Name to value, for a metrics exporter."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
