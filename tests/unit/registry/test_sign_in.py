"""Passwords and tokens."""

import re

from registry.sign_in import hash_password, new_password, new_tokens, token_hash, verify_password


def test_a_password_opens_its_own_hash_and_no_other() -> None:
    stored = hash_password("korb-Öl-🔑")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert verify_password(stored, "korb-Öl-🔑")
    assert not verify_password(stored, "korb-Öl")
    assert hash_password("korb-Öl-🔑") != stored, "each hash has a salt of its own"


def test_no_login_and_a_broken_hash_open_to_nothing() -> None:
    assert not verify_password(None, "")
    assert not verify_password("", "x")
    assert not verify_password("plain", "plain")


def test_a_new_password_can_be_read_out_and_is_never_the_same() -> None:
    passwords = {new_password() for _ in range(200)}
    assert len(passwords) == 200
    assert all(re.fullmatch(r"([a-z]{4}-){3}[a-z]{4}", password) for password in passwords)


def test_tokens_are_long_and_only_their_digest_is_kept() -> None:
    tokens = new_tokens()
    assert len(tokens.access) == len(tokens.refresh) == 43
    assert tokens.access != tokens.refresh
    assert len(token_hash(tokens.access)) == 32
    assert len(token_hash("ü")) == 32, "whatever a client sends"
