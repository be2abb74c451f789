"""The order of test files: those that take long come first, so that in the end no process waits for one of them.

A process takes the next file whenever it has none (`--dist loadfile --no-loadscope-reorder`). In the order of
pytest-xdist itself, by the number of tests, a file with one test of a minute would be the last. Within a file nothing
changes.
"""

import pytest

#: By their seconds on two idle cores, about 97 down to 5; the others follow as they were found.
LONGEST = (
    # acceptance and web: what waits beside what computes
    "test_crash_ingest.py", "test_silence.py", "test_last_resort.py", "test_chaos.py", "test_replay.py",
    "test_ingest_outages.py", "test_on_call_page.py", "test_killed_while_answering.py",
    "test_killed_at_every_statement.py", "test_first_walk.py", "test_board_when_things_go_wrong.py",
    "test_workers_share_a_lane.py", "test_accessibility.py", "test_crash_alerts.py", "test_probe.py",
    "test_killed_while_telling.py", "test_watching.py",
    # unit, integration, stories and migration
    "test_scope.py", "test_up.py", "test_live_stream.py", "test_leases.py", "test_fuzz_share.py",
    "test_moves_over_http.py", "test_sign_in_over_http.py", "test_answers.py", "test_dead_lines.py",
    "test_quarantine_command.py", "test_api_process.py", "test_policies_over_http.py", "test_web_push.py",
    "test_contact_methods.py", "test_detection.py", "test_bad_requests.py", "test_rotas_over_http.py",
    "test_postgres.py", "test_demo_seed.py", "test_migrations.py", "test_mqtt_connection.py", "test_scenarios.py",
    "test_random_nights.py",
)  # fmt: skip
_RANKS = {name: rank for rank, name in enumerate(LONGEST)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort files by their rank."""
    items.sort(key=lambda item: _RANKS.get(item.path.name, len(_RANKS)))
