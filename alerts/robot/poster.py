"""Posts to robot groups what the event log says, each group at its own pace, and delays nobody.

One process of all that run `carebed alerts` does it, elected, over connections of its own. A group's place in the log
and the times of its last posts stand in its row, so that the next one goes on where this one stopped, and no limit is
exceeded by two at once. A post is booked before it is sent and counts whatever becomes of it; the place moves when it
was taken: shown twice rather than never. Each group is a task of its own: one that hangs keeps nobody else waiting.
"""

import asyncio
import time
from collections.abc import Collection, Coroutine, Mapping, Sequence
from typing import Any
from uuid import UUID

import httpx
from prometheus_client import Counter
from sqlalchemy import Row

from alerts.event import CHANNEL
from alerts.robot import Refusal, Refused, Robot, robot_url, store
from alerts.robot.pace import Turn
from alerts.robot.post import Line, single, summary, test
from alerts.robot.robots import ROBOTS
from carebed.database import OUTAGE, Database
from carebed.election import Election
from carebed.logs import get_logger
from carebed.wake import woken_within

log = get_logger()

_ELECTION = 7270153
_TICK_S = 1.0
#: Between two looks, however many alarms there are.
_REST_S = 0.2
_CONNECT_S = 3.0
_POST_S = 10.0
#: How often the place of groups that nothing happens in is written down, so that nobody reads a week of the log again.
_KEEP_S = 60.0
#: Events in one summary.
_LINES = 1_000

#: How long a group rests that somebody has to mend, and at most after other failures (1, 2, 4 ... of `_AGAIN_S`).
_MENDED_BY_PEOPLE_S = 300.0
_AGAIN_S = 5.0
_OF_PEOPLE = frozenset(
    {
        Refusal.WRONG_SIGNATURE, Refusal.KEYWORD_MISSING, Refusal.ADDRESS_REFUSED, Refusal.UNKNOWN_ROBOT,
        Refusal.HOST_NOT_ALLOWED,
    }
)  # fmt: skip

POSTS = Counter("carebed_robot_posts", "Posts to robot groups, by what became of them", ["channel", "outcome"])
for _name in ROBOTS:
    for _outcome in ("posted", *Refusal):
        POSTS.labels(_name, str(_outcome))


class Poster:
    """Of one process. `hosts`: where groups may be; `database`: its own, so that nobody waits for a connection."""

    def __init__(self, database: Database, hosts: Collection[str], robots: Mapping[str, Robot] = ROBOTS) -> None:
        self._database = database
        self._hosts = hosts
        self._robots = robots
        self._election = Election(database.url, _ELECTION, "robots")
        self._wake = asyncio.Event()
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(_POST_S, connect=_CONNECT_S), follow_redirects=False)
        self._busy: dict[UUID, asyncio.Task[None]] = {}
        self._read_to: dict[UUID, int] = {}
        self._rest_until: dict[UUID, float] = {}
        self._kept_at = time.monotonic()

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Its named tasks for `run_tasks`."""
        return {
            "robots-election": self._election.run(),
            "robots-wake": self._database.wake_on(CHANNEL, lambda _: self._wake.set()),
            "robots": self._run(),
        }

    async def _run(self) -> None:
        try:
            while True:
                await self._election.won()
                self._wake.clear()
                try:
                    await self.look()
                except OUTAGE as error:
                    log.warning("robot_look_failed", error=type(error).__name__)
                await asyncio.sleep(_REST_S)
                await woken_within(self._wake, _TICK_S)
        finally:
            await self.close()

    async def close(self) -> None:
        """Give up what is under way: it is shown by the next one."""
        for task in self._busy.values():
            task.cancel()
        await self._http.aclose()

    async def look(self) -> list[asyncio.Task[None]]:
        """Start a post to every group that has something to show and may; the tasks."""
        async with self._database.transaction() as conn:
            newest, groups = await store.groups(conn)
            if time.monotonic() - self._kept_at > _KEEP_S:
                await store.keep_places(conn, self._read_to)
                self._kept_at = time.monotonic()
        self._read_to = {group.id: self._read_to.get(group.id, 0) for group in groups}
        self._rest_until = {one: until for one, until in self._rest_until.items() if until > time.monotonic()}
        return [self._start(group, newest) for group in groups if self._may_post(group, newest)]

    def _may_post(self, group: Row[Any], newest: int) -> bool:
        if group.id in self._busy or group.paused or group.id in self._rest_until:
            return False
        if not group.test_wanted and newest <= self._place(group):
            return False
        return self._robots[group.channel].pace.turn(group.ages_s) is not Turn.NOTHING

    def _place(self, group: Row[Any]) -> int:
        shown: int = group.shown_seq
        return max(shown, self._read_to.get(group.id, 0))

    def _start(self, group: Row[Any], newest: int) -> asyncio.Task[None]:
        def free(task: asyncio.Task[None]) -> None:
            self._busy.pop(group.id, None)
            self._wake.set()
            if not task.cancelled() and (error := task.exception()) is not None:
                log.warning("robot_post_died", group=str(group.id), error=type(error).__name__)

        task = asyncio.create_task(self._serve(group, newest))
        self._busy[group.id] = task
        task.add_done_callback(free)
        return task

    async def _serve(self, group: Row[Any], newest: int) -> None:
        """One post."""
        robot = self._robots[group.channel]
        lines: Sequence[Line] = []
        if group.test_wanted:
            text = test(group.name, group.language, group.now, group.zone)
        else:
            async with self._database.transaction() as conn:
                lines = await store.news(conn, group, self._place(group), _LINES)
            if not lines:
                self._read_to[group.id] = newest
                return
            turn = robot.pace.turn(group.ages_s, len(lines))
            if turn is Turn.NOTHING:
                self._rest_until[group.id] = time.monotonic() + robot.pace.rest_s(group.ages_s)
                return
            text, taken = (
                (single(lines[0], group.language), 1) if turn is Turn.ONE
                else summary(lines, group.language, robot.fits)
            )  # fmt: skip
            lines = lines[:taken]
        async with self._database.transaction() as conn:
            way = await store.book(conn, group.id, robot.pace)
        if way is None:
            return  # another process was quicker, or the group is gone
        try:
            await self._post(robot, way.webhook_url, way.secret, text)
        except Refused as error:
            await self._settle_failure(group, robot, error)
            return
        POSTS.labels(group.channel, "posted").inc()
        async with self._database.transaction() as conn:
            await store.posted(conn, group.id, lines[-1].seq if lines else None)

    async def _post(self, robot: Robot, url: str, secret: str | None, text: str) -> None:
        """Raises `Refused`."""
        try:
            request = robot.request(robot_url(robot, url, self._hosts), secret, text, time.time())
        except ValueError:
            raise Refused(Refusal.HOST_NOT_ALLOWED) from None
        try:
            async with asyncio.timeout(_POST_S):
                answer = await self._http.post(request.url, json=request.body)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            raise Refused(Refusal.UNREACHABLE, type(error).__name__) from None
        try:
            said = dict(answer.json())
            robot.read(said)
        except (ValueError, TypeError, KeyError):
            why = Refusal.TOO_FAST if answer.status_code == 429 else Refusal.UNREACHABLE
            raise Refused(why, f"HTTP {answer.status_code}") from None
        if not answer.is_success:
            raise Refused(Refusal.UNREACHABLE, f"HTTP {answer.status_code}")

    async def _settle_failure(self, group: Row[Any], robot: Robot, error: Refused) -> None:
        POSTS.labels(group.channel, str(error.why)).inc()
        log.warning("robot_post_not_taken", group=str(group.id), channel=group.channel, error=str(error))
        if error.why is Refusal.TOO_FAST:
            pause_s = robot.blocked_s
        elif error.why in _OF_PEOPLE:
            pause_s = _MENDED_BY_PEOPLE_S
        else:
            pause_s = min(_MENDED_BY_PEOPLE_S, _AGAIN_S * 2 ** min(group.failures, 10))
        async with self._database.transaction() as conn:
            await store.not_posted(conn, group.id, str(error), pause_s)
