"""What a lane shows of its window and its sessions."""

from prometheus_client import CollectorRegistry

from ingest.metrics import IntakeMetrics
from ingest.mqtt import Intake, Session


def _session(name: str) -> Session:
    return Session("nowhere", 1, name, "secret", ["t/#"])


def test_the_window_and_the_sums_of_all_sessions() -> None:
    first, second = _session("ingest-alarm-0"), _session("ingest-alarm-1")
    intake = Intake([first, second], max_pending=100, max_pending_bytes=1_000)
    registry = CollectorRegistry()
    registry.register(IntakeMetrics(intake, "alarm"))

    def value(name: str) -> float | None:
        return registry.get_sample_value(name, {"lane": "alarm"})

    first.counters.received, second.counters.received = 5, 7
    intake.arrived(first, 5, 50)
    second.pause()
    assert value("carebed_mqtt_received_total") == 12
    assert value("carebed_mqtt_pauses_total") == 1
    assert (value("carebed_ingest_pending_messages"), value("carebed_ingest_pending_messages_limit")) == (5, 100)
    assert (value("carebed_ingest_pending_bytes"), value("carebed_ingest_pending_bytes_limit")) == (50, 1_000)
    assert (value("carebed_mqtt_sessions"), value("carebed_mqtt_sessions_unready")) == (2, 2)
    assert value("carebed_mqtt_sessions_paused") == 1


def test_what_a_session_that_has_left_had_counted_stays_counted() -> None:
    """A counter that falls looks to Prometheus like a restart."""
    first, second = _session("ingest-alarm-0"), _session("ingest-alarm-1")
    intake = Intake([first, second])
    registry = CollectorRegistry()
    registry.register(IntakeMetrics(intake, "alarm"))
    first.counters.sessions_lost, second.counters.sessions_lost = 2, 1
    seen = [registry.get_sample_value("carebed_mqtt_sessions_lost_total", {"lane": "alarm"})]
    for sessions in ([second], [second, _session("ingest-alarm-0")], [first, second]):
        intake.sessions = sessions
        seen.append(registry.get_sample_value("carebed_mqtt_sessions_lost_total", {"lane": "alarm"}))
    assert seen[:3] == [3, 3, 3]
