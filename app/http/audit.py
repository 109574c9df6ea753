"""`/v1/audit`: who did what, when and why, with before and after; as a list, as a file, and checked. Admin only."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from starlette.responses import Response, StreamingResponse

from app.domain.access import KeyScope
from app.domain.scope import ProjectScope
from app.domain.versions import cause_of, differences
from app.http.deps import Edge, ReadEdge, answer, operation, router
from app.http.masking import Mask, mask_values, masker
from app.http.paging import Cursor, Limit, Page
from app.http.schemas.audit import (
    AuditBreak,
    AuditEntryAnswer,
    AuditFormat,
    AuditKind,
    AuditPage,
    AuditSeal,
    AuditVerification,
)
from app.http.schemas.fields import AppId, Instant
from app.http.version_answers import change_answers
from app.services import audit
from app.storage.audit_entries import AuditQuery, Entry
from app.storage.audit_outcomes import Outcome

Word = Annotated[str | None, Query(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
# A file, as every generator of clients understands it (line-wise JSON is not).
FILE = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
LINES = 500  # entries of one read, and of one block of the file
MOST_CHECKED = 100_000  # seals of one request: some 20 s

api = router("audit")


def narrowing(  # noqa: PLR0913, PLR0917 - filters
    kind: AuditKind | None = None,
    user_id: AppId | None = None,
    actor: Annotated[Word, Query(description="`pipeline`, `key:<id>` or `job:<id>`")] = None,
    action: Word = None,
    target_kind: Word = None,
    target_id: Word = None,
    from_: Annotated[Instant | None, Query(alias="from", description="at or after")] = None,
    to: Annotated[Instant | None, Query(description="before")] = None,
) -> AuditQuery:
    """The filters of a request."""
    return AuditQuery(kind.value if kind else None, user_id, actor, action, target_kind, target_id, from_, to)


Filters = Annotated[AuditQuery, Depends(narrowing)]


@api.api_route("/v1/audit", response_model=AuditPage, **operation("audit_list", KeyScope.ADMIN, "GET"))
def list_page(edge: ReadEdge, filters: Filters, limit: Limit = None, cursor: Cursor = None) -> Response:
    """Acts and changes in the order in which they happened. Secrets are masked; what was erased is redacted."""
    edge.caller.whole_project()
    scope = edge.caller.project
    page = Page(edge.caller, "audit", {"filters": filters}, limit, cursor)
    after = page.after(datetime, UUID, int)
    with edge.read(scope) as conn:
        audit.seal(conn, scope)
        query = replace(filters, after=(after[0], after[1], after[2]) if after else None, limit=page.limit + 1)
        found = audit.page(conn, scope, query)
        hide = masker(conn, scope)
    kept, next_cursor = page.cut(found, lambda entry: (entry.at, entry.ref, entry.version))
    return answer(AuditPage(items=[entry_answer(entry, hide) for entry in kept], next_cursor=next_cursor))


@api.api_route(
    "/v1/audit/export",
    response_class=StreamingResponse,
    responses={200: {"content": FILE, "description": "one JSON object a line"}},
    **operation("audit_export", KeyScope.ADMIN, "GET"),
)
def export(
    edge: ReadEdge,
    filters: Filters,
    format_: Annotated[AuditFormat | None, Query(alias="format", description="`entries` unless told")] = None,
) -> Response:
    """The same as lines of JSON: the entries, or with `format=training` each change of a memory with what was before,
    the operation, what came of it, and what became of that since. Secrets are masked.
    """
    edge.caller.whole_project()
    training = format_ is AuditFormat.TRAINING
    query = replace(filters, kind=AuditKind.CHANGE.value) if training else filters
    _seal_all(edge, edge.caller.project)
    name = f'attachment; filename="audit-{(format_ or AuditFormat.ENTRIES).value}.jsonl"'
    return StreamingResponse(
        lines(edge, query, training=training),
        media_type="application/octet-stream",
        headers={"Content-Disposition": name},
    )


@api.api_route("/v1/audit/verify", response_model=AuditVerification, **operation("audit_verify", KeyScope.ADMIN, "GET"))
def verify(
    edge: ReadEdge, after: Annotated[int | None, Query(ge=0, le=2**62, description="`next_after`")] = None
) -> Response:
    """Check that no entry was changed, taken out or put in since it was sealed; says where the chain breaks. One
    request checks up to 100,000 seals.
    """
    edge.caller.whole_project()
    scope = edge.caller.project
    _seal_all(edge, scope)
    total = audit.Checked()
    go_on: int | None = after or 0
    while go_on is not None and total.seals < MOST_CHECKED:
        with edge.read(scope) as conn:
            checked, go_on = audit.check(conn, scope, go_on)
        total.seals += checked.seals
        total.redacted += checked.redacted
        total.gone += checked.gone
        total.breaks += checked.breaks
    with edge.read(scope) as conn:
        head = audit.head(conn, scope)
    return answer(
        AuditVerification(
            intact=not total.breaks,
            checked=total.seals,
            redacted=total.redacted,
            gone=total.gone,
            breaks=[AuditBreak(seq=b.seq, entry=b.entry, problem=b.problem) for b in total.breaks],
            next_after=go_on,
            head=AuditSeal(seq=head.link.seq, hash=head.link.hash.hex()) if head else None,
        )
    )


def lines(edge: Edge, query: AuditQuery, *, training: bool) -> Iterator[bytes]:
    """The lines of an export, a block at a time."""
    scope = edge.caller.project
    after = None
    while True:
        with edge.read(scope) as conn:
            found = audit.page(conn, scope, replace(query, after=after, limit=LINES))
            hide = masker(conn, scope)
            of = audit.outcomes(conn, scope, found) if training else {}
        rows = [
            training_row(entry, of[entry.ref, entry.version], hide) if training else entry_row(entry, hide)
            for entry in found
            if not training or (entry.ref, entry.version) in of
        ]
        yield b"".join(rows)
        if len(found) < LINES:
            return
        after = (found[-1].at, found[-1].ref, found[-1].version)


def entry_row(entry: Entry, hide: Mask) -> bytes:
    """An entry as a line."""
    return entry_answer(entry, hide).model_dump_json().encode() + b"\n"


def training_row(entry: Entry, outcome: Outcome, hide: Mask) -> bytes:
    """A change as something to learn from."""
    row: dict[str, Any] = {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "user_id": entry.user_id,
        "before": entry.before,
        "operation": {
            "action": entry.action,
            "reason": entry.reason,
            "actor": entry.actor,
            "statement": outcome.statement,
        },
        "after": entry.after,
        "outcome": {
            "feedback": outcome.feedback,
            "next": (
                {"action": outcome.next_change, "reason": outcome.next_reason, "actor": outcome.next_actor}
                if outcome.next_change
                else None
            ),
            "kept": outcome.next_change is None,
            "status": outcome.status,
        },
        "redacted": entry.redacted,
    }
    return json.dumps(mask_values(row, hide), ensure_ascii=False).encode() + b"\n"


def entry_answer(entry: Entry, hide: Mask) -> AuditEntryAnswer:
    """An entry as it is shown."""
    change = entry.kind == AuditKind.CHANGE
    sealed = entry.seq is not None and entry.hash is not None
    return AuditEntryAnswer(
        id=entry.id,
        kind=AuditKind(entry.kind),
        at=entry.at,
        user_id=entry.user_id,
        actor=entry.actor,
        action=entry.action,
        target_kind=entry.target_kind,
        target_id=entry.target_id,
        reason=entry.reason,
        request_id=entry.request_id,
        job_id=entry.job_id or cause_of(entry.actor, None, (), None).job_id,
        candidate_id=entry.candidate_id,
        detail=mask_values(entry.detail, hide),
        version_before=entry.version_before,
        version=entry.version if change else None,
        changes=change_answers(differences(entry.before, entry.after), hide) if change else [],
        redacted=entry.redacted,
        seal=AuditSeal(seq=entry.seq or 0, hash=(entry.hash or b"").hex()) if sealed else None,
    )


def _seal_all(edge: Edge, scope: ProjectScope) -> None:
    """Seal everything that is there, a transaction at a time."""
    start: datetime | None = audit.BEGINNING
    while start is not None:
        with edge.read(scope) as conn:
            start = audit.seal(conn, scope, start=start)
