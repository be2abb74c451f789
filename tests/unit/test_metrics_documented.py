"""Every metric there is stands in the one table of docs/operations.md, and the alert rules ask for none that is not."""

import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from ruamel.yaml import YAML

import alerts
import api
import carebed
import ingest
import registry
import visits
from carebed.broker_watch import BrokerWatch
from ingest.metrics import IntakeMetrics, WatermarkMetrics

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "carebed.rules.yml"
ROOMS = (carebed, registry, alerts, visits, ingest, api)
ON_DEMAND = (BrokerWatch(None), IntakeMetrics(None, ""), WatermarkMetrics(None))


def _families() -> Iterator[Metric]:
    """Of everything that any process registers."""
    for room in ROOMS:
        for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    yield from (family for family in REGISTRY.collect() if family.name.startswith("carebed_"))
    for collector in ON_DEMAND:
        yield from collector.describe()


def _exposed(families: Iterable[Metric]) -> dict[str, str]:
    """Name as Prometheus shows it -> type; a histogram under its own name."""
    return {one.name + ("_total" if one.type == "counter" else ""): one.type for one in families}


METRICS = _exposed(_families())


def test_the_table_of_metrics_is_what_the_processes_register() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    table = re.search(r"^\| metric \| from \| is \|\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table is not None
    named = [name for row in table[1].splitlines() for name in re.findall("`(carebed_[a-z_]+)`", row.split("|")[1])]
    assert sorted(named) == sorted(METRICS)


def test_collectors_that_are_read_on_demand_are_all_looked_at_here() -> None:
    ours = {
        cls for cls in Collector.__subclasses__() if cls.__module__.split(".")[0] in {one.__name__ for one in ROOMS}
    }
    assert ours == {type(one) for one in ON_DEMAND}


@pytest.mark.parametrize("name", METRICS)
def test_names_keep_the_conventions(name: str) -> None:
    """Base units, a counter ends in _total and nothing else does."""
    assert re.fullmatch(r"carebed(_[a-z]+)+", name)
    assert not re.search(r"_(ms|millis\w*|minutes|hours|kb|mb|percent|count|sum|bucket)$", name)
    assert name.endswith("_total") == (METRICS[name] == "counter")


def _rules() -> list[dict[str, Any]]:
    return [rule for group in YAML(typ="safe").load(RULES)["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_asks_for_metrics_and_labels_that_there_are(rule: dict[str, Any]) -> None:
    names = re.findall(r"\bcarebed_[a-z_]+", rule["expr"])
    assert names or "up{" in rule["expr"]
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in names} <= METRICS.keys()
    for name in names:
        assert ("increase(" + name in rule["expr"]) == (METRICS[name] == "counter") or "absent(" in rule["expr"]
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"]


def test_every_alert_has_a_name_of_its_own() -> None:
    names = [rule["alert"] for rule in _rules()]
    assert len(set(names)) == len(names)
