"""The key that identifies this installation to push services (VAPID, RFC 8292): P-256, PEM, made once and kept.

A new one ends every subscription, for browsers bind them to it.
"""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from carebed.embedded.datadir import write_atomically
from carebed.errors import SettingsError


def make_missing(file: Path) -> None:
    """Make it, mode 0600, where there is none yet."""
    if file.exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_atomically(file, pem.decode())


def read(file: Path) -> ec.EllipticCurvePrivateKey:
    """The key in this file; `SettingsError` with a sentence for anything else."""
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise SettingsError(f"CAREBED_WEB_PUSH_KEY_FILE cannot be read: {error.strerror}.") from None
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SettingsError("CAREBED_WEB_PUSH_KEY_FILE is wrong: it must hold a P-256 private key in PEM.")
    return key
