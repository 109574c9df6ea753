"""Artefacts: files that an app keeps beside a user's memory (an adapter, a cache of keys and values), as they are."""

from dataclasses import replace
from typing import IO, Any
from uuid import UUID

from app.domain.scope import Scope, UserScope
from app.errors import NotFoundError
from app.storage import artefacts
from app.storage.artefacts import Artefact
from app.storage.db import Connection


def put(conn: Connection, scope: UserScope, artefact: Artefact, content: IO[bytes]) -> tuple[Artefact, bool]:
    """Store it as the next version of its name; the newest one where content, kind and provenance are the same.
    Whether it is fresh.
    """
    before = artefacts.newest(conn, scope, artefact.name)
    if before is not None and _said(before) == _said(artefact):
        return before, False
    stored = replace(artefact, version=1 if before is None else before.version + 1)
    artefacts.insert(conn, scope, stored, content)
    return stored, True


def _said(artefact: Artefact) -> tuple[str, str, dict[str, Any]]:
    return artefact.fingerprint, artefact.kind, artefact.provenance


def get(conn: Connection, scope: Scope, artefact_id: UUID) -> Artefact:
    """One version; raises NotFoundError."""
    found = artefacts.get(conn, scope, artefact_id)
    if found is None:
        raise NotFoundError("There is no such artefact.")
    return found


def delete(conn: Connection, scope: Scope, artefact_id: UUID) -> UserScope:
    """Take one version out; returns whose it was. Raises NotFoundError."""
    found = get(conn, scope, artefact_id)
    owner = UserScope(scope.project_id, found.user_id)
    artefacts.delete(conn, owner, artefact_id)
    return owner
