"""Plays one night from its beginning to the morning after, and says which promises were broken, and when."""

from dataclasses import dataclass, replace
from uuid import UUID

from alerts.alarm import Outcome
from alerts.moves import Move, MoveRequest, perform
from carebed.embedded.postgres import DatabaseUrls
from tests.nights import account, promises
from tests.nights.acts import Acts
from tests.nights.program import CHANNELS, Act, Night
from tests.nights.stage import Broken, Stage

#: Every provider is well again: so long until all that was still to go has gone (a back-off is a minute at the most).
_MORNING_S = 130.0
#: Work orders go together, half an hour after the last ones.
_WORK_ORDERS_S = 1_900.0


@dataclass(frozen=True, slots=True)
class Played:
    """`broken`: sentences; `at`: after which act, None in the morning. `sent`, `deaths`: what there was of it."""

    broken: list[str]
    at: int | None
    alarms: int
    sent: int
    deaths: int


async def play(urls: DatabaseUrls, night: Night, number: int) -> Played:
    """The whole night. `number`: of its area, unlike those of other nights on this database."""
    stage = Stage(urls, night, number)
    try:
        await stage.begin()
        acts = Acts(stage)
        for index, act in enumerate(night.acts):
            wrong = await _do(stage, acts, act)
            if wrong:
                return await _played(stage, wrong, index)
        return await _played(stage, await _morning(stage), None)
    finally:
        await stage.close()


async def _do(stage: Stage, acts: Acts, act: Act) -> list[str]:
    try:
        work = await acts.decide(act)
        if work is not None:
            await stage.perform(work, act.killed_at, settles=act.settles)
        elif act.settles:
            await stage.settle()
        return await promises.broken(stage, settled=act.settles)
    except Broken as broken:
        return [str(broken)]


async def _morning(stage: Stage) -> list[str]:
    """Providers are well, and what is open is closed by somebody who was not called."""
    for channel in CHANNELS:
        stage.post.moods[channel] = "confirming"
    try:
        await stage.settle()
        await stage.time_passes(_MORNING_S)
        still: list[UUID] = [
            row.id for row in await stage.rows(
                "SELECT id FROM alarm WHERE station_id = :station AND closed_at IS NULL", station=stage.ground.station
            )
        ]  # fmt: skip
        for alarm in still:
            request = MoveRequest(Move.RESOLVE, alarm, stage.ground.people["manager"], outcome=Outcome.HELP_GIVEN)
            async with stage.mortal.transaction() as conn:
                await perform(conn, request, stage.hooks)
        await stage.settle()
        waits = await stage.rows("SELECT FROM notification WHERE may_wait AND state = 'pending' LIMIT 1")
        await stage.time_passes(_WORK_ORDERS_S if waits else _MORNING_S)
        await stage.settle()  # of a span in which much was due the rest has passed with nobody looking
        wrong = await promises.broken(stage, settled=True)
        return wrong + await account.unaccounted(stage)
    except Broken as broken:
        return [str(broken)]


async def _played(stage: Stage, wrong: list[str], at: int | None) -> Played:
    alarms = await stage.rows("SELECT FROM alarm WHERE station_id = :station", station=stage.ground.station)
    return Played(wrong, at, len(alarms), len(stage.post.sent), stage.mortal.deaths)


class Nights:
    """Night after night on one database. `tries`: how many shorter nights a failure is looked for in."""

    def __init__(self, urls: DatabaseUrls) -> None:
        self._urls = urls
        self._number = 0

    async def play(self, night: Night) -> Played:
        """On ground of its own."""
        self._number += 1
        return await play(self._urls, night, self._number)

    async def shortest(self, night: Night, tries: int = 60) -> tuple[Night, Played]:
        """The same night with as few acts as are needed for some promise to be broken."""
        played = await self.play(night)
        index = len(night.acts)
        while index > 0 and tries > 0 and played.broken:
            index -= 1
            shorter = replace(night, acts=night.acts[:index] + night.acts[index + 1 :])
            again = await self.play(shorter)
            tries -= 1
            if again.broken:
                night, played = shorter, again
        return night, played


def story(night: Night, played: Played) -> str:
    """What a person reads of a failure."""
    lines = [f"{night.zone}, {night.starts_at:%Y-%m-%d %H:%M} UTC"]
    lines += [f"  {number}: {act}" for number, act in enumerate(night.acts)]
    when = "in the morning" if played.at is None else f"after act {played.at}"
    return "\n".join([*lines, *(f"{when}: {one}" for one in played.broken)])
