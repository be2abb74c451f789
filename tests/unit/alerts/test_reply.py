"""What people write back is read as they write it, and what is not clear is not guessed."""

import pytest
from cases import raised

from alerts.answers import move_for
from alerts.case import Answer
from alerts.moves import Move
from alerts.reply import Said, read_reply
from alerts.response import ResponseState
from carebed.ids import new_id

_CLEAR = {
    Said.GOES: "1 | 1472 | 1 去 472 | 我去 | 去 472 | YES | 回复1472 | 好的，我马上过去 | I'm coming | 马上出发",
    Said.STAYS: (
        "2 | ２ ４７２ | 不去 | 不能去472 | no 472 | 没空去 | 抱歉，来不了。 | 去不了了 | 临时有事去不了 | 到不了"
        " | 赶不过去"
    ),
    Said.ON_THE_WAY: (
        "3 | 3472 | 3 出发 472 | 已出发 | 我出发了 | 在路上 | 已经在路上了 | 正在赶过去 | 马上到 | 快到了 | On my way!"
    ),
    Said.THERE: (
        "4 | 4472 | ４ | 到了 | 我到了。 | 已到 472 | 已到达 | 到现场了 | 在门口 | 到他家了 | I'm here | arrived"
    ),
}


@pytest.mark.parametrize("said", Said)
def test_what_people_write_is_understood(said: Said) -> None:
    for words in _CLEAR[said].split(" | "):
        assert read_reply(words) == (said, "472" if "472" in words or "４７２" in words else None), words


def test_what_is_not_clear_is_not_guessed() -> None:
    """A wrong yes calls everybody else off, a wrong arrival keeps them away, a wrong no sends the next one."""
    unclear = (
        "", "收到", "yesterday", "472", "5472", "您好，我正在开会，稍后联系您", "【自动回复】这是自动回复", "让别人去",
        "是谁？", "1号楼在哪里？", "2分钟后到", "3楼到了", "不用担心，我马上去", "1 不去", "3 到了", "4 出发了",
        "2 已到达", "还没到", "没到", "还没出发", "不在路上", "什么时候到", "到时候联系", "您到了吗", "在吗", "我在",
        "别人到了", "谁在路上", "出发吗", "快点",
    )  # fmt: skip
    for words in unclear:
        assert read_reply(words) is None, words


@pytest.mark.parametrize(
    ("said", "state", "move"),
    [
        (Said.GOES, ResponseState.EN_ROUTE, Move.ACCEPT),
        (Said.STAYS, None, Move.DECLINE),
        (Said.STAYS, ResponseState.EN_ROUTE, Move.HAND_BACK),
        (Said.ON_THE_WAY, ResponseState.CALLED, Move.EN_ROUTE),
        (Said.ON_THE_WAY, ResponseState.ARRIVED, Move.ARRIVE),
        (Said.THERE, ResponseState.EN_ROUTE, Move.ARRIVE),
    ],
)
def test_what_is_said_is_a_move_by_how_one_stands(said: Said, state: ResponseState | None, move: Move) -> None:
    case, who = raised(), new_id()
    if state is not None:
        case.answers[who] = Answer(who, state, 1)
    assert move_for(said, "caregiver", case, who) is move
