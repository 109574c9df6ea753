"""Erasures of which the log outside of the database knows and the database does not, because it was restored from an
older backup: done again before it serves. And the other way round, what a crash kept from the log.
"""

import secrets
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from app.domain.scope import ProjectScope
from app.erasure_log import ErasureLog
from app.services import erasures as service
from app.storage import erasures, scopes, unindex
from app.storage.db import Database

PAGE = 500


def replay(database: Database, log: ErasureLog) -> int:
    """Bring both to the same erasures; returns how many were done again."""
    logged: dict[UUID, dict[UUID, dict[str, Any]]] = defaultdict(dict)
    for entry in log.read():
        logged[UUID(entry["project_id"])][UUID(entry["id"])] = entry
    again = 0
    for scope in _projects(database):
        mine = logged.get(scope.project_id, {})
        with database.transaction(scope) as conn:
            known = erasures.ids(conn, scope)
            late = [
                service.entry(conn, receipt, scope.project_id)
                for receipt in erasures.some(conn, scope, known - set(mine))
            ]
        for entry in late:
            log.append(entry)
        for erasure_id, entry in sorted(mine.items(), key=lambda item: item[1]["erased_at"]):
            if erasure_id not in known:
                with database.transaction(scope) as conn:
                    service.replay(conn, entry, secrets.token_bytes(32))
                again += 1
    return again


def forget_points(database: Database) -> None:
    """After a restore the index is empty: no point has to be taken out of it, and no id to be written into its log."""
    for scope in _projects(database):
        with database.transaction(scope) as conn:
            unindex.clear(conn, scope)


def _projects(database: Database) -> Iterator[ProjectScope]:
    after = UUID(int=0)
    while True:
        with database.transaction(None) as conn:
            page = scopes.projects(conn, after, PAGE)
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].project_id
