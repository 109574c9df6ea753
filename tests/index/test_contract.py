"""What every index must do, on both adapters."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta, timezone
from uuid import uuid4

import numpy as np
import pytest

from app.domain.scope import UserScope
from app.domain.sparse import SparseVector
from app.index.hits import by_id
from app.index.protocol import CollectionNotFoundError, IndexFilter, IndexQuery, PointKey, PointKind, Signal
from tests.index.conftest import stored
from tests.support import index_oracle as oracle
from tests.support.index_oracle import DIMENSION, NOW, Oracle

PROJECT = uuid4()
# Users whose ids could be confused if project and user were joined carelessly.
USERS = [
    UserScope(PROJECT, "alice"),
    UserScope(PROJECT, "alice/"),
    UserScope(PROJECT, f"{PROJECT}/alice"),
    UserScope(uuid4(), "alice"),
    UserScope(PROJECT, "Ålice ' OR 1=1 -- \u202e😀"),
]
EMPTY = SparseVector(np.zeros(0, np.uint32), np.zeros(0, np.float32))


@pytest.fixture
def filled(index, collection, rng) -> Oracle:
    """200 points of each user."""
    return fill(index, collection, rng)


def fill(index, collection, rng) -> Oracle:
    known = Oracle()
    for scope in USERS:
        points = [oracle.point(rng) for _ in range(200)]
        index.upsert(collection, scope, points)
        known.write(scope, points)
    return known


@pytest.fixture(scope="module", params=["edge", "server"])
def full(request, tmp_path_factory):
    """The same 1,000 points for all tests that only read: (index, collection, what it holds)."""
    directory = tmp_path_factory.mktemp("full")
    with stored(request.param, directory) as index:
        index.ensure("mneme_test_1", DIMENSION)
        yield index, "mneme_test_1", fill(index, "mneme_test_1", np.random.default_rng(20240502))


def assert_same(hits, expected, known, query):
    """The hits are the best `limit` of each signal with their scores (ties may fall either way)."""
    hits = oracle.by_signal(hits)
    assert all(hits.values())
    for signal, scores in expected.items():
        found = {identity: of[signal] for identity, of in hits.items() if signal in of}
        assert len(found) == min(query.limit, len(scores)), signal
        for identity, score in found.items():
            assert score == pytest.approx(scores[identity], rel=1e-5, abs=1e-5), signal
        best = sorted(scores.values(), reverse=True)[: query.limit]
        assert sorted(found.values(), reverse=True) == pytest.approx(best, rel=1e-5, abs=1e-5)
    assert {signal for of in hits.values() for signal in of} <= set(expected)


def ask(rng, scope, **given):
    return IndexQuery(scope, dense=oracle.dense(rng), text=oracle.question(rng), window=oracle.question(rng), **given)


def test_several_queries_at_once_are_each_alone(full, rng):
    index, collection, filled = full
    queries = [
        ask(rng, USERS[0], limit=7),
        IndexQuery(USERS[0]),
        ask(rng, USERS[1], filter=IndexFilter(kinds=frozenset({PointKind.MEMORY}))),
        IndexQuery(USERS[0], text=oracle.question(rng)),
    ]
    answers = index.search_each(collection, queries)
    assert [by_id(found) for found in answers] == [index.search(collection, query) for query in queries]
    for found, query in zip(answers, queries, strict=True):
        assert_same(by_id(found), filled.search(query), filled, query)
    assert index.search_each(collection, [IndexQuery(USERS[0])]) == [{}]


@pytest.mark.parametrize("limit", [1, 20, 1000])
def test_scores_are_cosine_and_bm25_over_the_users_own_points(full, rng, limit):
    index, collection, filled = full
    for scope in USERS:
        for _ in range(5):
            query = ask(rng, scope, limit=limit)
            assert_same(index.search(collection, query), filled.search(query), filled, query)


def test_each_signal_alone(full, rng):
    index, collection, filled = full
    whole = ask(rng, USERS[0], limit=10)
    for only in ("dense", "text", "window"):
        query = replace(whole, **{name: None for name in ("dense", "text", "window") if name != only})
        assert_same(index.search(collection, query), filled.search(query), filled, query)


def test_a_query_without_signals_finds_nothing(full):
    index, collection, _ = full
    assert index.search(collection, IndexQuery(USERS[0])) == {}
    assert index.search(collection, IndexQuery(USERS[0], text=EMPTY, window=EMPTY)) == {}


FILTERS = {
    "events": IndexFilter(kinds=frozenset({PointKind.EVENT})),
    "memories": IndexFilter(kinds=frozenset({PointKind.MEMORY})),
    "both kinds": IndexFilter(kinds=frozenset(PointKind)),
    "sessions": IndexFilter(session_ids=frozenset({"s1", "s3"})),
    "no such session": IndexFilter(session_ids=frozenset({"s1' OR 1=1"})),
    "agents": IndexFilter(agent_ids=frozenset({"a0"})),
    "types narrow memories only": IndexFilter(types=frozenset({"fact", "episode"})),
    "statuses narrow memories only": IndexFilter(statuses=frozenset({"active"})),
    "a status of events": IndexFilter(statuses=frozenset({"user"})),
    "types of memories": IndexFilter(types=frozenset({"fact"}), kinds=frozenset({PointKind.MEMORY})),
    "from": IndexFilter(occurred_from=NOW + timedelta(seconds=30)),
    "to": IndexFilter(occurred_to=NOW + timedelta(seconds=30)),
    "between": IndexFilter(occurred_from=NOW + timedelta(seconds=20), occurred_to=NOW + timedelta(seconds=60)),
    "live": IndexFilter(live_at=NOW + timedelta(seconds=55)),
    "live before all": IndexFilter(live_at=NOW - timedelta(days=1)),
    "live elsewhere": IndexFilter(live_at=(NOW + timedelta(seconds=55)).astimezone(timezone(timedelta(hours=9)))),
    "all": IndexFilter(
        kinds=frozenset(PointKind),
        session_ids=frozenset({"s0", "s1", "s2"}),
        agent_ids=frozenset({"a0", "a1"}),
        types=frozenset({"fact"}),
        statuses=frozenset({"active"}),
        occurred_from=NOW,
        occurred_to=NOW + timedelta(seconds=90),
        live_at=NOW + timedelta(seconds=80),
    ),
}


@pytest.mark.parametrize("by", FILTERS.values(), ids=FILTERS)
def test_filters_narrow_without_touching_term_statistics(full, rng, by):
    index, collection, filled = full
    for scope in USERS[:2]:
        query = ask(rng, scope, filter=by, limit=1000)
        assert_same(index.search(collection, query), filled.search(query), filled, query)


def test_ranges_are_half_open_to_the_microsecond(index, collection, rng):
    tick = timedelta(microseconds=1)
    at = NOW + timedelta(microseconds=123_457)
    point = oracle.point(rng, occurred_at=at, live_from=at, live_until=at + tick, dense=oracle.dense(rng))
    index.upsert(collection, USERS[0], [point])

    def found(**by):
        return bool(index.search(collection, IndexQuery(USERS[0], dense=oracle.dense(rng), filter=IndexFilter(**by))))

    assert found(occurred_from=at)
    assert not found(occurred_from=at + tick)
    assert not found(occurred_to=at)
    assert found(occurred_to=at + tick)
    assert found(live_at=at)
    assert not found(live_at=at - tick)
    assert not found(live_at=at + tick)


def test_an_upsert_replaces_vectors_and_payload(index, collection, rng):
    old = oracle.point(rng, kind=PointKind.EVENT, dense=oracle.dense(rng), text=oracle.terms(rng, 8), version=1)
    new = replace(oracle.point(rng, kind=PointKind.EVENT, dense=oracle.dense(rng), text=None), id=old.id, version=2)
    index.upsert(collection, USERS[0], [old])
    index.upsert(collection, USERS[0], [new])
    assert index.count(collection) == 1
    assert list(index.scroll(collection)) == [PointKey(USERS[0], old.id, 2)]
    found = index.search(collection, IndexQuery(USERS[0], dense=new.dense, text=old.text))
    assert oracle.by_signal(found) == {new.id: {Signal.DENSE: pytest.approx(1.0, abs=1e-5)}}


def test_nobody_replaces_or_removes_the_points_of_another(index, collection, rng):
    mine = oracle.point(rng, dense=oracle.dense(rng), version=1)
    index.upsert(collection, USERS[0], [mine])
    for other in USERS[1:]:
        index.upsert(collection, other, [replace(mine, version=7, dense=oracle.dense(rng))])
        index.delete(collection, other, [mine.id])
        index.delete_user(collection, other)
        assert list(index.scroll(collection)) == [PointKey(USERS[0], mine.id, 1)]
        assert index.vectors(collection, other, [mine.id]) == {}
    stored = index.vectors(collection, USERS[0], [mine.id])[mine.id]
    assert oracle.cosine(stored, mine.dense) == pytest.approx(1.0, abs=1e-6)


def test_searches_never_return_another_users_points(full, rng):
    index, collection, filled = full
    owner = {identity: scope for scope, points in filled.points.items() for identity in points}
    for scope in [*USERS, UserScope(PROJECT, "nobody")]:
        for by in FILTERS.values():
            hits = index.search(collection, ask(rng, scope, filter=by, limit=1000))
            assert {owner[identity] for identity in hits} <= {scope}


def test_count_scroll_and_vectors(full):
    index, collection, filled = full
    everything = {PointKey(scope, p.id, p.version) for scope, points in filled.points.items() for p in points.values()}
    assert index.count(collection) == len(everything) == 1000
    assert set(index.scroll(collection)) == everything
    assert len(list(index.scroll(collection))) == len(everything)
    for scope, points in filled.points.items():
        assert index.count(collection, scope) == len(points)
        assert set(index.scroll(collection, scope)) == {key for key in everything if key.scope == scope}
        asked = [*list(points)[:150], uuid4()]
        vectors = index.vectors(collection, scope, asked)
        assert set(vectors) == {i for i in asked[:-1] if points[i].dense is not None}
        for identity, vector in vectors.items():
            expected = points[identity].dense / np.linalg.norm(points[identity].dense)
            assert vector == pytest.approx(expected, abs=1e-6)


def test_scroll_goes_over_pages(index, collection, rng):
    points = [oracle.point(rng, text=None, window=None) for _ in range(2_300)]
    index.upsert(collection, USERS[0], points)
    keys = list(index.scroll(collection, USERS[0]))
    assert [key.id for key in keys] == sorted((p.id for p in points), key=lambda i: i.bytes)
    index.delete_user(collection, USERS[0])
    assert index.count(collection) == 0


def test_delete_and_term_statistics_follow(index, collection, filled, rng):
    gone = list(filled.points[USERS[0]])[:120]
    index.delete(collection, USERS[0], [*gone, uuid4()])
    for identity in gone:
        del filled.points[USERS[0]][identity]
    query = ask(rng, USERS[0], limit=1000)
    assert_same(index.search(collection, query), filled.search(query), filled, query)
    index.delete_user(collection, USERS[1])
    assert index.count(collection, USERS[1]) == 0
    assert index.search(collection, ask(rng, USERS[1])) == {}
    assert index.count(collection) == 1000 - 120 - 200
    index.delete(collection, USERS[0], [])
    index.upsert(collection, USERS[0], [])


def test_collections_come_and_go(index, rng):
    assert index.collections() == []
    index.ensure("b_1", DIMENSION)
    index.ensure("a_1", DIMENSION + 8)
    index.ensure("b_1", DIMENSION)
    assert index.collections() == ["a_1", "b_1"]
    index.upsert("b_1", USERS[0], [oracle.point(rng)])
    index.ensure("b_1", DIMENSION)
    assert (index.count("a_1"), index.count("b_1")) == (0, 1)
    with pytest.raises(ValueError, match="24 numbers, not 32"):
        index.ensure("b_1", DIMENSION + 8)
    index.drop("b_1")
    index.drop("b_1")
    assert index.collections() == ["a_1"]
    index.ensure("b_1", DIMENSION)
    assert index.count("b_1") == 0


def test_a_missing_collection_says_so(index, collection, rng):
    index.drop(collection)
    for call in (
        lambda: index.search(collection, ask(rng, USERS[0])),
        lambda: index.upsert(collection, USERS[0], [oracle.point(rng)]),
        lambda: index.delete(collection, USERS[0], [uuid4()]),
        lambda: index.count(collection),
        lambda: list(index.scroll(collection)),
    ):
        with pytest.raises(CollectionNotFoundError):
            call()


def test_instants_need_an_offset(index, collection, rng):
    with pytest.raises(ValueError, match="UTC offset"):
        index.upsert(collection, USERS[0], [oracle.point(rng, occurred_at=NOW.replace(tzinfo=None))])
    with pytest.raises(ValueError, match="UTC offset"):
        index.search(collection, ask(rng, USERS[0], filter=IndexFilter(live_at=NOW.replace(tzinfo=None))))
    assert index.count(collection) == 0


def test_vectors_that_are_not_finite_are_refused(index, collection, rng):
    bad = oracle.dense(rng)
    bad[3] = np.nan
    with pytest.raises(ValueError, match="not a finite vector"):
        index.upsert(collection, USERS[0], [oracle.point(rng, dense=bad)])


def test_threads_read_while_others_write(index, collection, filled, rng):
    """Readers of one user see a steady answer while four writers add and remove points of others."""
    quiet, query = USERS[0], ask(rng, USERS[0], limit=50)
    expected = filled.search(query)

    def write(scope, seed):
        own = np.random.default_rng(seed)
        for _ in range(6):
            points = [oracle.point(own) for _ in range(100)]
            index.upsert(collection, scope, points)
            index.delete(collection, scope, [p.id for p in points[:50]])

    def read():
        for _ in range(25):
            assert_same(index.search(collection, query), expected, filled, query)
            assert index.count(collection, quiet) == 200

    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(write, scope, seed) for seed, scope in enumerate(USERS[1:])]
        jobs += [pool.submit(read) for _ in range(4)]
        for job in jobs:
            job.result()
    for scope in USERS[1:]:
        assert index.count(collection, scope) == 200 + 6 * 50


def test_maintenance_changes_no_answer(index, collection, filled, rng):
    gone = list(filled.points[USERS[0]])[:100]
    index.delete(collection, USERS[0], gone)
    for identity in gone:
        del filled.points[USERS[0]][identity]
    index.maintain(collection)
    query = ask(rng, USERS[0], limit=1000)
    assert_same(index.search(collection, query), filled.search(query), filled, query)
    assert index.count(collection) == 900
    index.upsert(collection, USERS[0], [oracle.point(rng)])
    index.maintain(collection)
    index.maintain(collection)
    assert index.count(collection) == 901
