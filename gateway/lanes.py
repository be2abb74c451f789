"""The three lanes of the contract and the message types that travel on each.

An unknown type is stored, never an error; these names are the ones that mean something to the backend.
"""

from enum import StrEnum


class Lane(StrEnum):
    """What a message is urgent enough for: an `alarm` counts in seconds, `reading` and `health` may queue."""

    ALARM = "alarm"
    READING = "reading"
    HEALTH = "health"


class AlarmType(StrEnum):
    """Types of the alarm lane."""

    SOS = "sos"
    SOS_CANCEL = "sos_cancel"
    ASSIST = "assist"
    DOORBELL = "doorbell"
    FALL = "fall"
    FALL_CANCEL = "fall_cancel"
    SMOKE = "smoke"
    GAS = "gas"
    LEAK = "leak"
    CHECK_IN = "check_in"


class ReadingType(StrEnum):
    """Types of the reading lane that detectors know: `door` true is open, `bed` true is occupied."""

    MOTION = "motion"
    PRESENCE = "presence"
    DOOR = "door"
    BED = "bed"
    WORN = "worn"
    HEART_RATE = "heart_rate"
    RESPIRATION = "respiration"
    SPO2 = "spo2"
    BLOOD_PRESSURE = "blood_pressure"
    TEMPERATURE = "temperature"
    STEPS = "steps"
    LOCATION = "location"
    WATER = "water"
    POWER = "power"


class HealthType(StrEnum):
    """Types of the health lane: `mains` true is present."""

    HEARTBEAT = "heartbeat"
    ONLINE = "online"
    OFFLINE = "offline"
    BATTERY = "battery"
    MAINS = "mains"
    LINK = "link"
    TAMPER = "tamper"
    FIRMWARE = "firmware"
    COMMAND_RESULT = "command_result"


#: Types per lane.
TYPES: dict[Lane, frozenset[str]] = {
    Lane.ALARM: frozenset(AlarmType),
    Lane.READING: frozenset(ReadingType),
    Lane.HEALTH: frozenset(HealthType),
}

#: Somebody or something is in danger: raised even when the message's time cannot be used.
RAISED_WITHOUT_TIME: frozenset[str] = frozenset(
    {AlarmType.SOS, AlarmType.ASSIST, AlarmType.FALL, AlarmType.SMOKE, AlarmType.GAS, AlarmType.LEAK}
)

#: What the wearer's cancel closes, until somebody has acknowledged or accepted.
CANCELS: dict[str, str] = {AlarmType.SOS_CANCEL: AlarmType.SOS, AlarmType.FALL_CANCEL: AlarmType.FALL}
