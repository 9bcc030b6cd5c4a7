"""What the store keeps in place of a password."""

import hashlib
import hmac
import secrets


def hash_password(password: str) -> str:
    """Return a salted hash of the password."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{_scrypt(password, salt).hex()}"


def password_matches(password: str, stored: str) -> bool:
    """Whether `stored` was made from `password`."""
    salt, _, digest = stored.partition(":")
    return hmac.compare_digest(_scrypt(password, bytes.fromhex(salt)).hex(), digest)


def _scrypt(password: str, salt: bytes) -> bytes:
    # A few milliseconds each: a sandbox guards no real accounts, and registers many.
    return hashlib.scrypt(password.encode(), salt=salt, n=2**10, r=8, p=1)
