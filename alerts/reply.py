"""What somebody says in answer to a message: a digit on the telephone's keys, a word in an SMS, a button.

The same four digits everywhere, so that they can be learned once: 1 I go, 2 I cannot (before or after), 3 I am on the
way, 4 I am there.
"""

import re
import unicodedata
from enum import StrEnum


class Said(StrEnum):
    """What an answer says, whatever its state makes of it (`alerts.answers.move_for`)."""

    GOES = "goes"
    STAYS = "stays"
    ON_THE_WAY = "on_the_way"
    THERE = "there"


#: Digit or key -> what it says.
KEYS = {"1": Said.GOES, "2": Said.STAYS, "3": Said.ON_THE_WAY, "4": Said.THERE}

#: What somebody can say to what he is told: to a call; to the news that he has been expected to move; after what he has
#: said before (`alerts.answers.Result`).
_TO_CALLS = (Said.GOES, Said.STAYS)
#: News of these kinds can be answered: whoever is down as going may say what has become of him.
ASKS_HIM_WHO_GOES = frozenset({"expired", "sent"})
_TO_HIM_WHO_GOES = (Said.GOES, Said.ON_THE_WAY, Said.THERE, Said.STAYS)
_AFTER = {"going": (Said.ON_THE_WAY, Said.THERE, Said.STAYS), "on_the_way": (Said.THERE, Said.STAYS)}


def goes_on(kind: str, result: str | None) -> tuple[Said, ...]:
    """What can be said to a message of this kind that can be answered. `result`: what an `answer` tells of."""
    if kind == "answer":
        return _AFTER.get(result or "", ())
    return _TO_HIM_WHO_GOES if kind in ASKS_HIM_WHO_GOES else _TO_CALLS


_DIGITS = re.compile(r"([1-4])?(\d{3,6})?")

# The whole of what was written must say it. One word out of a sentence says nothing: telephones answer by themselves
# ("您好 正在开会"), and "没空去" or "1号楼在哪里" sends nobody to a door. Who is not understood is asked for the code.
_WORDS = {
    Said.GOES: re.compile(
        r"(?:好的?|是的?|行|可以|yes|y|ok|okay)*"
        r"(?:i?go|(?:im)?going|(?:im)?coming"
        r"|我?(?:可以|能)?(?:马上|现在|立刻|立即|这就|就)*(?:过|前)?[去来往](?:响应|处理)?[了啦的吧]?"
        r"|我?(?:马上|立刻|立即|这就)出发)?"
    ),
    Said.STAYS: re.compile(
        r"(?:抱歉|对不起|不好意思|我|现在|今天|临时|有事)*"
        r"(?:不|不能|不行|不在|不方便|没空|没时间|没法|没办法|无法|否|no|n|i?cant|i?cannot"
        r"|[去来到]不[了成]|过不[去来]|赶不[到及上]|赶不过[去来]|来不及|交回)(?:过|前)?[去来往]?[了啊的]?"
    ),
    # Who says that he is nearly there is on the way.
    Said.ON_THE_WAY: re.compile(
        r"(?:好的?|我|已经?|正|正在|现在|刚|刚刚|人)*"
        r"(?:出发|动身|上路|在?路上|在(?:过)?去的?路上|在赶?(?:过|前)[去来往]|赶(?:过|前)?[去来往]|在去"
        r"|马上就?要?到|快要?到|就要?到|很快就?到)[了啦的]?"
        r"|(?:i?am|im)?(?:already|now)?(?:onmyway|ontheway|omw|enroute)(?:now)?"
    ),
    Said.THERE: re.compile(
        r"(?:好的?|我|我们|已经?|刚|刚刚|人|现在)*"
        r"(?:到达?|到场|(?:到了?|到达|在)(?:现场|门口|家门口|[他她老]人?家))[了啦的]?"
        r"|(?:ihave|ive|i?am|im)?(?:already|now|just)?(?:arrived|here|there|onsite|onscene|atthedoor)(?:now)?"
    ),
}  # fmt: skip
_NOTHING_SAID = ("", "回复", "reply")


def read_reply(words: str) -> tuple[Said, str | None] | None:
    """(what it says, code or None) of what somebody has sent; None where that is not clear. A digit or a word for it;
    the message's code may follow."""
    plain = unicodedata.normalize("NFKC", words).casefold()[:200]
    digits = _DIGITS.fullmatch("".join(re.findall(r"\d", plain)))
    said = re.sub(r"[\W\d_]", "", plain)
    if digits is None:
        return None
    meant = {KEYS[digits[1]]} if digits[1] else set()
    if said not in _NOTHING_SAID:
        found = [one for one, way in _WORDS.items() if way.fullmatch(said)]
        if len(found) != 1:
            return None
        meant.update(found)
    return (meant.pop(), digits[2]) if len(meant) == 1 else None
