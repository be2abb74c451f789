"""The way down: receipts and commands as devices see them."""

import json
from uuid import UUID

import msgspec
import pytest

from gateway.wire import Phrase, Receipt, Status, decode_command, decode_receipt, say

ALARM = UUID("018f0000-0000-7000-8000-000000000001")


def test_a_receipt_reads_as_the_contract_spells_it() -> None:
    receipt = Receipt(id="b17-000042", status=Status.ACCEPTED, alarm=ALARM)
    assert json.loads(receipt.encode()) == {
        "id": "b17-000042",
        "status": "accepted",
        "alarm": str(ALARM),
        "reason": None,
    }
    assert decode_receipt(receipt.encode()) == receipt


@pytest.mark.parametrize(
    ("status", "final"),
    [(Status.ACCEPTED, True), (Status.DUPLICATE, True), (Status.REJECTED, True), (Status.HOLD, False)],
)
def test_only_hold_asks_for_a_resend(status: Status, final: bool) -> None:
    assert Receipt(id="1", status=status).final is final


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b'{"id":"1"}', b'{"id":"1","status":"perhaps"}', b'{"id":"\xff","status":"hold"}']
)
def test_what_is_no_receipt_is_refused(raw: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, ValueError)):
        decode_receipt(raw)


def test_a_device_is_told_that_help_is_coming() -> None:
    command = say("c-19", Phrase.HELP_IS_COMING)
    assert json.loads(command.encode()) == {"id": "c-19", "type": "say", "data": {"phrase": "help_is_coming"}}
    assert decode_command(command.encode()) == command


def test_a_command_of_a_later_version_is_still_read() -> None:
    assert decode_command(b'{"id":"c-1","type":"dance","new":true}').type == "dance"
