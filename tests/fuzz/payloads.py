"""Payloads that a device should not send: valid ones, broken at the level of values, tokens, bytes or arrays."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

from gateway.limits import MAX_PAYLOAD_BYTES
from gateway.wire import TYPES, Lane

#: JSON texts, not values: what matters is how they are spelt.
NUMBERS = [
    "0", "-0", "-0.0", "1", "72.5", "1e308", "1.7976931348623157e308", "1.7976931348623159e308", "1e309", "-1e400",
    "1e-400", "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775809",
    "18446744073709551615", "18446744073709551616", "1" + "0" * 308, "1" + "0" * 309, "1" * 4_301, "9" * 5_000,
    "0." + "1" * 400, "01", "+1", ".5", "1.", "0x10", "1_000", "NaN", "Infinity", "-Infinity", "1e", "--1", "1e1000000",
]  # fmt: skip
STRINGS = [
    '""', '"a"', r'"\u0000"', r'"a\u0000b"', '"a\x00b"', r'"\ud800"', r'"\udc00\ud800"', r'"\ud83d\ude00"', '"😀"',
    r'"\\u0000"', r'"\u12"', '"' + "x" * 64 + '"', '"' + "x" * 65 + '"', '"' + "😀" * 64 + '"', '"' + "😀" * 65 + '"',
    "'single'", '"\x01"', r'"\x41"', '"never ends', '"' + "y" * 10_000 + '"', '"\u2028\u202e"', r'"\/\b\f\n\r\t"',
    '"\ufeff"', '"\uffff"', '"e\u0301"', '"NaN"', '"1"', '"true"', r'"\uDFFF"', '"tab\there"',
]  # fmt: skip
OTHERS = [
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "[1,2]",
    '{"a":1}',
    "",
    "undefined",
    "None",
    "True",
    "[[[]]]",
    "{]",
    "/**/1",
]
DEEP = (31, 31, 32, 32, 33, 33, 100, 1_000, 1_000, 30_000)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')


def times(now: datetime) -> list[str]:
    """Times of every kind as JSON text. None lies so near to 10 min ahead that a slow run could move it across."""
    text = [
        "2026-11-22T04:00:00Z", "2026-11-22t04:00:00z", "2026-11-22T04:00:00+08:00", "2026-11-22 04:00:00Z",
        "2026-11-22T04:00:00", "2026-11-22", "2026-11-22T24:00:00Z", "2016-12-31T23:59:60Z", "0000-01-01T00:00:00Z",
        "2026-11-22T04:00:00.123456789Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-14:00", "10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z",
        "2026-11-22T04:00:00+99:99", "2026-11-22T04:00:00-00:00", "20261122T040000Z", "2026-W47-7", "now", "", "Z",
        "2026-11-22T04:00:00.Z", "2026-11-22T4:0:0Z", "２０２６-11-22T04:00:00Z", "1970-01-01T00:00:00Z",
    ]  # fmt: skip
    spans = [timedelta(minutes=4), timedelta(minutes=30), timedelta(days=1), timedelta(days=3_650)]
    spans += [
        -timedelta(seconds=5),
        -timedelta(minutes=5),
        -timedelta(days=2),
        -timedelta(days=40),
        -timedelta(days=7_300),
    ]
    moments = [now + span for span in spans]
    text += [moment.isoformat() for moment in moments]
    milliseconds = [int(moment.timestamp() * 1000) for moment in moments]
    numbers = [
        *milliseconds, 0, -1, 1, int(now.timestamp()), int(now.timestamp() * 1e6), 253_402_300_799_999,
        253_402_300_800_000, -62_135_596_800_000, -62_135_596_800_001, 2**53, 2**63 - 1, 2**63, 2**64, 10**30, -(2**63),
    ]  # fmt: skip
    return [f'"{one}"' for one in text] + [str(one) for one in numbers] + ["1.5", "1e3", "-0", "1763784000000.0"]


class Payloads:
    """Makes payloads from one source of chance; `now` is the middle of the times."""

    def __init__(self, chance: Random, now: datetime, prefix: str) -> None:
        self._chance = chance
        self._now = now
        self._times = times(now)
        self._prefix = prefix
        self._number = 0
        self._ways: list[tuple[Callable[[Lane], bytes], float]] = [
            (self._values, 34), (self._tokens, 18), (self._bytes, 22), (self._array, 18), (self._noise, 6),
            (self._deep, 1.5), (self._large, 0.05), (self._many, 0.05),
        ]  # fmt: skip

    def good(self, lane: Lane) -> bytes:
        """One that keeps the contract, with an id of its own."""
        return self._join(self._fields(lane)).encode()

    def mutated(self, lane: Lane) -> bytes:
        """One that has been broken in some way; now and then it is still good."""
        ways, weights = zip(*self._ways, strict=True)
        (way,) = self._chance.choices(ways, weights)
        return way(lane)

    # Inside

    def _fields(self, lane: Lane) -> dict[str, str]:
        """A good object: key -> JSON text."""
        self._number += 1
        at = self._now - timedelta(seconds=self._chance.random() * 3_000)
        kind = self._chance.choice(sorted(TYPES[lane]))
        value = self._chance.choice(["true", "false", str(self._chance.randint(0, 200)), "36.6", "null", '"low"'])
        time = f'"{at.isoformat()}"' if self._chance.random() < 0.7 else str(int(at.timestamp() * 1000))
        return {
            "id": f'"{self._prefix}{self._number}"', "time": time, "type": f'"{kind}"', "value": value, "unit": "null",
            "data": self._chance.choice(["{}", '{"lat":26.07,"lon":119.3,"accuracy_m":8}', '{"systolic":128}']),
        }  # fmt: skip

    def _join(self, fields: dict[str, str]) -> str:
        return "{" + ",".join(f'"{key}":{value}' for key, value in fields.items()) + "}"

    def _values(self, lane: Lane) -> bytes:
        """Up to three values replaced; keys lost, doubled, invented, in another order."""
        fields = self._fields(lane)
        for _ in range(self._chance.randint(1, 3)):
            key = self._chance.choice(list(fields))
            pool = self._times if key == "time" and self._chance.random() < 0.8 else [*NUMBERS, *STRINGS, *OTHERS]
            fields[key] = self._chance.choice(pool)
        pairs = list(fields.items())
        if self._chance.random() < 0.15:
            pairs.pop(self._chance.randrange(len(pairs)))
        if self._chance.random() < 0.15:
            pairs.append(
                (self._chance.choice(["id", "time", "type", "value", "data", "x"]), self._chance.choice(STRINGS))
            )
        if self._chance.random() < 0.2:
            self._chance.shuffle(pairs)
        return ("{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}").encode("utf-8", "surrogatepass")

    def _tokens(self, lane: Lane) -> bytes:
        """Tokens lost, doubled, swapped, or put where they do not belong."""
        tokens = _TOKEN.findall(self._join(self._fields(lane)))
        for _ in range(self._chance.randint(1, 4)):
            at = self._chance.randrange(len(tokens))
            act = self._chance.randrange(4)
            if act == 0 and len(tokens) > 1:
                tokens.pop(at)
            elif act == 1:
                tokens.insert(at, tokens[self._chance.randrange(len(tokens))])
            elif act == 2:
                other = self._chance.randrange(len(tokens))
                tokens[at], tokens[other] = tokens[other], tokens[at]
            else:
                tokens[at] = self._chance.choice([*NUMBERS[:20], *STRINGS[:12], *OTHERS, ",", ":", "}", "{", "[", "]"])
        blank = self._chance.choice(["", " ", "\n", "\t", "\r\n "])
        return blank.join(tokens).encode("utf-8", "surrogatepass")

    def _bytes(self, lane: Lane) -> bytes:
        """Bytes flipped, lost, doubled, or of no UTF-8; another encoding; cut off."""
        raw = bytearray(self.good(lane))
        way = self._chance.randrange(10)
        if way == 0:
            return bytes(raw[: self._chance.randrange(len(raw))])
        if way == 1:
            return raw.decode().encode(self._chance.choice(["utf-16", "utf-32-le", "utf-8-sig", "utf-7", "cp037"]))
        for _ in range(self._chance.randint(1, 6)):
            at = self._chance.randrange(len(raw))
            act = self._chance.randrange(3)
            if act == 0:
                raw[at] ^= 1 << self._chance.randrange(8)
            elif act == 1:
                raw[at:at] = self._chance.choice(
                    [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x00", b'"']
                )
            elif len(raw) > 1:
                del raw[at]
        return bytes(raw)

    def _array(self, lane: Lane) -> bytes:
        """An array of good and bad ones, perhaps not closed, nested, or with commas too many."""
        ways = [self.good, self.good, self.good, self._values, self._tokens, self._bytes]
        parts = [
            self._chance.choice(ways)(lane)
            for _ in range(self._chance.choice([0, 1, 2, 3, 5, 8, 20]))
        ]  # fmt: skip
        text = b"[" + self._chance.choice([b",", b" , ", b",\n"]).join(parts) + b"]"
        way = self._chance.randrange(12)
        if way == 0:
            text = text[:-1]
        elif way == 1:
            text = text[:-1] + b",]"
        elif way == 2:
            text = b"[" + text + b"]"
        elif way == 3:
            text += self._chance.choice([b",", b"[]", b" x", b"\x00", b"{}", b"]"])
        elif way == 4:
            text = self._chance.choice([b"\xef\xbb\xbf", b" \t\r\n", b",", b"\x0c"]) + text
        return text

    def _noise(self, _lane: Lane) -> bytes:
        """Nothing like JSON, or JSON like nothing."""
        if self._chance.random() < 0.5:
            return self._chance.randbytes(self._chance.choice([0, 1, 2, 10, 100, 1_000]))
        return self._chance.choice(
            [*NUMBERS, *STRINGS, *OTHERS, " ", "[", "]", "{", "}", '"', "[" * 50, "]" * 50]
        ).encode()

    def _deep(self, lane: Lane) -> bytes:
        levels = self._chance.choice(DEEP)
        before, after = self._chance.choice([('{"a":', "}"), ("[", "]"), ('[{"a":', "}]"), ("[", "")])
        nested = before * levels + "1" + after * levels
        where = self._chance.randrange(3)
        if where == 0:
            return nested.encode()
        fields = self._fields(lane)
        fields["data" if where == 1 else "x"] = nested
        return self._join(fields).encode()

    def _large(self, lane: Lane) -> bytes:
        """About 512 KiB: one byte less, exactly, more; and up to the packet's own limit."""
        size = self._chance.choice(
            [MAX_PAYLOAD_BYTES - 1, MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES + 1, 1 << 20, 1_500_000]
        )
        fields = self._fields(lane)
        fields["data"] = '{"x":""}'
        fill = size - len(self._join(fields))
        fields["data"] = '{"x":"' + "z" * fill + '"}'
        return self._join(fields).encode()

    def _many(self, lane: Lane) -> bytes:
        """About a thousand objects, a few of them bad."""
        count = self._chance.choice([999, 1_000, 1_001, 2_000])
        parts = [self.good(lane) if self._chance.random() < 0.99 else self._tokens(lane) for _ in range(count)]
        return b"[" + b",".join(parts) + b"]"


def utc_now() -> datetime:
    """The middle of the times, to the millisecond."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
