"""The second factor: time-based one-time codes (RFC 6238), each good once, and recovery codes for a lost device."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from datetime import datetime

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ISSUER = "Forecourt"
RECOVERY_CODES = 10
_STEP_SECONDS = 30
_VERSION = b"\x01"
_CODE = re.compile(r"[0-9]{6}")
_RECOVERY = re.compile(r"[A-Z2-7]{16}")


def _cipher(secret_key: str) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=b"forecourt one-time codes").derive(secret_key.encode()))


def seal(secret_key: str, user_id: str, secret: str) -> bytes:
    """A secret as it is stored: encrypted with the service's key and bound to its user."""
    nonce = os.urandom(12)
    return _VERSION + nonce + _cipher(secret_key).encrypt(nonce, secret.encode(), user_id.encode())


def unseal(secret_key: str, user_id: str, sealed: bytes) -> str | None:
    """The secret; None where the service's key has changed since, so that no code is right any more."""
    try:
        return _cipher(secret_key).decrypt(sealed[1:13], sealed[13:], user_id.encode()).decode()
    except InvalidTag:
        return None


def new_secret() -> str:
    """A fresh secret in base32, as authenticator apps take it."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, mail: str) -> str:
    """The otpauth address that an authenticator app reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=mail, issuer_name=ISSUER)


def matched_step(secret: str, code: str, moment: datetime) -> int | None:
    """The time step whose code this is, from half a minute ago to half a minute ahead; None where it is none."""
    code = re.sub(r"\s", "", code)
    if not _CODE.fullmatch(code):
        return None
    present = int(moment.timestamp()) // _STEP_SECONDS
    otp = pyotp.TOTP(secret)
    for step in (present, present - 1, present + 1):
        if hmac.compare_digest(otp.at(step * _STEP_SECONDS), code):
            return step
    return None


def new_recovery_code() -> str:
    """80 random bits in four groups, each code good once."""
    text = base64.b32encode(os.urandom(10)).decode()
    return "-".join(text[at : at + 4] for at in range(0, 16, 4))


def recovery_hash(code: str) -> bytes | None:
    """What is stored of a recovery code; None for a text that is none."""
    bare = re.sub(r"[\s-]", "", code).upper()
    return hashlib.sha256(bare.encode()).digest() if _RECOVERY.fullmatch(bare) else None
