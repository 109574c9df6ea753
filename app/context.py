"""What a process holds: settings, database, encoder, index, clock, ids, hints, log and metrics. One factory for each
kind of process; nothing is global.
"""

import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app.answer_cache import AnswerCache, NoAnswers, answer_cache
from app.clock import Clock, IdSource, new_id, utc_now
from app.erasure_log import ERASURES, ErasureLog, NoErasureLog, erasure_log
from app.errors import MnemeError
from app.index.protocol import IndexUnavailableError, MemoryIndex
from app.inference.llm import ChatModel, chat_model
from app.inference.protocol import Encoder, EncoderUnavailableError
from app.inference.rerank import BoundedReranker
from app.inference.select import load_encoder, load_reranker
from app.queue import HintSender, create_hints
from app.services.collections import LiveCollection, check_model, ensure_live
from app.services.recall_memo import RecallMemo
from app.settings import Settings
from app.storage.db import Database
from app.storage.revision import current_revision, head_revision
from app.telemetry.logs import Logger, configure_logs, describe
from app.telemetry.metrics import Metrics

BESIDE_THREADS = 8  # for searches while their request waits for the encoder; started when they are needed
DATABASE_WAIT_SECONDS = 30.0  # a crashed PostgreSQL recovers in 1.4-2.6 s; compose starts it beside us


class StaleSchemaError(MnemeError):
    """The database is at another revision than the code."""

    code = "stale_schema"


@dataclass(frozen=True, slots=True)
class ProcessContext:
    """Everything that outlives a request or a task. `index` is None in a worker of the embedded stack, `llm` where no
    model provider is set.
    """

    settings: Settings
    db: Database
    encoder: Encoder
    index: MemoryIndex | None
    collections: LiveCollection
    clock: Clock
    new_id: IdSource
    hints: HintSender
    logger: Logger
    metrics: Metrics
    llm: ChatModel | None = None
    answers: AnswerCache = field(default_factory=NoAnswers)
    memo: RecallMemo = field(default_factory=RecallMemo)
    erasure_log: ErasureLog = field(default_factory=NoErasureLog)
    beside: Executor = field(default_factory=lambda: ThreadPoolExecutor(BESIDE_THREADS, "beside"))
    reranker: BoundedReranker | None = None  # of a gateway, where one is set
    monotonic: Callable[[], float] = time.monotonic  # for limits on the time of a step

    def close(self) -> None:
        """Release everything, what writes first."""
        self.beside.shutdown()
        if self.llm is not None:
            self.llm.close()
        if self.reranker is not None:
            self.reranker.close()
        self.hints.close()
        self.answers.close()
        if self.index is not None:
            self.index.close()
        self.encoder.close()
        self.db.close()


def gateway_context(settings: Settings) -> ProcessContext:
    """The context of `mneme api`: always with an index. Raises MnemeError when the process must not start."""
    return _context(settings, "gateway", with_index=True)


def worker_context(settings: Settings) -> ProcessContext:
    """The context of `mneme worker`: with an index only when that is a server, because Edge belongs to the gateway."""
    return _context(settings, "worker", with_index=settings.qdrant_url is not None)


def offline_context(settings: Settings) -> ProcessContext:
    """The context of a command that works on the stores while the service rests: with an index, whatever the model."""
    return _context(settings, "offline", with_index=True, any_model=True)


def beat_context(settings: Settings) -> tuple[Database, HintSender, Logger]:
    """What `mneme beat` needs: no encoder, no index."""
    logger = configure_logs(settings.log_level, "beat")
    metrics = Metrics()
    return open_database(settings, size=2), _hints(settings, metrics), logger


def open_database(settings: Settings, *, size: int | None = None) -> Database:
    """The open pool; raises MnemeError without DATABASE_URL or with a schema that is not the code's."""
    if settings.database_url is None:
        raise MnemeError("DATABASE_URL is not set: this process is started by `mneme serve`, or set it")
    database = Database(settings.database_url.get_secret_value(), size=size or settings.database_pool)
    database.open(wait=DATABASE_WAIT_SECONDS)
    with database.transaction(None) as conn:
        current = current_revision(conn)
    if current != head_revision():
        database.close()
        raise StaleSchemaError(
            f"the schema is at revision {current or 'none'}, this version needs {head_revision()}: run `mneme migrate`"
        )
    return database


def _context(settings: Settings, process: str, *, with_index: bool, any_model: bool = False) -> ProcessContext:
    logger = configure_logs(settings.log_level, process)
    metrics = Metrics()
    try:
        encoder = load_encoder(settings)
    except EncoderUnavailableError as error:
        raise MnemeError(str(error)) from error
    database = open_database(settings)
    if not any_model:
        check_model(database, encoder)
    index = None
    if with_index:
        index = create_index(settings)
        try:
            if not any_model:
                ensure_live(database, index, encoder)
        except IndexUnavailableError as error:  # recall falls back to PostgreSQL, the index stage tries again
            metrics.degraded.labels("index").set(1)
            logger.warning("index_unavailable_at_start", **describe(error))
    return ProcessContext(
        settings=settings,
        db=database,
        encoder=encoder,
        index=index,
        collections=LiveCollection(database),
        clock=utc_now,
        new_id=new_id,
        hints=_hints(settings, metrics),
        logger=logger,
        metrics=metrics,
        llm=chat_model(settings, metrics),
        answers=answer_cache(settings.redis_url.get_secret_value() if settings.redis_url else None),
        erasure_log=erasure_log(settings.mneme_home / ERASURES if settings.qdrant_url is None else None),
        reranker=load_reranker(settings) if process == "gateway" else None,
    )


def create_index(settings: Settings) -> MemoryIndex:
    """A Qdrant server where QDRANT_URL names one, else the in-process Edge under MNEME_HOME."""
    if settings.qdrant_url is not None:
        from app.index.server import ServerIndex  # noqa: PLC0415 - a process loads the client it uses, not both

        key = settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else None
        return ServerIndex(settings.qdrant_url, api_key=key, timeout=settings.qdrant_timeout)
    from app.index.edge import EdgeIndex  # noqa: PLC0415 - the embedded gateway alone loads the engine

    return EdgeIndex(settings.mneme_home / "index")


def _hints(settings: Settings, metrics: Metrics) -> HintSender:
    url = settings.redis_url.get_secret_value() if settings.redis_url else None
    if url is not None and not urlsplit(url).scheme:
        raise MnemeError("REDIS_URL needs its scheme, e.g. redis://127.0.0.1:6379/0")
    return create_hints(url, lambda outcome: metrics.hints.labels(outcome).inc())
