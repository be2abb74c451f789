"""Where every probe of scope is made: an alarm in each of two districts, and who sees which."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from api_service import Person, Service

PEOPLE = (
    "operator", "operator2", "manager", "supervisor", "admin", "caregiver1", "caregiver3", "operator-other",
    "caregiver-other",
)  # fmt: skip

#: Whose areas hold which of the two alarms: ours (demo district) and theirs (its neighbour).
SEES_OURS = {"operator", "operator2", "manager", "supervisor", "admin", "caregiver1", "caregiver3"}
SEES_THEIRS = {"admin", "operator-other", "caregiver-other"}

DESK = {"operator", "operator2", "manager", "admin", "operator-other"}
SUPERVISION = {"manager", "supervisor", "admin"}
RESPONDERS = DESK | {"caregiver1", "caregiver3", "caregiver-other"}

#: (path of what is ours, of what is theirs), by kind of scope.
STATIONS = ("示范街道照护站", "台江区照护调度中心")
AREAS = ("350102001000", "350103001000")


@dataclass(frozen=True)
class Ground:
    """One alarm and visit in each district."""

    service: Service
    ours: str
    theirs: str

    def visible_to(self, login: str) -> set[str]:
        return ({self.ours} if login in SEES_OURS else set()) | ({self.theirs} if login in SEES_THEIRS else set())

    def fingerprint(self, alarm: str) -> list[tuple[object, ...]]:
        """Everything that a move changes."""
        return self.service.sql(
            "SELECT version, state, (SELECT count(*) FROM alarm_event e WHERE e.alarm_id = a.id),"
            " (SELECT count(*) FROM response r WHERE r.alarm_id = a.id),"
            " (SELECT count(*) FROM visit v WHERE v.alarm_id = a.id) FROM alarm a WHERE id = %s", alarm,
        )  # fmt: skip


Probe = Callable[[Ground, Person], Awaitable[None]]


def places(ground: Ground, kind: str) -> tuple[str, str]:
    if kind == "areas":
        return AREAS
    if kind == "homes":
        return ground.service.home("gw-0001"), ground.service.home("gw-other-0001")
    ours, theirs = (str(ground.service.sql("SELECT id FROM station WHERE name = %s", one)[0][0]) for one in STATIONS)
    return ours, theirs
