"""The gateway: `create_app(context)` puts lifespan, layers, routers and error handlers together. Wiring only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
from anyio import CapacityLimiter
from fastapi import FastAPI
from starlette.types import Scope

from app.clock import IdSource, new_id
from app.context import ProcessContext
from app.http import (
    aggregate,
    artefacts,
    audit,
    cubes,
    draining,
    erasures,
    events,
    feedback,
    health,
    jobs,
    keys,
    memories,
    memory_state,
    openapi,
    policy,
    problems,
    projects,
    recall,
    session_context,
    sessions,
    shares,
    snapshots,
    user_lists,
    users,
    versions,
)
from app.http.after import AfterAnswers
from app.http.auth import KeyCache
from app.http.middleware import TopMiddleware
from app.http.rates import RateLimiter
from app.ledger.index_runner import IndexRunner
from app.settings import Settings
from app.telemetry.metrics import Metrics
from app.telemetry.operations import of_route

VERSION = "0.1.0"
WAITING_THREADS = 4  # for health and waiting clients; each holds one for a few milliseconds at a time
ROUTERS = (
    events.api,
    aggregate.api,
    memories.api,
    versions.api,
    memory_state.api,
    feedback.api,
    users.api,
    erasures.api,
    user_lists.api,
    sessions.api,
    session_context.api,
    jobs.api,
    snapshots.api,
    audit.api,
    keys.api,
    projects.api,
    policy.api,
    recall.api,
    cubes.api,
    shares.api,
    artefacts.api,
    health.api,
)


def create_app(context: ProcessContext) -> FastAPI:
    """The ASGI app of one gateway process. The caller closes the context after it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = context.settings.request_threads
        app.state.waiting = CapacityLimiter(WAITING_THREADS)
        # The in-process index has one writer: a thread here. With a server, the workers write.
        runner = IndexRunner(context) if context.index is not None and context.settings.qdrant_url is None else None
        if runner is not None:
            runner.start()
        app.state.after = AfterAnswers(context)
        app.state.after.start()
        try:
            with draining.watch(app, context.settings.drain_seconds):
                yield
        finally:
            await anyio.to_thread.run_sync(app.state.after.stop)
            if runner is not None:
                await anyio.to_thread.run_sync(runner.stop)

    return _assemble(context.settings, context.new_id, context.metrics, context, lifespan)


def describe_app() -> FastAPI:
    """The app without its parts, for the OpenAPI document."""
    return _assemble(Settings(), new_id, Metrics(), None, None)


def _assemble(
    settings: Settings, ids: IdSource, metrics: Metrics, context: ProcessContext | None, lifespan: Any
) -> FastAPI:
    def observe(scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        metrics.http_seconds.labels(scope["method"], route, str(status)).observe(seconds)
        if 200 <= status < 300:  # 202 too: the work that it leaves is counted where it is done
            metrics.operated(of_route(scope["method"], route), seconds)

    app = FastAPI(
        title="Mneme",
        version=VERSION,
        openapi_url="/openapi.json",
        docs_url="/docs",
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.context = context
    app.state.draining = False
    app.state.key_cache = KeyCache()
    app.state.limiter = RateLimiter(settings.rate_limit_per_minute)
    for router in ROUTERS:
        app.include_router(router)
    problems.install(app)
    app.add_middleware(TopMiddleware, settings=settings, new_id=ids, observe=observe)
    app.openapi = lambda: openapi.build(app)  # type: ignore[method-assign]
    return app
