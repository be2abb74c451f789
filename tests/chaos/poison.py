"""Messages that cannot be taken, each with a mark by which it is found in the quarantine."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Poison:
    """`topic` may hold `{shard}`, `{other_shard}`, `{gateway}`, `{device}`; `mark` is in the payload or the topic."""

    topic: str
    payload: bytes
    mark: str


_READING = "carebed/v1/{shard}/{gateway}/reading/{device}"
_ALARM = "carebed/v1/{shard}/{gateway}/alarm/{device}"
_HEALTH = "carebed/v1/{shard}/{gateway}/health/{device}"
_NOW = '"time": 1700000000000'


def _object(mark: str, rest: str) -> bytes:
    return f'{{"id": "{mark}", {rest}}}'.encode()


#: The payload of each kind, from its mark.
_PAYLOADS: tuple[Callable[[str], bytes], ...] = (
    lambda mark: _object(mark, f'{_NOW}, "type": "x"')[:-3],
    lambda mark: _object(mark, f'{_NOW}, "type": 5'),
    lambda mark: _object("", f'{_NOW}, "type": "x", "data": {{"mark": "{mark}"}}'),
    lambda mark: f'{{"{mark}": 1}}'.encode(),
    lambda mark: _object(mark, '"time": "yesterday", "type": "hum"'),
    lambda mark: _object(mark, '"time": 99999999999999999, "type": "hum"'),
    lambda mark: _object(mark, '"time": "2099-01-01T00:00:00Z", "type": "hum"'),
    lambda mark: _object(mark, rf'{_NOW}, "type": "hum", "value": "a\u0000b"'),
    lambda mark: _object(mark, rf'{_NOW}, "type": "hum", "value": "\ud800"'),
    lambda mark: _object(mark, f'{_NOW}, "type": "hum", "value": NaN'),
    lambda mark: _object(mark, f'{_NOW}, "type": "hum", "value": 1e999'),
    lambda mark: _object(mark, f'{_NOW}, "type": "hum", "data": ' + '{"a":' * 40 + "1" + "}" * 40),
    lambda mark: mark.encode() + b"\xff\xfe\x00\x01",
    lambda mark: b"[" * 200 + mark.encode(),
    lambda mark: f'["{mark}", 1, null]'.encode(),
    lambda mark: _object(mark, f'{_NOW}, "type": "hum"') + b"\x00",
)


def brew(chance: Random, mark: str) -> Poison:
    """One of any kind."""
    lane = chance.choice((_READING, _READING, _ALARM, _HEALTH))
    kind = chance.random()
    good = _object(mark, f'{_NOW}, "type": "hum"')
    if kind < 0.08:
        return Poison(lane.replace("{device}", mark), good, mark)  # nobody knows this device
    if kind < 0.16:
        return Poison(lane.replace("{shard}", "{other_shard}"), good, mark)
    if kind < 0.24:
        return Poison(lane + "/" + mark, good, mark)
    if kind < 0.26:
        return Poison(lane, mark.encode() + b" " * (513 * 1024), mark)
    if kind < 0.29:
        return Poison(lane, b"[" + b",".join([good] * 1_001) + b"]", mark)
    return Poison(lane, chance.choice(_PAYLOADS)(mark), mark)
