"""Signatures as Standard Webhooks 1.0.0 prescribes them."""

import pytest

from alerts.webhook import secret_bytes, signature
from carebed.errors import SettingsError


def test_the_example_that_the_reference_libraries_are_tested_with() -> None:
    key = secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_every_part_is_signed() -> None:
    key = secret_bytes("whsec_" + "A" * 32)
    whole = signature(key, "id", 1, b"body")
    others = {
        signature(key, "ie", 1, b"body"),
        signature(key, "id", 2, b"body"),
        signature(key, "id", 1, b"bodz"),
        signature(secret_bytes("whsec_" + "B" * 32), "id", 1, b"body"),
    }
    assert len(others | {whole}) == 5


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_short", "whsec_not base64 at all!", "whsec_AAAAAAAAAAAAAAAA"])
def test_a_secret_that_is_none_is_refused_in_one_sentence(secret: str) -> None:
    with pytest.raises(SettingsError, match="CAREBED_WEBHOOK_SECRET is wrong: it must be whsec_"):
        secret_bytes(secret)
