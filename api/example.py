"""The examples of the OpenAPI document: one alarm, followed through the interface."""

from typing import Any

ALARM: dict[str, Any] = {
    "id": "0192f0c4-6a51-7c3e-9d0a-5b1f0e9c7a11",
    "version": 4,
    "kind": "sos",
    "priority": "life_critical",
    "state": "en_route",
    "owner": {"type": "staff", "id": "5a0c1f0e-2b7d-5d43-8f5e-0a9e6c1d2b30", "name": "林小禾"},
    "raised_at": "2026-11-22T04:00:00.412Z",
    "happened_at": "2026-11-22T04:00:00.123Z",
    "late": False,
    "drill": False,
    "test_expected": False,
    "home": "0192f0c0-1d2e-7f3a-8b4c-5d6e7f8a9b0c",
    "resident": "0192f0c0-1d2e-7f3a-8b4c-6e7f8a9b0c1d",
    "place": {
        "name": "陈秀英家",
        "address": "演示路7弄 示范第1社区7号",
        "area": "350102001001",
        "area_name": "示范第1社区",
        "time_zone": "Asia/Shanghai",
        "station": "示范街道照护站",
    },
    "resident_name": "陈秀英",
    "device": "h0007-button",
    "deadline_at": "2026-11-22T04:30:42.801Z",
    "step": 1,
    "exhausted": False,
    "last_resort_at": None,
    "last_resorts": 0,
    "responses": [
        {
            "staff": "5a0c1f0e-2b7d-5d43-8f5e-0a9e6c1d2b30",
            "name": "林小禾",
            "state": "en_route",
            "called_at": "2026-11-22T04:00:00.698Z",
            "accepted_at": "2026-11-22T04:00:21.033Z",
            "en_route_at": "2026-11-22T04:00:42.801Z",
            "overdue_at": None,
            "arrived_at": None,
            "left_at": None,
        }
    ],
    "repeats": 0,
    "last_repeat_at": None,
    "urged_at": None,
    "devices": [{"id": "h0007-button", "since": "2026-11-22T04:00:00.412Z", "over_at": None}],
    "suspicion": None,
    "why": {"code": "pressed", "text": {"en": "Emergency button pressed", "zh": "按下了紧急呼叫按钮"}},
    "outcome": None,
    "note": None,
    "reference": None,
    "closed_at": None,
    "incident": None,
    "server_time": "2026-11-22T04:00:43.020Z",
}

#: One that nobody pressed: why it was raised stands in it.
EXPLAINED: dict[str, Any] = {
    **ALARM,
    "kind": "inactivity",
    "priority": "urgent",
    "device": None,
    "devices": [],
    "why": {
        "code": "inactivity",
        "text": {
            "en": "No activity for 4.6 h, since 11-22 07:24 (h0007-motion). At this time of day this home is usually "
            "still for at most 2.1 h (learned over 46 days); its limit is 4.2 h.",
            "zh": "自 11-22 07:24（h0007-motion）起已 4.6 小时无活动。该户在此时段通常静止不超过 2.1 小时"
            "（依据 46 天的规律）；上限为 4.2 小时。",
        },
        "detector": "inactivity",
        "since": "2026-11-21T23:24:00.000Z",
        "hours": 4.6,
        "usual_hours": 2.1,
        "limit_hours": 4.2,
        "days": 46,
        "device": "h0007-motion",
        "evidence": [
            {
                "at": "2026-11-21T23:24:00.000Z",
                "device_id": "h0007-motion",
                "name": "厨房红外",
                "room": "kitchen",
                "type": "motion",
                "value": 1.0,
                "message_id": "4711-90",
            }
        ],
    },
}

MOVED = {**ALARM, "stale": False}

PAGE = {"items": [ALARM], "next": None}

EVENTS = {
    "items": [
        {
            "seq": 48213,
            "at": "2026-11-22T04:00:00.412Z",
            "device_time": "2026-11-22T04:00:00.123Z",
            "type": "raised",
            "actor": {"type": "device", "id": "h0007-button", "name": None},
            "channel": "mqtt",
            "version": 1,
            "data": {"kind": "sos"},
        }
    ],
    "next": None,
}

TOKENS = {
    "access_token": "Jq0X1cQm3l0n6mJ5fXH8o0w1Zt6yqkq2mTnq3m8w9xE",
    "refresh_token": "b1c4iJm6l1m1yH6kQ0s7aGmT0k1m3u8Wq9YV2o5p7rA",
    "token_type": "bearer",
    "expires_in": 3600,
}

ME = {
    "id": "5a0c1f0e-2b7d-5d43-8f5e-0a9e6c1d2b30",
    "login": "caregiver1",
    "name": "林小禾",
    "role": "caregiver",
    "area": "350102001000",
    "area_name": "示范街道",
}

HOMES = {
    "items": [
        {
            "id": "0192f0c0-1d2e-7f3a-8b4c-5d6e7f8a9b0c",
            "name": "陈秀英家",
            "address": "演示路7弄 示范第1社区7号",
            "area": "350102001001",
            "area_name": "示范第1社区",
            "station": "示范街道照护站",
            "residents": [{"id": "0192f0c0-1d2e-7f3a-8b4c-6e7f8a9b0c1d", "name": "陈秀英"}],
            "beds": ["FZ-GL-00007"],
        }
    ],
    "next": None,
}

SINCE = "2026-11-22T02:00:00Z"

SERIES = {
    "items": [
        {
            "device": "h0007-band",
            "kind": "wristband",
            "type": "heart_rate",
            "hour": ["2026-11-22T02:00:00.000Z", "2026-11-22T03:00:00.000Z"],
            "readings": [60, 58],
            "mean": [64.2, 66.5],
            "min": [58, 61],
            "max": [81, 97],
            "first": [62, 65],
            "last": [65, 71],
        },
    ],
    "next": None,
}

VISITS = {
    "items": [
        {
            "id": "0192f0c9-0b1c-7d2e-8f3a-4b5c6d7e8f90",
            "alarm": ALARM["id"],
            "home": ALARM["home"],
            "resident": ALARM["resident"],
            "staff": "5a0c1f0e-2b7d-5d43-8f5e-0a9e6c1d2b30",
            "staff_name": "林小禾",
            "kind": "emergency",
            "started_at": "2026-11-22T04:09:12.006Z",
            "ended_at": "2026-11-22T04:41:55.740Z",
            "outcome": "help_given",
        }
    ],
    "next": None,
}

PARAMETERS = {
    "detector": "not_worn",
    "parameters": [
        {
            "name": "limit_s",
            "value": 7200.0,
            "set_in": {"scope": "home", "id": "0192f0c0-1d2e-7f3a-8b4c-5d6e7f8a9b0c"},
            "default": 14400.0,
            "unit": "s",
            "minimum": 600.0,
            "maximum": 604800.0,
            "choices": None,
            "source": "longer than a bath, a meal and a nap",
        }
    ],
}

DETECTORS = {"items": [PARAMETERS], "next": None}

ABSENCE = {
    "id": "0192f0ca-3c5d-7e2f-8a1b-6c7d8e9f0a1b",
    "home": "0192f0c0-1d2e-7f3a-8b4c-5d6e7f8a9b0c",
    "begins_at": "2026-11-22T08:00:00.000Z",
    "ends_at": "2026-11-29T10:00:00.000Z",
    "entered_by": "5a0c1f0e-2b7d-5d43-8f5e-0a9e6c1d2b30",
    "entered_by_name": "许文静",
    "entered_at": "2026-11-22T07:41:03.412Z",
    "note": "In hospital.",
    "withdrawn_at": None,
}

ABSENCES = {"items": [ABSENCE], "next": None}

STREAM = """id: 48213
event: open
data: {"items":[],"server_time":"2026-11-22T04:00:00.120Z"}

id: 48214
event: alarm
data: {"id":"0192f0c4-6a51-7c3e-9d0a-5b1f0e9c7a11","version":1,"kind":"sos","state":"raised"}

event: call
data: {"notification":"0192f0c4-6a60-7b1d-8c2e-3f4a5b6c7d8e","alarm":"0192f0c4-6a51-7c3e-9d0a-5b1f0e9c7a11","step":1,"kind":"called"}

: beat

event: end
data: {"reason":"expired"}

"""  # noqa: E501 - one event's data is one line

_LOAD = {
    "alarms": 884,
    "real": 24,
    "false": 830,
    "test": 12,
    "open": 6,
    "cancelled": 24,
    "real_share": 0.0281,
    "per_1000_homes_day": 45.1,
}

ALARM_LOAD = {
    "from": "2026-10-25T04:00:00+00:00",
    "to": "2026-11-22T04:00:00+00:00",
    "area": "350102001000",
    "homes": 700,
    "total": _LOAD,
    "by_kind": [{**_LOAD, "kind": "inactivity", "detector": "inactivity"}],
    "by_area": [{**_LOAD, "area": "350102001001", "name": "示范第1社区", "homes": 700}],
    "by_home": [
        {
            "alarms": 9,
            "real": 0,
            "false": 9,
            "test": 0,
            "open": 0,
            "cancelled": 0,
            "real_share": 0.0,
            "per_1000_homes_day": 321.43,
            "home": ALARM["home"],
            "name": "陈秀英家",
            "kind": "inactivity",
            "detector": "inactivity",
        }
    ],
}

_SPAN = {"count": 412, "median": 31.0, "p90": 55.2, "p99": 118.4}

_KPI = {
    "calls": 418,
    "answered": 415,
    "waiting": 1,
    "over": 2,
    "late": 4,
    "reopened": 3,
    "within": [
        {"within_s": 60, "answered": 409, "of": 416, "share": 0.9832},
        {"within_s": 180, "answered": 414, "of": 416, "share": 0.9952},
    ],
    "to_answer_s": _SPAN,
    "to_acknowledge_s": {**_SPAN, "count": 395},
    "to_accept_s": {"count": 380, "median": 48.0, "p90": 92.5, "p99": 170.1},
    "to_en_route_s": {"count": 371, "median": 130.4, "p90": 260.0, "p99": 401.7},
    "to_arrival_s": {"count": 366, "median": 610.0, "p90": 1105.3, "p99": 1744.0},
    "to_resolved_s": {"count": 411, "median": 2280.5, "p90": 4031.0, "p99": 7210.2},
}

_TARGET = {"within_s": 60, "share": 0.975, "source": "TSA code of practice (UK telecare)"}

KPI_TARGETS = {"set_in": "350102000000", "targets": [_TARGET]}

KPIS = {
    "from": "2026-10-25T04:00:00+00:00",
    "to": "2026-11-22T04:00:00+00:00",
    "area": "350102000000",
    "targets": {"set_in": None, "items": [{**_TARGET, "reached": 0.9832, "met": True}]},
    "total": _KPI,
    "tests": {**_KPI, "calls": 700, "answered": 700, "waiting": 0, "over": 0, "late": 0, "reopened": 0},
    "by_area": [{**_KPI, "area": "350102001000", "name": "示范街道"}],
    "by_station": [{**_KPI, "station": "5a0c1f0e-2b7d-5d43-8f5e-0a9e6c1d2b31", "name": "示范街道照护站"}],
    "by_kind": [{**_KPI, "kind": "sos"}],
    "by_priority": [{**_KPI, "priority": "life_critical"}],
    "by_hour": [{**_KPI, "hour": 3}],
}

CONTACT_METHOD = {
    "id": "0192f0d1-77aa-7b1c-9a3e-2f4c6d8e0a12",
    "staff": "5a0c1f0e-2b7d-5d43-8f5e-0a9e6c1d2b30",
    "channel": "sms",
    "address": "+8613800138000",
    "rank": 0,
    "wait_s": 20,
    "verified": True,
    "verified_at": "2026-11-02T01:12:09.114Z",
    "delivered_at": "2026-11-21T23:50:14.802Z",
    "failed_at": None,
    "failures": 0,
    "created_at": "2026-11-02T01:11:40.020Z",
}

CONTACT_METHODS = {"items": [CONTACT_METHOD], "next": None}

QUIET_HOURS = {"from": "22:00", "until": "07:00"}

RELATIVE = {
    "staff": "7b1d6c0e-3f4a-4b5c-8d7e-8f9a0b1c2d3e",
    "name": "陈晓兰",
    "home": ALARM["home"],
    "rank": 1,
    "tells": {"kinds": ["sos", "fall"], "from": "06:30", "until": "23:00"},
}

FAMILY = {"items": [RELATIVE], "next": None}

MY_FAMILY = {
    "items": [{"home": ALARM["home"], "home_name": "陈秀英家", "tells": {"when": "over"}}],
    "next": None,
}

ACCESS = {
    "home": ALARM["home"],
    "key_box": "门左侧密码盒 4711",
    "door_code": "0815#",
    "hazards": "家中用氧；有狗。",
    "updated_at": "2026-11-20T02:11:40.000Z",
}

ACCESS_NOTE = {
    "home": ALARM["home"],
    "updated_at": "2026-11-20T02:11:40.000Z",
    "updated_by": "5a0c1f0e-2b7d-5d43-8f5e-0a9e6c1d2b30",
    "updated_by_name": "许文静",
}

ACCESS_LOG = {
    "items": [
        {
            "at": "2026-11-22T04:06:12.318Z",
            "alarm": ALARM["id"],
            "staff": "7b1d6c0e-3f4a-4b5c-8d7e-8f9a0b1c2d3e",
            "name": "林志强",
            "what": "read",
        }
    ],
    "next": None,
}

INCIDENT_HOMES = {
    "items": [
        {
            "home": ALARM["home"],
            "name": "陈秀英家",
            "address": "示范路 1 号",
            "member": "0192f0c4-6a51-7c3e-9d0a-5b1f0e9c7a12",
            "out": True,
            "alarms": [{"id": "0192f0c4-6a51-7c3e-9d0a-5b1f0e9c7a12", "kind": "mains", "state": "raised"}],
            "residents": [{"id": "0192f0c0-1d2e-7f3a-8b4c-5d6e7f8a9b0d", "name": "陈秀英"}],
            "tick": {
                "finding": "well",
                "note": "Rang; she has candles.",
                "staff": "5a0c1f0e-2b7d-5d43-8f5e-0a9e6c1d2b30",
                "name": "许文静",
                "at": "2026-11-22T04:11:03.412Z",
                "alarm": None,
            },
        }
    ],
    "next": None,
    "unticked": 0,
}

TICKED = {
    "incident": "0192f0c4-6a51-7c3e-9d0a-5b1f0e9c7a10",
    "member": "0192f0c4-6a51-7c3e-9d0a-5b1f0e9c7a12",
    "finding": "well",
    "alarm": None,
    "unticked": 3,
}


PUSH_KEY = {
    "public_key": "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
}

PUSH_SUBSCRIPTION = {
    "id": "0192f0d1-9b10-7c5e-8f21-6a0d4c9e1b77",
    "confirmed_at": "2026-11-22T04:00:03.250Z",
    "route": True,
}
