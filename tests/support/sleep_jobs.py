"""Memories written by hand for sleep to work on, and its job run to the end, on a `Pipeline`."""

from datetime import timedelta
from uuid import UUID, uuid4

from app.domain.memory import MemoryType
from app.domain.normalise import text_hash
from app.domain.policy import DEFAULT
from app.services import jobs
from app.services import policy as policies
from app.storage import changes, memory_edits, sleep_writes, vectors, work
from app.storage.memory_edits import MemoryDraft, Place
from tests.workers.conftest import START, Pipeline

CLIMBS = (
    "I went climbing at the gym.",
    "I bought new climbing shoes.",
    "Climbing with my friends was great.",
    "I am sore from climbing.",
)


def remember(pipeline: Pipeline, text: str, *, sources=(), day: int = 0, user: str = "ann", **fields) -> UUID:
    """A memory that an app writes directly, embedded as consolidation would."""
    memory_id, scope = uuid4(), pipeline.user(user)
    fields = {"type": MemoryType.FACT, "importance": 0.5, "confidence": 0.7, "subject": "user"} | fields
    draft = MemoryDraft(text=text, text_hash=text_hash(text), **fields)
    (dense,) = pipeline.context.encoder.encode([text])
    with pipeline.db.transaction(scope) as conn:
        at = changes.lock_user(conn, scope)
        place = Place(START + timedelta(days=day))
        memory_edits.add(conn, scope, memory_id, draft, place, list(sources), actor="key:test")
        row = vectors.StoredVector(memory_id, "memory", dense, sleep_writes.document_vector(text, 20.0))
        vectors.upsert(conn, scope, pipeline.context.encoder.fingerprint, [row])
        work.enqueue(conn, scope, "index")
        assert at is not None
    return memory_id


def turns(pipeline: Pipeline, *texts: str, session: str = "s1", day: int = 0) -> list[UUID]:
    """Turns that are stored and not read: memories are made of them by hand."""
    ids = pipeline.say(*texts, session=session, at=START + timedelta(days=day))
    with pipeline.db.transaction(pipeline.project) as conn:
        conn.execute("UPDATE events SET state = 'processed', extracted_at = now()")
        conn.execute("DELETE FROM work WHERE kind = 'extract'")
    return ids


def asleep(pipeline: Pipeline, *, dry_run: bool = False, actor: str = "test", **about):
    """Run the job to its end; it and its items."""
    with pipeline.db.transaction(pipeline.project) as conn:
        job = jobs.create(conn, pipeline.project, uuid4(), "sleep", about, dry_run=dry_run, actor=actor)
    pipeline.run("job")
    with pipeline.db.transaction(pipeline.project) as conn:
        found = jobs.items(conn, pipeline.project, job.id, action=None, after=0, limit=1000)
        return jobs.get(conn, pipeline.project, job.id), [item for _, item in found]


def under(pipeline: Pipeline, **settings) -> None:
    body = DEFAULT.model_dump(mode="json")
    body["sleep"] |= settings
    with pipeline.db.transaction(pipeline.project) as conn:
        policies.put(conn, pipeline.project, None, body)


def climbs(pipeline: Pipeline, count: int = 4) -> list[UUID]:
    made = []
    for place, text in enumerate(CLIMBS[:count]):
        (turn,) = turns(pipeline, text, session=f"s{place}", day=30 * place)
        said = text.replace("I am", "The user is").replace("I ", "The user ").replace("my", "the user's")
        made.append(remember(pipeline, said, sources=[turn], day=30 * place))
    return made
