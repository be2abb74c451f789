"""What the demo district is made of. Areas carry real codes; people, homes and addresses are invented."""

from dataclasses import dataclass
from uuid import UUID, uuid5

from registry.pairing import GATEWAY_HEARTBEAT_S

# Name space of ids that must be the same at every start.
_NAMES = UUID("6f1a1c52-0b0e-5d4e-9a38-0c4a3f0e7d11")

#: Homes a community holds before the next one is opened.
HOMES_PER_COMMUNITY = 100

DISTRICT = "350102000000"
STREET = "350102001000"
OTHER_DISTRICT = "350103000000"
OTHER_STREET = "350103001000"
OTHER_COMMUNITY = "350103001001"

#: (code, name, level, parent), parents first; the communities of the demo street are added as homes need them.
AREAS = (
    ("350000000000", "福建省", "province", None),
    ("350100000000", "福州市", "city", "350000000000"),
    (DISTRICT, "鼓楼区", "county", "350100000000"),
    (STREET, "示范街道", "street", DISTRICT),
    (OTHER_DISTRICT, "台江区", "county", "350100000000"),
    (OTHER_STREET, "榕影街道", "street", OTHER_DISTRICT),
    (OTHER_COMMUNITY, "榕影社区", "community", OTHER_STREET),
)


def fixed_id(name: str) -> UUID:
    """The same id for the same thing at every start."""
    return uuid5(_NAMES, name)


DISTRICT_STATION = fixed_id("station district")
STREET_STATION = fixed_id("station street")
OTHER_STATION = fixed_id("station other")

#: (id, name, area, telephone); the district's desk is the first of the highest ones in the tree.
STATIONS = (
    (DISTRICT_STATION, "鼓楼区照护调度中心", DISTRICT, "0591-0000-0001"),
    (STREET_STATION, "示范街道照护站", STREET, "0591-0000-0002"),
    (OTHER_STATION, "台江区照护调度中心", OTHER_DISTRICT, "0591-0000-0003"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can sign in. `tier`: the rota tier he is on call for, if any."""

    login: str
    name: str
    role: str
    area: str
    station: UUID
    tier: int | None = None

    @property
    def id(self) -> UUID:
        """The same at every start."""
        return fixed_id(f"staff {self.login}")


PEOPLE = (
    Person("operator", "郑晓岚", "operator", DISTRICT, STREET_STATION),
    Person("operator2", "黄一鸣", "operator", DISTRICT, DISTRICT_STATION),
    Person("manager", "许文静", "manager", DISTRICT, STREET_STATION),
    Person("supervisor", "高远", "supervisor", DISTRICT, DISTRICT_STATION),
    Person("admin", "宋予安", "admin", "350000000000", DISTRICT_STATION),
    Person("caregiver1", "林小禾", "caregiver", STREET, STREET_STATION, tier=1),
    Person("caregiver2", "陈知夏", "caregiver", STREET, STREET_STATION, tier=1),
    Person("caregiver3", "吴可欣", "caregiver", STREET, STREET_STATION, tier=2),
    Person("caregiver4", "张弛", "caregiver", STREET, STREET_STATION, tier=2),
    Person("operator-other", "方也", "operator", OTHER_DISTRICT, OTHER_STATION),
    Person("caregiver-other", "苏木", "caregiver", OTHER_DISTRICT, OTHER_STATION, tier=1),
)


@dataclass(frozen=True, slots=True)
class Companion:
    """Somebody of a demo home's care circle who is no staff. `home`: its number, from 1. `telephone`: no such number
    can be given to anybody, for no local number begins with 0."""

    name: str
    relation: str
    home: int
    rank: int
    telephone: str
    language: str = "zh"

    @property
    def id(self) -> UUID:
        """The same at every start."""
        return fixed_id(f"companion {self.relation} {self.home} {self.rank}")


COMPANIONS = (
    Companion("周玉兰", "neighbour", 1, 1, "+8659100000011"),
    Companion("邱水生", "neighbour", 1, 2, "+8659100000012"),
    Companion("叶青青", "volunteer", 1, 1, "+8659100000013"),
    Companion("陈思远", "family", 1, 1, "+8659100000014"),
    Companion("Chen Lihua", "family", 1, 2, "+8659100000015", language="en"),
    Companion("江雨晴", "neighbour", 2, 1, "+8659100000016"),
    Companion("潘子墨", "family", 2, 1, "+8659100000017"),
    Companion("余书瑶", "family", 3, 1, "+8659100000018"),
)

#: (login, number of the home that he is assigned to).
ASSIGNED = (("caregiver1", 1), ("caregiver2", 2), ("caregiver1", 3))

_FAMILY_NAMES = "陈林黄郑吴张李王刘蔡叶苏许何高方潘江邱余"
_GIVEN_NAMES = (
    "秀英", "桂兰", "玉珍", "淑贞", "春梅", "美华", "月娥", "金凤", "国强", "建国", "文彬", "志明", "德福", "长庚",
    "永年", "宝珠", "丽娟", "瑞芳", "水木", "天佑",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DemoDevice:
    """`worn`: by the resident. `room`: as in the registry; None: it is carried about, or nobody cares."""

    id: str
    kind: str
    worn: bool = False
    heartbeat_s: int | None = None
    room: str | None = None


@dataclass(frozen=True, slots=True)
class DemoHome:
    """One simulated home: its place, its resident, and its gateway with the devices behind it."""

    gateway: str
    area: str
    station: UUID
    name: str
    address: str
    resident: str
    born_year: int
    bed: str

    @property
    def devices(self) -> tuple[DemoDevice, ...]:
        """What stands in it; the gateway itself comes last."""
        stem = self.gateway.replace("gw-", "h", 1)
        return (
            DemoDevice(f"{stem}-button", "button", room="living_room"),
            DemoDevice(f"{stem}-motion", "motion", room="living_room"),
            DemoDevice(f"{stem}-door", "door", room="entrance"),
            DemoDevice(f"{stem}-bed", "bed", room="bedroom"),
            DemoDevice(f"{stem}-band", "wristband", worn=True, heartbeat_s=60),
            DemoDevice(self.gateway, "gateway", heartbeat_s=GATEWAY_HEARTBEAT_S),
        )


def community_of(number: int) -> tuple[str, str]:
    """(code, name) of the community of the demo street in which home `number` (from 1) lies."""
    community = (number - 1) // HOMES_PER_COMMUNITY + 1
    return f"{STREET[:9]}{community:03d}", f"示范第{community}社区"


def demo_home(number: int) -> DemoHome:
    """Home `number` (from 1) of the demo district."""
    area, community = community_of(number)
    return _home(f"gw-{number:04d}", number, area, STREET_STATION, f"{community}{number}号", "FZ-GL")


def other_home(number: int) -> DemoHome:
    """Home `number` (from 1) of the other district, which nobody of the first one may see."""
    return _home(f"gw-other-{number:04d}", number, OTHER_COMMUNITY, OTHER_STATION, f"榕影社区{number}号", "FZ-TJ")


def _home(gateway: str, number: int, area: str, station: UUID, address: str, bed: str) -> DemoHome:
    resident = _FAMILY_NAMES[number * 7 % len(_FAMILY_NAMES)] + _GIVEN_NAMES[number * 3 % len(_GIVEN_NAMES)]
    return DemoHome(
        gateway=gateway,
        area=area,
        station=station,
        name=f"{resident}家",
        address=f"演示路{number}弄 {address}",
        resident=resident,
        born_year=1930 + number * 11 % 25,
        bed=f"{bed}-{number:05d}",
    )
