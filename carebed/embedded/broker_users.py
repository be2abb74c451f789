"""The broker's password file: our own users and every gateway that is not revoked."""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from carebed.embedded.broker_config import RESERVED_PREFIXES, own_users
from carebed.embedded.datadir import read_json, write_atomically

# Mosquitto's own: PBKDF2 with SHA-512, 101 rounds, 12 bytes of salt. Few rounds are fine for 144 random bits.
_ROUNDS = 101
_SALT_BYTES = 12
_GATEWAY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HASH = re.compile(r"\$[67]\$[A-Za-z0-9+/=$]{1,200}")


def password_hash(password: str) -> str:
    """A password as Mosquitto's password file wants it: `$7$101$salt$hash`."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS)
    return f"$7${_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def own_passwords(path: Path) -> dict[str, str]:
    """Passwords of our own users, made once and kept in `path` (JSON, mode 0600)."""
    kept = {str(user): str(password) for user, password in read_json(path).items()}
    missing = [user for user in own_users() if user not in kept]
    if missing:
        kept |= {user: secrets.token_urlsafe(24) for user in missing}
        write_atomically(path, json.dumps(kept, indent=2))
    return kept


def refused(gateway: str, secret_hash: str) -> str | None:
    """Why a gateway cannot stand in the password file (a line of it would be ours, or broken), or None."""
    if gateway.startswith(RESERVED_PREFIXES):
        return "reserved id"
    if not _GATEWAY.fullmatch(gateway):
        return "malformed id"
    if not _HASH.fullmatch(secret_hash):
        return "malformed hash"
    return None


def password_lines(own_hashes: Mapping[str, str], gateways: Iterable[tuple[str, str]]) -> str:
    """The file's text: `user:hash` a line, refused gateways left out."""
    users = dict(own_hashes)
    users |= {gateway: hashed for gateway, hashed in gateways if refused(gateway, hashed) is None}
    return "".join(f"{user}:{hashed}\n" for user, hashed in users.items())
