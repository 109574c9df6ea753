"""Who calls: reads `mneme_<id>_<secret>` from the request, compares in constant time, remembers keys for a second."""

import hmac
import re
import threading
import time
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

from app.domain.access import Caller, StoredKey
from app.errors import UnauthenticatedError

KEY_FORM = re.compile(r"mneme_([A-Za-z0-9]{4,32})_([A-Za-z0-9]{32,64})", re.ASCII)
CACHE_SECONDS = 1.0  # a revoked key works at most this much longer in another process
CACHE_SIZE = 10_000
NO_HASH = bytes(32)


def split_key(header: str | None) -> tuple[str, str]:
    """Id and secret from the Authorization header; raises UnauthenticatedError."""
    scheme, _, token = (header or "").partition(" ")
    match = KEY_FORM.fullmatch(token.strip())
    if scheme.lower() != "bearer" or match is None:
        raise UnauthenticatedError("Send an API key: Authorization: Bearer mneme_<id>_<secret>.")
    return match[1], match[2]


def verify(stored: StoredKey | None, secret: str, now: datetime) -> Caller:
    """The caller, or UnauthenticatedError; an unknown id takes the same comparison as a wrong secret."""
    given = sha256(secret.encode()).digest()
    same = hmac.compare_digest(stored.secret_hash if stored else NO_HASH, given)
    if stored is None or not same or stored.revoked_at is not None:
        raise UnauthenticatedError("The API key is not valid.")
    if stored.expires_at is not None and stored.expires_at <= now:
        raise UnauthenticatedError("The API key has expired.")
    return Caller(stored.id, stored.project_id, stored.scopes, stored.user_id, stored.session_id)


class KeyCache:
    """Keys found in the last second, so that a busy key costs one look-up a second."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._found: dict[str, tuple[float, StoredKey | None]] = {}

    def get(self, key_id: str) -> StoredKey | None:
        """A key that was found lately; None when it must be looked up."""
        with self._lock:
            until, key = self._found.get(key_id, (0.0, None))
            return key if until > self._monotonic() else None

    def put(self, key: StoredKey) -> None:
        """Remember a key for a second."""
        with self._lock:
            if len(self._found) >= CACHE_SIZE:
                self._found.clear()
            self._found[key.id] = (self._monotonic() + CACHE_SECONDS, key)

    def drop(self, key_id: str) -> None:
        """Forget a key that was revoked or changed here."""
        with self._lock:
            self._found.pop(key_id, None)
