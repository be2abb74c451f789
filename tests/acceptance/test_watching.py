"""The operator looks at a running house: what Prometheus gets of it, and what waits in quarantine."""

import json
import subprocess
import sys
import uuid

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.device_line import DeviceLine
from tests.house import House, wait_for


def _samples(house: House, process: str, name: str) -> list[tuple[dict[str, str], float]]:
    """What a process shows of one metric."""
    address = house.http if process == "api" else str(house.ready["health"][process][0])
    text = httpx.get(f"{address}/metrics", timeout=10).text
    families = text_string_to_metric_families(text)
    return [(sample.labels, sample.value) for family in families for sample in family.samples if sample.name == name]


def _quarantine(house: House, *arguments: str) -> tuple[int, str]:
    argv = [sys.executable, "-m", "carebed", "quarantine", *arguments, "--data-dir", str(house.data_dir)]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout


def test_every_process_is_ready_and_how_far_ingest_is_behind_is_seen_from_outside_of_it(system: House) -> None:
    for process in ("ingest-alarm", "ingest-reading", "alerts", "scheduler", "api"):
        ready = wait_for(lambda process=process: _samples(system, process, "carebed_ready"), 30)
        assert ready
        assert {value for _, value in ready} == {1.0}, process
    for process in ("alerts", "ingest-alarm", "ingest-reading"):
        ages = wait_for(
            lambda process=process: (
                len(found := _samples(system, process, "carebed_watermark_age_seconds")) == 32 and found
            ), 60,
        )  # fmt: skip
        assert ages, process
        assert {labels["lane"] for labels, _ in ages} == {"alarm", "reading"}
        assert max(value for _, value in ages) < 60


def test_the_auditor_looks_at_open_alarms(system: House) -> None:
    name = "carebed_audit_timestamp_seconds"
    (looked,) = wait_for(lambda: [at for _, at in _samples(system, "alerts", name) if at > 0], 60) or [0]
    assert looked > 0
    found = _samples(system, "alerts", "carebed_audit_found")
    assert {labels["trouble"] for labels, _ in found} >= {"overdue", "nobody_called", "no_owner"}


def test_what_the_broker_drops_and_what_ingest_holds_is_shown(system: House) -> None:
    dropped = wait_for(lambda: _samples(system, "scheduler", "carebed_broker_dropped_messages_total"), 60)
    assert [value for _, value in dropped] == [0.0]
    for process, lane in (("ingest-alarm", "alarm"), ("ingest-reading", "reading")):
        ((labels, limit),) = _samples(system, process, "carebed_ingest_pending_messages_limit")
        assert labels == {"lane": lane}
        ((_, pending),) = _samples(system, process, "carebed_ingest_pending_messages")
        assert pending < limit
        assert all(value == 0 for _, value in _samples(system, process, "carebed_mqtt_sessions_lost_total"))


def test_a_device_that_nobody_has_paired_waits_in_quarantine_and_is_explained(system: House) -> None:
    gateway = system.ready["gateways"][0]
    device = f"new-{uuid.uuid4().hex[:8]}"
    with DeviceLine(system.ready, gateway) as line:
        line.send("reading", device, "motion")
    like = f"%/{gateway['id']}/reading/{device}"
    count = "SELECT id FROM quarantine WHERE encode(topic, 'escape') LIKE %s"
    ((row_id,),) = wait_for(lambda: system.query(count, like), 30)
    assert any(
        labels == {"lane": "reading", "reason": "unknown_device"} and value >= 1
        for labels, value in _samples(system, "ingest-reading", "carebed_quarantined_total")
    )
    code, text = _quarantine(system, "list", "--gateway", gateway["id"], "--json")
    assert code == 0
    assert [item["device"] for item in json.loads(text)["items"] if item["id"] == row_id] == [device]
    code, text = _quarantine(system, "explain", str(row_id))
    assert code == 0
    assert f"{device}: not registered" in text
    assert "Pair the device" in text
    code, text = _quarantine(system, "replay", str(row_id))
    assert (code, "still refused: unknown_device" in text) == (1, True)
