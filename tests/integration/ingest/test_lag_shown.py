"""How far ingest is behind, by the rows: seen by whoever asks, while ingest is dead and while the database is away."""

import asyncio

from prometheus_client import CollectorRegistry
from small_district import Pipeline

from ingest import metrics
from ingest.metrics import WatermarkMetrics


async def _look(watch: WatermarkMetrics) -> None:
    """One look of its task."""
    async with asyncio.timeout(10):
        task = asyncio.create_task(watch.run())
        while not watch._look.ages_s:
            await asyncio.sleep(0.01)
        task.cancel()


async def test_every_lane_and_group_has_its_age_in_real_time(pipeline: Pipeline) -> None:
    """Twenty seconds ago the last sentinel of the alarm lane; the reading lane has never run."""
    (at,) = await pipeline.row("SELECT clock_timestamp() - interval '20 s'")
    await pipeline.sentinels("alarm", at=at)
    registry = CollectorRegistry()
    watch = WatermarkMetrics(pipeline.database)
    registry.register(watch)
    await _look(watch)
    ages = {
        sample.labels["group"]: sample.value
        for family in registry.collect() for sample in family.samples if sample.labels["lane"] == "alarm"
    }  # fmt: skip
    assert ages.keys() == set("0123456789abcdef")
    assert all(20 <= age < 60 for age in ages.values())
    assert registry.get_sample_value("carebed_watermark_age_seconds", {"lane": "reading", "group": "0"}) is None


async def test_the_age_grows_on_while_nobody_can_be_asked(pipeline: Pipeline) -> None:
    """Nothing is committed then, so nothing gets younger."""
    await pipeline.sentinels()
    watch = WatermarkMetrics(pipeline.database)
    await _look(watch)
    registry = CollectorRegistry()
    registry.register(watch)
    asked = {"lane": "reading", "group": "a"}
    before = registry.get_sample_value("carebed_watermark_age_seconds", asked)
    watch._look = metrics._Look(watch._look.ages_s, watch._look.at_monotonic - 100)
    after = registry.get_sample_value("carebed_watermark_age_seconds", asked)
    assert before is not None
    assert after is not None
    assert 100 <= after - before < 160
