"""Sign-in: password hashes, and the tokens of a session.

Passwords are stored as argon2id hashes; tokens are 32 random bytes of which only the SHA-256 is stored, so that neither
a backup nor a reader of the database can sign in.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

#: How long an access token opens the API, and how long a session may be prolonged without the password.
ACCESS = timedelta(minutes=60)
REFRESH = timedelta(hours=12)

#: No password is longer; a longer input is refused before any work is spent on it.
PASSWORD_CHARACTERS = 1_024

# RFC 9106 (argon2id): 19 MiB and 2 passes are OWASP's figure for a server with little memory; about 25 ms here.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)

# What an unknown login is compared with, so that it takes as long as a wrong password. Nobody knows its password.
_NOBODY = _HASHER.hash(secrets.token_urlsafe(32))

# Syllables that survive being read out on the telephone: 8 of 75 are 49 bits.
_CONSONANTS, _VOWELS = "bdfghjkmnprstvz", "aeiou"


def hash_password(password: str) -> str:
    """The argon2id hash to store. Blocking, about 25 ms."""
    return _HASHER.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Does `password` belong to the `stored` hash? `None` (no such login) costs the same and is False. Blocking."""
    try:
        right = _HASHER.verify(stored or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return right and stored is not None


def new_password() -> str:
    """A random password that can be read out: four words of two syllables, 49 bits."""
    words = ("".join(secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS) for _ in range(2)) for _ in range(4))
    return "-".join(words)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the client holds: opaque, URL-safe, 256 bits each."""

    access: str
    refresh: str


def new_tokens() -> Tokens:
    """A fresh pair."""
    return Tokens(secrets.token_urlsafe(32), secrets.token_urlsafe(32))


def token_hash(token: str) -> bytes:
    """What the database keeps of a token. A plain hash is enough for 256 random bits."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
