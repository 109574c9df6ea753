"""Stored answers that must not be readable where they lie: those that hold a new API key are sealed with the caller's
own secret, so the database never has the token; cached answers with what only their asker knows.
"""

import secrets
from hashlib import sha256, shake_256

from app.errors import ConflictError

NONCE_BYTES = 16
CHECK_BYTES = 16


class SealedAnswerError(ConflictError):
    """The answer was stored under another secret of this key."""

    code, title = "answer_sealed", "Answer cannot be shown again"


def seal(body: bytes, secret: str) -> bytes:
    """The body under a key stream of SHAKE-256 over the secret (256 random bits) and a fresh nonce."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + _check(body, nonce, secret) + _mix(body, nonce, secret)


def unseal(sealed: bytes, secret: str) -> bytes:
    """The inverse; raises SealedAnswerError when the key's secret has changed since."""
    nonce, check = sealed[:NONCE_BYTES], sealed[NONCE_BYTES : NONCE_BYTES + CHECK_BYTES]
    body = _mix(sealed[NONCE_BYTES + CHECK_BYTES :], nonce, secret)
    if not secrets.compare_digest(check, _check(body, nonce, secret)):
        raise SealedAnswerError("The key's secret has changed since the first answer, which is sealed with it.")
    return body


def _mix(body: bytes, nonce: bytes, secret: str) -> bytes:
    stream = shake_256(b"stream" + nonce + secret.encode()).digest(len(body))
    return (int.from_bytes(body) ^ int.from_bytes(stream)).to_bytes(len(body))


def _check(body: bytes, nonce: bytes, secret: str) -> bytes:
    return sha256(b"check" + nonce + secret.encode() + body).digest()[:CHECK_BYTES]
