"""Examples of answers about rotas, one story: a night post, a colleague who stands in, a swap, a holiday."""

_LIN = "0192f0c0-2a3b-7c4d-9e5f-6a7b8c9d0e1f"
_CHEN = "0192f0c0-3b4c-7d5e-8f60-7b8c9d0e1f2a"
_MANAGER = "0192f0c0-4c5d-7e6f-9071-8c9d0e1f2a3b"
_STATION = "0192f0c0-0c1d-7e2f-8a3b-4c5d6e7f8a9b"
_PATTERN = "0192f0c4-9a8b-7c6d-8e5f-4a3b2c1d0e9f"

SHIFT = {
    "id": "0192f0c5-5a6b-7c7d-8e9f-0a1b2c3d4e5f",
    "station": _STATION,
    "station_name": "示范街道照护站",
    "tier": 1,
    "pattern": _PATTERN,
    "pattern_name": "Night",
    "staff": _LIN,
    "staff_name": "林小禾",
    "starts_at": "2026-11-24T12:00:00.000Z",
    "ends_at": "2026-11-25T00:00:00.000Z",
    "origin": "pattern",
    "override": None,
}

SHIFTS = {"items": [SHIFT], "next": None}

ON_CALL = {"station": _STATION, "at": "2026-11-24T15:00:00.000Z", "shifts": [SHIFT]}

GAPS = {
    "items": [
        {
            "station": _STATION,
            "station_name": "示范街道照护站",
            "tier": 1,
            "why": "absent",
            "starts_at": "2026-12-01T12:00:00.000Z",
            "ends_at": "2026-12-02T00:00:00.000Z",
            "pattern": _PATTERN,
            "pattern_name": "Night",
            "staff": _LIN,
            "staff_name": "林小禾",
        }
    ],
    "next": None,
}

_LAYER = {
    "people": [_LIN, _CHEN],
    "anchor": "2026-11-23",
    "turn_days": 7,
    "handover": "08:00:00",
    "spans": [{"days": [1, 2, 3, 4, 5], "from": "20:00:00", "until": "08:00:00"}],
}

PATTERN = {
    "id": _PATTERN,
    "station": _STATION,
    "tier": 1,
    "name": "Night",
    "time_zone": "Asia/Shanghai",
    "people": [{"id": _LIN, "name": "林小禾"}, {"id": _CHEN, "name": "陈知夏"}],
    "versions": [
        {
            "id": "0192f0c4-9a8c-7b1d-8c2e-3f4a5b6c7d8e",
            "layers": [_LAYER],
            "holds_from": "2026-11-22T04:00:00.000Z",
            "set_at": "2026-11-22T04:00:00.000Z",
            "set_by": _MANAGER,
            "set_by_name": "许文静",
            "note": None,
        }
    ],
    "planned_until": "2027-01-17T04:00:00.000Z",
}

PATTERNS = {"items": [PATTERN], "next": None}

PREVIEW = {
    "time_zone": "Asia/Shanghai",
    "shifts": [{"staff": _LIN, "starts_at": "2026-11-24T12:00:00.000Z", "ends_at": "2026-11-25T00:00:00.000Z"}],
    "holes": [{"starts_at": "2026-11-25T00:00:00.000Z", "ends_at": "2026-11-25T12:00:00.000Z"}],
}

OVERRIDE = {
    "id": "0192f0c6-1a2b-7c3d-8e4f-5a6b7c8d9e0f",
    "pattern": _PATTERN,
    "staff": _CHEN,
    "staff_name": "陈知夏",
    "instead_of": None,
    "starts_at": "2026-11-24T12:00:00.000Z",
    "ends_at": "2026-11-25T00:00:00.000Z",
    "swap": None,
    "note": None,
    "entered_by": _MANAGER,
    "entered_by_name": "许文静",
    "entered_at": "2026-11-22T04:10:00.000Z",
    "withdrawn_at": None,
    "withdrawn_by": None,
}

OVERRIDES = {"items": [OVERRIDE], "next": None}

SWAP = {
    "id": "0192f0c7-2b3c-7d4e-9f50-6a7b8c9d0e1f",
    "state": "accepted",
    "proposed_by": _LIN,
    "proposed_by_name": "林小禾",
    "proposed_at": "2026-11-22T04:20:00.000Z",
    "proposed_to": _CHEN,
    "proposed_to_name": "陈知夏",
    "shift": {
        "pattern": _PATTERN,
        "pattern_name": "Night",
        "starts_at": "2026-11-24T12:00:00.000Z",
        "ends_at": "2026-11-25T00:00:00.000Z",
    },
    "in_return": None,
    "note": "Exam.",
    "answered_at": "2026-11-22T04:25:00.000Z",
    "answered_by": _CHEN,
    "withdrawn_at": None,
    "withdrawn_by": None,
}

SWAPS = {"items": [SWAP], "next": None}

STAFF_ABSENCE = {
    "id": "0192f0c8-3c4d-7e5f-8a60-7b8c9d0e1f2a",
    "staff": _LIN,
    "kind": "holiday",
    "begins_at": "2026-12-01T00:00:00.000Z",
    "ends_at": "2026-12-15T00:00:00.000Z",
    "note": None,
    "entered_by": _MANAGER,
    "entered_by_name": "许文静",
    "entered_at": "2026-11-22T04:30:00.000Z",
    "withdrawn_at": None,
    "withdrawn_by": None,
}

STAFF_ABSENCES = {"items": [STAFF_ABSENCE], "next": None}
