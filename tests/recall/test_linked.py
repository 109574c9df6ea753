"""Links in ranking: one hop, the walk, and that nothing is read or computed where both weigh nothing."""

import numpy as np
import pytest
from psycopg import OperationalError

from app.domain.columns import Weights
from app.domain.fusion import Evidence
from app.domain.linked import best_linked, gained
from app.domain.policy import DEFAULT
from app.domain.query import Kind, RecallQuery
from app.domain.ranking import rank
from app.domain.scope import UserScope
from app.services.recall_memo import Reads
from app.services.recall_reads import ReadThrough
from app.storage import links
from tests.support.ranked import EVIDENCE, MOVED, NOW, OTHER, PLAN, SMALL, WORDS, candidates, memory

FACT = memory(8, "Anna moved to Lisbon.", MOVED)
VIEW = memory(9, "The flat has a view of the river.", OTHER)
GREETING = memory(10, "Anna says good morning.", SMALL)
LINK = (FACT.id, VIEW.id, 0.8)
FOUND = EVIDENCE | {FACT.id: Evidence(0.6, 5.0), VIEW.id: Evidence(0.4, 2.0), GREETING.id: Evidence(0.2, None)}


def asked(*linked, **settings):
    weights = Weights(DEFAULT.recall.model_copy(update={"pagerank": 0.0} | settings), DEFAULT.retention)
    found = candidates([MOVED, OTHER, SMALL], [FACT, VIEW, GREETING], FOUND, links=linked)
    return {item.id: item for item in rank(PLAN, WORDS, found, weights, NOW, 10)}


def test_one_hop_gives_a_memory_and_its_turn_what_lies_there():
    rows = candidates([MOVED, OTHER, SMALL], [FACT, VIEW, GREETING], links=[LINK])
    near = np.array([0.3, 0.2, 0.1, 2.0, 1.0, -1.0])
    assert best_linked(rows, near).tolist() == [1.0, 2.0, 0.0, 1.0, 2.0, 0.0]


def test_a_link_to_what_is_no_candidate_is_none():
    rows = candidates([OTHER], [VIEW], links=[LINK])
    assert best_linked(rows, np.array([1.0, 1.0])).tolist() == [0.0, 0.0]


def test_a_walk_lifts_what_hangs_on_the_best_and_leaves_the_rest():
    rows = candidates([MOVED, OTHER, SMALL], [FACT, VIEW], links=[LINK])
    lifted = gained(rows, np.array([4.0, 0.0, 0.0, 4.0, 0.0]))
    assert lifted[4] > lifted[1] > 0
    assert lifted[2] == pytest.approx(0.0, abs=1e-6)


def test_a_shared_name_joins_two_memories():
    rows = candidates([], [FACT, GREETING], entities={FACT.id: {"anna"}, GREETING.id: {"anna"}})
    assert gained(rows, np.array([3.0, 0.0]))[1] > 0
    apart = candidates([], [FACT, GREETING], entities={FACT.id: {"anna"}, GREETING.id: {"ben"}})
    np.testing.assert_allclose(gained(apart, np.array([3.0, 0.0])), [0.0, 0.0], atol=1e-9)


def test_a_weight_of_links_moves_the_linked_alone():
    without, with_link = asked(LINK), asked(LINK, linked=2.0)
    assert with_link[VIEW.id].total > without[VIEW.id].total
    assert with_link[GREETING.id].total == pytest.approx(without[GREETING.id].total)


def test_the_walk_is_in_the_total_and_in_the_trace():
    without, walked = asked(LINK), asked(LINK, pagerank=0.5)
    assert "pagerank" not in without[VIEW.id].columns
    gain = walked[VIEW.id].columns["pagerank"]
    assert gain > asked(pagerank=0.5)[VIEW.id].columns["pagerank"]
    assert walked[VIEW.id].total == pytest.approx(without[VIEW.id].total + 0.5 * gain)


HOME = (
    {"id": "e1", "name": "Anna", "content": "I adopted a cat called Bazyl in March."},
    {"id": "e2", "name": "Anna", "content": "Bazyl the cat sleeps on my keyboard."},
    {"id": "e3", "name": "Anna", "content": "I play the cello in an orchestra."},
)


@pytest.fixture
def counted(monkeypatch):
    """How often links were read."""
    calls = []
    real = links.starting_at

    def starting_at(*args, **options):
        calls.append(real(*args, **options))
        return calls[-1]

    monkeypatch.setattr(links, "starting_at", starting_at)
    return calls


def test_links_are_read_only_for_a_policy_that_weighs_them(user, counted):
    user.say(*HOME)
    user.settle()
    user.choose(linked=0.0, pagerank=0.0, rounds=0)
    before = user.ask("Which pet does Anna have?", include=["trace"])
    assert counted == []
    user.choose(linked=0.5, pagerank=0.3, rounds=0)
    answer = user.ask("Which pet does Anna have?", include=["trace"])
    (found,) = counted
    user.ask("Which pet does Anna have?", include=["trace"])
    assert len(counted) == 1, "they are kept while nothing changes"
    assert found, "memories of one session and day are linked"
    assert {item["id"] for item in answer["items"]} == {item["id"] for item in before["items"]}
    assert any("pagerank" in one["signals"] for one in answer["trace"]["candidates"])
    assert any("linked" in one["signals"] for one in answer["trace"]["candidates"])
    assert any(item["kind"] == Kind.MEMORY.value for item in answer["items"])


def test_a_read_that_fails_leaves_nothing_behind(project, monkeypatch):
    query = RecallQuery(UserScope(project.project_id, "anna"), "Who?", NOW)
    reads = ReadThrough(lambda: None, query, Reads(), "model")

    def failing(*_args, **_options):
        raise OperationalError

    monkeypatch.setattr(links, "starting_at", failing)
    with pytest.raises(OperationalError):
        reads.links([FACT.id, VIEW.id])
    monkeypatch.setattr(links, "starting_at", lambda *_args, **_options: [LINK])
    assert reads.links([FACT.id, VIEW.id]) == [LINK]


def test_links_are_as_they_were_known_then(user, project):
    user.say(*HOME)
    user.settle()
    page = user.http.get("/v1/memories", params={"user_id": user.id}).json()["items"]
    ids = [item["id"] for item in page]
    scope = UserScope(project.project_id, user.id)
    with user.context.db.transaction(scope) as conn:
        assert links.starting_at(conn, scope, ids)
        assert links.starting_at(conn, scope, ids, known_at=NOW) == []
