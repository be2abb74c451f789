"""The block that `carebed up` prints when all is ready."""

from pathlib import Path

from carebed.up.console import say, table
from carebed.up.demo import Demo
from carebed.up.options import UpOptions


def greet(options: UpOptions, demo: Demo, logs: Path) -> None:
    """Say where the page is and who can sign in."""
    say("Ready.")
    say()
    rows = [
        ["On-call page", f"http://127.0.0.1:{options.http_port}"],
        ["Devices (MQTT)", f"127.0.0.1:{options.mqtt_port}"],
    ]
    if options.ready_file is not None:
        rows.append(["Ready file", str(options.ready_file)])
    table([*rows, ["Logs", str(logs)]])
    if demo.users:
        say()
        table([["Login", "Password", "Role"], *([u["login"], u["password"], u["role"]] for u in demo.users)])
    say()
    say("Ctrl-C stops everything.")
