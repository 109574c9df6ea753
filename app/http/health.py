"""Liveness, readiness and metrics: async, and never on the request threads."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import anyio
import anyio.to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.context import ProcessContext
from app.http.idempotency import Reply
from app.http.schemas.health import Live, Ready, ReadyPart
from app.index.protocol import IndexUnavailableError
from app.inference.protocol import Encoder, EncoderUnavailableError
from app.storage import work
from app.storage.failures import UNAVAILABLE
from app.storage.revision import current_revision, head_revision
from app.telemetry.metrics import CONTENT_TYPE
from app.telemetry.scrape import read_text, worker_socket

BEHIND_SECONDS = 60.0  # SPEC 4: an older unit of work means degraded

api = APIRouter(tags=["health"])


@api.get("/health/live", operation_id="health_live", response_model=Live)
async def live() -> Response:
    """The process answers. Touches nothing."""
    return Reply(Live(status="ok")).response()


@api.get(
    "/health/ready",
    operation_id="health_ready",
    response_model=Ready,
    responses={503: {"model": Ready, "description": "not ready"}},
)
async def ready(request: Request) -> Response:
    """200 while requests can be served, `degraded` when a part that they can do without is away; else 503."""
    context: ProcessContext = request.app.state.context
    limiter: anyio.CapacityLimiter = request.app.state.waiting
    parts = await anyio.to_thread.run_sync(check, context, limiter=limiter)
    draining = bool(request.app.state.draining)
    parts["draining"] = ReadyPart(ok=not draining, needed=True, detail="shutting down" if draining else "")
    lost = [name for name, part in parts.items() if not part.ok]
    down = any(parts[name].needed for name in lost)
    status: Literal["ok", "degraded", "unavailable"] = "unavailable" if down else "degraded" if lost else "ok"
    headers = {"Retry-After": "1"} if down else {}
    return Reply(Ready(status=status, parts=parts), 503 if down else 200, headers).response()


def check(context: ProcessContext) -> dict[str, ReadyPart]:
    """Each part as it is now; also sets the gauge of degraded parts."""
    parts: dict[str, ReadyPart] = {}
    try:
        with context.db.transaction(None) as conn:
            parts["database"] = ReadyPart(ok=True, needed=True, detail="")
            revision = current_revision(conn)
            behind = oldest(work.counts(conn))
        stale = revision != head_revision()
        parts["schema"] = ReadyPart(ok=not stale, needed=True, detail=f"revision {revision}" if stale else "")
        late = behind > BEHIND_SECONDS
        detail = f"the oldest work has waited {behind:.0f} s" if late else ""
        parts["pipeline"] = ReadyPart(ok=not late, needed=False, detail=detail)
    except UNAVAILABLE:
        parts["database"] = ReadyPart(ok=False, needed=True, detail="does not answer")
    parts["encoder"] = encoder_part(context.encoder)
    parts["index"] = index_part(context)
    hints = context.hints.healthy()
    parts["hints"] = ReadyPart(ok=hints, needed=False, detail="" if hints else "Redis does not answer")
    for name, part in parts.items():
        context.metrics.degraded.labels(name).set(0 if part.ok else 1)
    return parts


def encoder_part(encoder: Encoder) -> ReadyPart:
    """Whether a short text gets its vector (about 2 ms on the default back end)."""
    try:
        encoder.encode_query("ready")
    except EncoderUnavailableError as error:
        return ReadyPart(ok=False, needed=True, detail=str(error)[:200])
    return ReadyPart(ok=True, needed=True, detail="")


def index_part(context: ProcessContext) -> ReadyPart:
    """Whether the index answers; recall does without it."""
    try:
        if context.index is not None:
            context.index.collections()
    except IndexUnavailableError:
        return ReadyPart(ok=False, needed=False, detail="does not answer; recall reads PostgreSQL")
    return ReadyPart(ok=True, needed=False, detail="")


def worker_text(context: ProcessContext) -> str | None:
    """What the worker of the embedded stack counts; in server mode every worker is scraped by itself."""
    told = worker_socket()
    if told is None:
        return None
    text = read_text(told)
    context.metrics.degraded.labels("worker").set(1 if text is None else 0)
    return text


def oldest(counts: Iterable[Mapping[str, Any]]) -> float:
    """Age in seconds of the oldest unit of work that is still to be done; what is dead waits for people."""
    return max(
        (row["oldest_seconds"] for row in counts if row["what"] == "work" and row["state"] != "dead"), default=0.0
    )


@api.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Prometheus text: counts and times of this process (embedded: also of its worker, labelled), gauges of the ledger
    and of the health of memories; no ids of projects or users.
    """
    context: ProcessContext = request.app.state.context
    limiter: anyio.CapacityLimiter = request.app.state.waiting

    def render() -> bytes:
        check(context)
        try:
            with context.db.transaction(None) as conn:
                counts = work.counts(conn)
        except UNAVAILABLE:
            counts = []
        return context.metrics.render(counts, worker_text(context))

    return Response(await anyio.to_thread.run_sync(render, limiter=limiter), media_type=CONTENT_TYPE)
