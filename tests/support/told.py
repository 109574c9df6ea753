"""One user whose memories change act by act, with what was known after each: for tests of rollbacks."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from app.domain.erasure import TargetKind
from app.domain.feedback import FeedbackSignal
from app.domain.memory import Memory, MemoryStatus
from app.domain.query import Kind
from app.services import feedback, jobs, memories, snapshots, versions
from app.services.feedback import Said
from app.services.memories import MemoryChanges, SameTextError
from app.services.versions import Wanted
from app.storage import memories as store
from app.storage import memory_states, work
from app.storage.memories import MemoryQuery
from app.storage.memory_states import Move
from tests.support.erasing import KEY, order
from tests.workers.conftest import START, Pipeline

SAYINGS = (
    "I live in Warsaw.",
    "I moved to Porto last Friday.",
    "My sister Anna is a teacher in Porto.",
    "I am allergic to peanuts.",
    "By the way, I am allergic to peanuts.",
    "My dentist appointment is on 3 June.",
    "No, I meant 4 June.",
    "I love hiking.",
    "Scrap that.",
    "We use Jenkins at work.",
    "Jenkins is switched off, we use GitHub Actions now.",
)
TEXTS = ("The user lives in Lisbon.", "The user loves hiking.", "The user owns a green bicycle.")
LATER = START + timedelta(days=36_500)
QUESTIONS = ("Where does the user live?", "What is the user allergic to?")


@dataclass
class Told:
    """One user whose memories change, with what was known after each act."""

    pipeline: Pipeline
    user: str
    day: int = 0
    known: list[tuple[datetime, list[Memory]]] = field(default_factory=list)
    private: set[UUID] = field(default_factory=set)
    erased: set[UUID] = field(default_factory=set)

    def do(self, act: str, number: int) -> None:
        """One act; what it is about is chosen among what there is."""
        self.day += 1
        if act == "say":
            said = SAYINGS[number % len(SAYINGS)]
            self.pipeline.say(said, user=self.user, session=f"s{self.day}", at=START + timedelta(days=self.day))
            self.pipeline.run()
        else:
            there = self.list(status=None)
            if there:
                getattr(self, act)(there[number % len(there)], number)
        with self.pipeline.db.transaction(self.pipeline.user(self.user)) as conn:
            at = snapshots.now(conn)
        self.known.append((at, self.list(status=None)))

    def patch(self, memory: Memory, number: int) -> None:
        text = TEXTS[number % len(TEXTS)]
        wanted = MemoryChanges(frozenset({"text", "metadata"}), text=text, metadata={"n": number})
        encoded = memories.encode(self.pipeline.context.encoder, text)
        scope = self.pipeline.user(self.user)
        try:
            with self.pipeline.db.transaction(scope) as conn:
                memories.patch(conn, scope, memory.id, wanted, encoded, versions=None, actor="key:test")
        except SameTextError:
            return

    def remind(self, memory: Memory, number: int) -> None:
        """Dates that an app sets: an expiry far ahead, one that is over soon, a review, or none."""
        wanted = ({"expires_at": LATER}, {"review_at": LATER}, {"expires_at": None, "review_at": None})[number % 3]
        scope = self.pipeline.user(self.user)
        with self.pipeline.db.transaction(scope) as conn:
            memories.patch(
                conn,
                scope,
                memory.id,
                MemoryChanges(frozenset(wanted), **wanted),
                None,
                versions=None,
                actor="key:test",
            )

    def judge(self, memory: Memory, number: int) -> None:
        signal = (FeedbackSignal.WRONG, FeedbackSignal.OUTDATED, FeedbackSignal.HELPFUL, FeedbackSignal.PRIVATE)[
            number % 4
        ]
        scope = self.pipeline.user(self.user)
        with self.pipeline.db.transaction(scope) as conn:
            at = START + timedelta(days=self.day)  # after what is judged was said, as in life
            feedback.give(conn, scope, memory.id, Said(uuid4(), signal), at, actor="key:test")
        if signal is FeedbackSignal.PRIVATE:
            self.private.add(memory.id)

    def delete(self, memory: Memory, _number: int) -> None:
        scope = self.pipeline.user(self.user)
        with self.pipeline.db.transaction(scope) as conn:
            memories.delete(conn, scope, memory.id, order(TargetKind.MEMORY, memory.id), KEY, versions=None)
        self.erased.add(memory.id)

    def archive(self, memory: Memory, _number: int) -> None:
        scope = self.pipeline.user(self.user)
        with self.pipeline.db.transaction(scope) as conn:
            move = Move(MemoryStatus.ARCHIVED, "state", "by hand", "key:test")
            memory_states.move(conn, scope, [memory.id], move)
            work.enqueue(conn, scope, "index")

    def restore(self, memory: Memory, number: int) -> None:
        scope = self.pipeline.user(self.user)
        number = number % memory.version + 1
        try:
            with self.pipeline.db.transaction(scope) as conn:
                old = versions.find(conn, scope, memory.id, number)
            encoded = memories.encode(self.pipeline.context.encoder, old.text)
            with self.pipeline.db.transaction(scope) as conn:
                versions.restore(conn, scope, Wanted(memory.id, number, None, "key:test"), encoded)
        except SameTextError:
            return

    def list(self, *, status: MemoryStatus | None, known_at: datetime | None = None) -> list[Memory]:
        scope = self.pipeline.user(self.user)
        with self.pipeline.db.transaction(scope) as conn:
            return store.page(conn, scope, MemoryQuery(status=status, known_at=known_at, limit=1000))

    def roll_back(self, to: datetime, *, dry_run: bool = False):
        """Run the job; answers it with its items."""
        pipeline = self.pipeline
        about = {"user_id": self.user, "known_at": to.isoformat()}
        with pipeline.db.transaction(pipeline.project) as conn:
            job = jobs.create(conn, pipeline.project, uuid4(), "rollback", about, dry_run=dry_run, actor="key:test")
        pipeline.run()
        with pipeline.db.transaction(pipeline.project) as conn:
            done = jobs.get(conn, pipeline.project, job.id)
            items = jobs.items(conn, pipeline.project, job.id, action=None, after=0, limit=1000)
        assert done.state == "done", done.error
        return done, [item for _, item in items]

    def hidden(self, memory: Memory) -> bool:
        return memory.status is MemoryStatus.INVALIDATED and memory.live_until == memory.live_from

    def recalled(self, question: str, **view) -> set[tuple[UUID, str]]:
        answer = self.pipeline.ask(question, user=self.user, limit=50, **view)
        return {(item.id, item.text) for item in answer.items if item.kind is Kind.MEMORY}
