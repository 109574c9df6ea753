"""What only the in-process index must do: outlive kill -9, keep others out, clean up after itself."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest

from app.domain.scope import UserScope
from app.domain.sparse import SparseVector
from app.index import edge as module
from app.index import edge_engine
from app.index.edge import EdgeIndex
from app.index.protocol import CollectionNotFoundError, IndexQuery, IndexUnavailableError
from tests.support import index_oracle as oracle
from tests.support.index_oracle import DIMENSION

NAME = "mneme_test_1"
ALICE = UserScope(UUID(int=1), "alice")

# Writes batches for ever and says which ids are acknowledged: one line of JSON after each upsert or delete.
WRITER = """
import json, sys
from pathlib import Path
from uuid import UUID
import numpy as np
from app.domain.scope import UserScope
from app.index.edge import EdgeIndex
from tests.support import index_oracle as oracle

root, seed = sys.argv[1:]
rng = np.random.default_rng(int(seed))
alice = UserScope(UUID(int=1), "alice")
index = EdgeIndex(Path(root))
index.ensure("mneme_test_1", oracle.DIMENSION)
while True:
    points = [oracle.point(rng) for _ in range(int(rng.integers(1, 100)))]
    index.upsert("mneme_test_1", alice, points)
    print(json.dumps({"put": {str(p.id): p.version for p in points}}), flush=True)
    gone = [p.id for p in points if rng.random() < 0.1]
    print(json.dumps({"going": [str(i) for i in gone]}), flush=True)
    index.delete("mneme_test_1", alice, gone)
    print(json.dumps({"gone": [str(i) for i in gone]}), flush=True)
"""


def start_writer(root: Path, seed: int) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", WRITER, str(root), str(seed)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def run_and_kill(root: Path, seed: int, lines: int) -> tuple[dict[UUID, int], set[UUID]]:
    """Acknowledged points with their versions, and ids whose removal was acknowledged."""
    kept, removed, going = {}, set(), set()  # a kill may hit a removal before or after it: those that go are neither
    with start_writer(root, seed) as writer:
        for _ in range(lines):
            said = json.loads(writer.stdout.readline())
            kept.update({UUID(identity): version for identity, version in said.get("put", {}).items()})
            removed.update(UUID(identity) for identity in said.get("gone", []))
            going.update(UUID(identity) for identity in said.get("going", []))
        time.sleep(0.003 * seed)  # somewhere inside a later write
        writer.send_signal(signal.SIGKILL)
        for line in writer.stdout.read().splitlines():  # acknowledged before the kill
            try:
                said = json.loads(line)
            except json.JSONDecodeError:
                continue  # cut off
            kept.update({UUID(identity): version for identity, version in said.get("put", {}).items()})
            removed.update(UUID(identity) for identity in said.get("gone", []))
            going.update(UUID(identity) for identity in said.get("going", []))
    return {identity: version for identity, version in kept.items() if identity not in going}, removed


def test_what_was_acknowledged_survives_kill_9(tmp_path):
    kept, removed = {}, set()
    for seed, lines in enumerate((1, 12, 60)):  # the last goes past a flush
        alive, gone = run_and_kill(tmp_path, seed, lines)
        kept.update(alive)
        removed |= gone
        index = EdgeIndex(tmp_path)
        found = {key.id: key.version for key in index.scroll(NAME, ALICE)}
        assert {identity: found.get(identity) for identity in kept if found.get(identity) != kept[identity]} == {}
        assert not removed & set(found)
        assert index.count(NAME) == len(found)
        index.close()


def test_a_new_process_finds_what_was_written(tmp_path, rng):
    points = [oracle.point(rng) for _ in range(300)]
    index = EdgeIndex(tmp_path)
    index.ensure(NAME, DIMENSION)
    index.upsert(NAME, ALICE, points)
    query = IndexQuery(ALICE, dense=oracle.dense(rng), text=oracle.question(rng))
    before = index.search(NAME, query)
    index.close()
    again = EdgeIndex(tmp_path)
    again.ensure(NAME, DIMENSION)
    assert again.search(NAME, query) == before
    again.close()


def test_one_holder_at_a_time_and_no_stale_lock(tmp_path):
    first = EdgeIndex(tmp_path)
    with pytest.raises(IndexUnavailableError, match="another process"):
        EdgeIndex(tmp_path, wait=0.1)
    threading.Timer(0.3, first.close).start()
    EdgeIndex(tmp_path, wait=5).close()  # waits for the one that is going
    assert (tmp_path / ".lock").exists()  # the file stays; what counts is the kernel's lock
    EdgeIndex(tmp_path, wait=0).close()


def test_an_interrupted_creation_or_removal_leaves_nothing(tmp_path, edge):
    edge.ensure(NAME, DIMENSION)
    edge.close()
    root = tmp_path / "edge"
    (root / ".new-half").mkdir()
    (root / ".new-half" / "edge_config.json").write_text("{")
    (root / NAME).rename(root / f".old-{NAME}")
    index = EdgeIndex(root)
    assert index.collections() == []
    assert [path.name for path in root.iterdir()] == [".lock"]
    index.ensure(NAME, DIMENSION)
    assert index.count(NAME) == 0
    index.close()


def test_a_damaged_collection_is_unavailable_and_can_be_dropped(tmp_path, edge, rng):
    edge.ensure(NAME, DIMENSION)
    edge.upsert(NAME, ALICE, [oracle.point(rng) for _ in range(50)])
    edge.close()
    for path in (tmp_path / "edge" / NAME).rglob("*"):
        if path.is_file() and path.name != "edge_config.json":
            path.write_bytes(b"damaged")
    index = EdgeIndex(tmp_path / "edge")
    with pytest.raises(IndexUnavailableError):
        index.ensure(NAME, DIMENSION)
    index.drop(NAME)
    index.ensure(NAME, DIMENSION)
    assert index.count(NAME) == 0
    index.close()


def test_a_collection_of_an_older_layout_is_made_anew(tmp_path, edge, rng):
    edge.ensure(NAME, DIMENSION)
    edge.upsert(NAME, ALICE, [oracle.point(rng)])
    edge.close()
    (tmp_path / "edge" / NAME / edge_engine.LAYOUT).unlink()
    index = EdgeIndex(tmp_path / "edge")
    with pytest.raises(CollectionNotFoundError, match="older"):
        index.count(NAME)
    index.ensure(NAME, DIMENSION)
    assert index.count(NAME) == 0
    index.close()


def test_users_lie_in_many_spaces_and_terms_stay_distinct():
    users = [UserScope(UUID(int=1), f"user-{number}") for number in range(2_000)]
    assert len({edge_engine._space(user) for user in users}) == edge_engine.SPACES
    terms = SparseVector(np.arange(1_000, dtype=np.uint32), np.ones(1_000, np.float32))
    assert len(set(edge_engine._sparse(terms, edge_engine._space(users[0])).indices)) == 1_000


def test_a_vector_of_another_length_is_refused_before_it_does_harm(edge, rng):
    edge.ensure(NAME, DIMENSION)
    good = oracle.point(rng, dense=oracle.dense(rng))
    edge.upsert(NAME, ALICE, [good])
    with pytest.raises(ValueError, match="24 numbers"):
        edge.upsert(NAME, ALICE, [oracle.point(rng, id=good.id, dense=np.ones(7, np.float32))])
    assert good.id in edge.vectors(NAME, ALICE, [good.id])


@pytest.mark.parametrize("name", ["", ".", "..", ".lock", "../x", "a/b", "a\0b", "x" * 300])
def test_a_collections_name_stays_inside_the_root(edge, name):
    for call in (lambda: edge.ensure(name, 8), lambda: edge.drop(name), lambda: edge.count(name)):
        with pytest.raises(ValueError, match="name"):
            call()


def test_a_closed_index_is_unavailable(edge):
    edge.ensure(NAME, DIMENSION)
    edge.close()
    edge.close()
    with pytest.raises(IndexUnavailableError):
        edge.count(NAME)


def test_maintenance_gives_space_back_without_stopping_other_threads(tmp_path, edge, rng):
    edge.ensure(NAME, DIMENSION)
    bob = UserScope(ALICE.project_id, "bob")
    edge.upsert(NAME, ALICE, [oracle.point(rng) for _ in range(6_000)])
    edge.upsert(NAME, bob, [oracle.point(rng) for _ in range(100)])
    edge.delete_user(NAME, ALICE)
    answers, stop = [], threading.Event()

    def look():
        while not stop.is_set():
            try:
                answers.append(edge.count(NAME, bob))
            except IndexUnavailableError:
                answers.append(None)  # recall would ask PostgreSQL now
            time.sleep(0.002)

    thread = threading.Thread(target=look)
    thread.start()
    edge.maintain(NAME)
    stop.set()
    thread.join()
    assert set(answers) <= {100, None}
    assert edge.count(NAME) == 100
    assert len(list((tmp_path / "edge" / NAME / "segments").iterdir())) <= 2


def test_a_failing_compaction_leaves_the_collection_usable(edge, rng, monkeypatch, tmp_path):
    edge.ensure(NAME, DIMENSION)
    edge.upsert(NAME, ALICE, [oracle.point(rng)])
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('no space left')")
    monkeypatch.setattr(module.compact, "__file__", str(broken))
    with pytest.raises(IndexUnavailableError, match="no space left"):
        edge.maintain(NAME)
    assert edge.count(NAME) == 1


def test_dropping_under_readers_and_writers(edge):
    """A reindex drops the old collection while late calls still name it: they get the port's error, nothing else."""
    edge.ensure(NAME, DIMENSION)
    unexpected, stop = [], threading.Event()

    def work(seed):
        own = np.random.default_rng(seed)
        while not stop.is_set():
            try:
                edge.upsert(NAME, ALICE, [oracle.point(own) for _ in range(20)])
                edge.search(NAME, IndexQuery(ALICE, dense=oracle.dense(own)))
                list(edge.scroll(NAME))
            except CollectionNotFoundError:
                time.sleep(0.001)
            except IndexUnavailableError as error:
                if "not initialized" not in str(error):
                    unexpected.append(error)
            except Exception as error:  # noqa: BLE001 - this is what the test looks for
                unexpected.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        time.sleep(0.05)
        edge.drop(NAME)
        edge.ensure(NAME, DIMENSION)
    stop.set()
    for thread in threads:
        thread.join()
    assert unexpected == []


def test_payloads_hold_no_text(tmp_path, edge, rng):
    """The files of a collection hold ids, scope, kinds and times only; the port has no field that could carry text."""
    edge.ensure(NAME, DIMENSION)
    point = oracle.point(rng, id=uuid4())
    edge.upsert(NAME, ALICE, [point])
    stored = edge._handle(NAME).shard.retrieve([point.id], True, False)[0].payload
    assert set(stored) <= {
        "tenant", "project", "kind", "version", "session", "agent", "type", "status", "occurred", "live_from",
        "live_until",
    }  # fmt: skip
