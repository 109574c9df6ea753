"""What follows an answer: in batches, for each user apart, never lost by one failure, and written when asked."""

import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID, uuid4

import psycopg
import pytest
import structlog

from app.domain.scope import UserScope
from app.http.after import MOST_WAITING, AfterAnswers, Served
from app.storage import served

ANNA, BEN = (UserScope(UUID(int=7), name) for name in ("anna", "ben"))
NOW = datetime(2026, 5, 1, tzinfo=UTC)


class Notes:
    """In the place of the two writers: what was written, by transaction."""

    def __init__(self, monkeypatch):
        self.written, self.failing, self.changed = [], {}, threading.Condition()
        monkeypatch.setattr("app.http.after.lifecycle.note_uses", self._used)
        monkeypatch.setattr("app.http.after.served.note", self._said)

    def _used(self, _conn, scope, used, at):
        if scope in self.failing:
            raise self.failing[scope]
        with self.changed:
            self.written.append((scope, dict(used), at))
            self.changed.notify_all()
        return []

    def _said(self, _conn, scope, hashes, at):
        with self.changed:
            self.written.append((scope, tuple(hashes), at))

    def wait(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.written) >= count, timeout=10)


class Transactions:
    """A database whose transactions are counted."""

    def __init__(self):
        self.opened = []

    def transaction(self, scope):
        self.opened.append(scope)
        return threading.Lock()  # a context that does nothing


class Memo:
    """Tells when it was swept."""

    def __init__(self):
        self.swept = threading.Event()

    def sweep(self):
        self.swept.set()


@pytest.fixture
def notes(monkeypatch):
    return Notes(monkeypatch)


@pytest.fixture
def context():
    return SimpleNamespace(db=Transactions(), logger=structlog.get_logger(), memo=Memo(), clock=lambda: NOW)


def answer(scope, *used, said=(1, 2), at=NOW):
    return Served(scope, at, used, lambda _lines: said)


def test_the_answers_of_a_user_are_one_transaction(notes, context):
    after, one, two = AfterAnswers(context), uuid4(), uuid4()
    later = NOW + timedelta(minutes=5)
    after.note(answer(ANNA, one, two, said=(1, 2)))
    after.note(answer(BEN, said=(9,)))
    after.note(answer(ANNA, one, said=(2, 3), at=later))
    after.flush()
    assert context.db.opened == [ANNA, BEN]
    assert (ANNA, {one: 1.0, two: 0.5}, later) in notes.written
    assert (ANNA, (1, 2, 3), NOW) in notes.written, "the first time that it was said counts"
    assert (BEN, (9,), NOW) in notes.written


def test_the_thread_writes_by_itself_and_stop_writes_the_rest(notes, context):
    after = AfterAnswers(context, gather=0.0)
    after.start()
    after.note(answer(ANNA, uuid4()))
    notes.wait(1)
    after.note(answer(BEN, uuid4()))
    after.stop()
    assert {scope for scope, *_ in notes.written} == {ANNA, BEN}


def test_what_recalls_keep_is_forgotten_while_nobody_asks(context):
    after = AfterAnswers(context, gather=0.0, idle=0.01)
    after.start()
    assert context.memo.swept.wait(10)
    after.stop()


def test_one_user_is_written_when_that_is_asked(notes, context):
    after = AfterAnswers(context)
    after.note(answer(ANNA))
    after.note(answer(BEN))
    after.flush([BEN])
    assert context.db.opened == [BEN]
    after.flush([BEN])
    assert context.db.opened == [BEN], "once"
    after.flush()
    assert context.db.opened == [BEN, ANNA]


@pytest.mark.parametrize("error", [psycopg.OperationalError("gone"), psycopg.errors.ForeignKeyViolation("erased")])
def test_a_failure_of_one_user_is_no_failure_of_another(notes, context, error):
    after = AfterAnswers(context)
    notes.failing = {ANNA: error}
    after.note(answer(ANNA, uuid4()))
    after.note(answer(BEN, uuid4()))
    after.flush()
    assert {scope for scope, *_ in notes.written} == {BEN}


def test_an_answer_that_said_nothing_opens_nothing(notes, context):
    after = AfterAnswers(context)
    after.note(answer(ANNA, said=()))
    after.flush()
    assert context.db.opened == []
    assert notes.written == []


def test_what_was_noted_is_not_written_again_within_the_hour(notes, context):
    after = AfterAnswers(context)
    for minutes, expected in ((0, (1, 2)), (10, (3,)), (70, (1, 2, 3))):
        after.note(
            answer(ANNA, uuid4(), said=(1, 2) if minutes == 0 else (1, 2, 3), at=NOW + timedelta(minutes=minutes))
        )
        after.flush()
        assert [entry[1] for entry in notes.written if isinstance(entry[1], tuple)][-1] == expected
    after.note(answer(BEN, said=(1,), at=NOW + timedelta(minutes=71)))
    after.flush()
    assert notes.written[-1][:2] == (BEN, (1,)), "of another user it is news"


def test_what_waits_is_bounded(notes, context):
    after = AfterAnswers(context)
    for number in range(MOST_WAITING + 5):
        after.note(answer(ANNA, said=(number,)))
    after.flush()
    ((_, hashes, _),) = [entry for entry in notes.written if isinstance(entry[1], tuple)]
    assert len(hashes) == MOST_WAITING


def test_it_is_written_where_it_is_looked_for(database, project):
    """On the real tables."""
    context = SimpleNamespace(db=database, logger=structlog.get_logger(), clock=lambda: NOW)
    scope = UserScope(project.project_id, "anna")
    after = AfterAnswers(context)
    after.note(answer(scope, said=(11, 12)))
    after.flush([scope])
    with database.transaction(scope) as conn:
        assert set(served.known(conn, scope, [11, 12, 13], since=NOW - timedelta(days=1))) == {11, 12}
