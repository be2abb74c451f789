"""The judgement of silence: whatever the times, never beyond the watermark, never before the span."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ingest.detect.silence import SETTLE, Link, Pipeline, judge_inactivity, judge_known, judge_offline

START = datetime(2026, 11, 22, tzinfo=UTC)
WAIT = timedelta(seconds=1)

times = st.integers(0, 200_000).map(lambda seconds: START + timedelta(seconds=seconds))
spans = st.integers(1, 100_000).map(lambda seconds: timedelta(seconds=seconds))
pipelines = st.builds(Pipeline, st.none() | times, st.none() | times)
links = st.none() | st.builds(Link, times, spans)


@given(now=times, activity_at=times, limit=spans, pipeline=pipelines)
def test_inactivity_never_fires_before_its_span_nor_beyond_the_watermark(
    now: datetime, activity_at: datetime, limit: timedelta, pipeline: Pipeline
) -> None:
    """And whoever had been silent when a gap ended has had time to be heard since."""
    verdict = judge_inactivity(now, activity_at, limit, pipeline, WAIT)
    assert verdict.again_at > now
    if verdict.fire:
        due = activity_at + limit
        assert due <= now
        assert pipeline.watermark is not None
        assert due <= pipeline.watermark
        gap_end = pipeline.recovered_at
        assert gap_end is None or activity_at >= gap_end or now - gap_end >= SETTLE


@given(activity_at=times, limit=spans, later=spans)
def test_a_still_home_is_found_as_soon_as_the_watermark_has_passed(
    activity_at: datetime, limit: timedelta, later: timedelta
) -> None:
    """Nothing else is needed, however long ago the last gap was."""
    due = activity_at + limit
    now = due + later
    pipeline = Pipeline(watermark=due, recovered_at=activity_at - timedelta(days=1))
    assert judge_inactivity(now, activity_at, limit, pipeline, WAIT).fire


@given(now=times, activity_at=times, limit=spans, pipeline=pipelines)
def test_a_home_is_looked_at_again_when_it_might_be_due(
    now: datetime, activity_at: datetime, limit: timedelta, pipeline: Pipeline
) -> None:
    """An active home's next look is exactly at its span's end: not earlier, which costs, nor later, which delays."""
    if activity_at + limit > now:
        assert judge_inactivity(now, activity_at, limit, pipeline, WAIT).again_at == activity_at + limit


@given(now=times, seen_at=times, allowed=spans, pipeline=pipelines, link=links)
def test_offline_never_fires_before_its_allowance_nor_beyond_the_watermark_nor_for_a_silent_gateway(
    now: datetime, seen_at: datetime, allowed: timedelta, pipeline: Pipeline, link: Link | None
) -> None:
    """A gap starts the allowance anew; a gateway must have spoken after the device should have."""
    verdict = judge_offline(now, seen_at, allowed, pipeline, WAIT, link)
    assert verdict.again_at > now
    if verdict.fire:
        due = max(seen_at, pipeline.recovered_at or seen_at) + allowed
        assert due <= now
        assert pipeline.watermark is not None
        assert due <= pipeline.watermark
        assert link is None or link.seen_at >= due


@given(seen_at=times, allowed=spans, behind=spans)
def test_a_silent_device_of_a_living_gateway_is_found(seen_at: datetime, allowed: timedelta, behind: timedelta) -> None:
    """The gateway's first word after the allowance is the proof."""
    due = seen_at + allowed
    link = Link(seen_at=due + behind, allowed=timedelta(seconds=120))
    assert judge_offline(due + behind, seen_at, allowed, Pipeline(due, None), WAIT, link).fire


@given(seen_at=times, allowed=spans, link_allowed=spans)
def test_a_device_is_never_found_before_its_gateway_when_both_fall_silent_at_once(
    seen_at: datetime, allowed: timedelta, link_allowed: timedelta
) -> None:
    """Whichever allowance is shorter."""
    link = Link(seen_at, link_allowed)
    for after in (allowed, link_allowed, allowed + link_allowed):
        now = seen_at + after
        assert not judge_offline(now, seen_at, allowed, Pipeline(now, None), WAIT, link).fire


#: A gateway with a silence behind it, or none.
gateways = st.builds(Link, times, spans) | st.tuples(times, spans, spans, spans).map(
    lambda one: Link(one[0] + one[3] + one[2], one[1], one[0], one[0] + one[3])
)


@given(now=times, pipeline=pipelines, behind=st.lists(gateways, max_size=3).map(tuple))
def test_a_home_is_known_no_further_than_its_pipeline_and_its_gateways_were_heard(
    now: datetime, pipeline: Pipeline, behind: tuple[Link, ...]
) -> None:
    """And not at all while what was kept during a gap is still on its way."""
    known = judge_known(now, pipeline, behind, WAIT)
    assert known.again_at > now
    if known.until is None:
        settling = [one for link in behind if (one := link.settles_at()) is not None and one > now]
        gap = pipeline.recovered_at is not None and pipeline.recovered_at + SETTLE > now
        assert pipeline.watermark is None or settling or gap
    else:
        assert pipeline.watermark is not None
        assert known.until <= min(now, pipeline.watermark, *(link.seen_at for link in behind), now)


def test_a_gateway_that_was_silent_for_as_long_as_it_may_has_kept_nothing() -> None:
    allowed = timedelta(minutes=2)
    pipeline = Pipeline(START + timedelta(hours=1), None)
    now = START + timedelta(minutes=10)
    for silence, known in ((allowed, True), (allowed + timedelta(seconds=1), False)):
        link = Link(now, allowed, now - silence, now)
        assert (judge_known(now, pipeline, (link,), WAIT).until is not None) is known
