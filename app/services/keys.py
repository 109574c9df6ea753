"""API keys: 256-bit random secrets of which only the SHA-256 is kept."""

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from app.domain.access import KeyScope, StoredKey
from app.domain.scope import ProjectScope
from app.errors import FieldError, InvalidInputError, NotFoundError
from app.storage import keys
from app.storage.db import Connection

ALPHABET = string.ascii_letters + string.digits
ID_LENGTH = 12
SECRET_LENGTH = 43  # 62 ** 43 > 2 ** 256

Choose = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """What a key shall be able to do."""

    name: str
    scopes: frozenset[KeyScope]
    user_id: str | None = None
    session_id: str | None = None
    expires_at: datetime | None = None


def token(key_id: str, secret: str) -> str:
    """How an app sends it."""
    return f"mneme_{key_id}_{secret}"


def create(
    conn: Connection, scope: ProjectScope, order: KeyOrder, now: datetime, choose: Choose = secrets.choice
) -> tuple[StoredKey, str]:
    """A new key and its token, which cannot be shown again."""
    if order.session_id is not None and order.user_id is None:
        field = FieldError("/user_id", "is needed with session_id", "missing")
        raise InvalidInputError("A key bound to a session is bound to its user too.", errors=(field,))
    if order.user_id is not None and KeyScope.ADMIN in order.scopes:
        field = FieldError("/scopes", "admin is for whole projects", "conflict")
        raise InvalidInputError("A key bound to a user cannot be an admin.", errors=(field,))
    if order.expires_at is not None and order.expires_at <= now:
        field = FieldError("/expires_at", "is in the past", "past")
        raise InvalidInputError("The key would have expired already.", errors=(field,))
    secret = _random(SECRET_LENGTH, choose)
    key = StoredKey(
        id=_random(ID_LENGTH, choose),
        project_id=scope.project_id,
        name=order.name,
        secret_hash=_hash(secret),
        scopes=frozenset(scope.value for scope in order.scopes),
        user_id=order.user_id,
        session_id=order.session_id,
        expires_at=order.expires_at,
        revoked_at=None,
        last_used_at=None,
        created_at=now,
    )
    keys.insert(conn, scope, key)
    return key, token(key.id, secret)


def get(conn: Connection, scope: ProjectScope, key_id: str) -> StoredKey:
    """A key of this project; raises NotFoundError."""
    return _found(keys.get(conn, scope, key_id))


def page(conn: Connection, scope: ProjectScope, *, after: tuple[datetime, str] | None, limit: int) -> list[StoredKey]:
    """Keys of this project."""
    return keys.page(conn, scope, after=after, limit=limit)


def rotate(
    conn: Connection, scope: ProjectScope, key_id: str, choose: Choose = secrets.choice
) -> tuple[StoredKey, str]:
    """Another secret for a live key; the old one stops working within a second."""
    secret = _random(SECRET_LENGTH, choose)
    key = _found(keys.replace_secret(conn, scope, key_id, _hash(secret)))
    return key, token(key.id, secret)


def revoke(conn: Connection, scope: ProjectScope, key_id: str, now: datetime) -> StoredKey:
    """End a key."""
    return _found(keys.revoke(conn, scope, key_id, now))


def _found(key: StoredKey | None) -> StoredKey:
    if key is None:
        raise NotFoundError("There is no such key.")
    return key


def _hash(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def _random(length: int, choose: Choose) -> str:
    return "".join(choose(ALPHABET) for _ in range(length))
