"""The search without an index gives what the index gives."""

from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest

from app.domain.lexical import TEXT_LENGTH, WINDOW_LENGTH, document_vector, query_vector
from app.domain.scope import UserScope
from app.index.hits import by_id
from app.index.protocol import IndexPoint, IndexQuery, PointKind, Signal
from app.index.scan import ScanRow, scan
from tests.support.index_oracle import by_signal

SCOPE = UserScope(UUID(int=1), "anna")
NOW = datetime(2025, 1, 1, tzinfo=UTC)
WORDS = [
    "garden",
    "coffee",
    "train",
    "sister",
    "weekend",
    "music",
    "doctor",
    "budget",
    "holiday",
    "kitchen",
    "river",
    "piano",
]


def corpus(size):
    random = np.random.default_rng(7)
    rows = []
    for i in range(size):
        vector = random.normal(size=32).astype(np.float32)
        text = " ".join(random.choice(WORDS, size=random.integers(1, 9)))
        rows.append(
            ScanRow(
                UUID(int=i + 1),
                (vector / np.linalg.norm(vector)).astype("<f2").tobytes(),
                document_vector(text, TEXT_LENGTH),
                document_vector(f"{text} river", WINDOW_LENGTH),
            )
        )
    return rows


def point(row):
    dense = np.frombuffer(row.dense, dtype="<f2").astype(np.float32)
    return IndexPoint(row.id, PointKind.EVENT, 1, "s", None, None, "user", NOW, NOW, None, dense, row.text, row.window)


@pytest.mark.parametrize("limit", [5, 100])
def test_the_same_hits_as_the_index(edge_index, limit):
    rows = corpus(60)
    edge_index.ensure("c", 32)
    edge_index.upsert("c", SCOPE, [point(row) for row in rows])
    asked = query_vector("piano river garden garden")
    dense = np.frombuffer(rows[3].dense, dtype="<f2").astype(np.float32)
    query = IndexQuery(SCOPE, dense, asked, asked, limit=limit)
    ours = by_signal(by_id(scan(query, rows)))
    theirs = by_signal(edge_index.search("c", query))
    for signal in Signal:
        one = sorted((s[signal] for s in ours.values() if signal in s), reverse=True)
        other = sorted((s[signal] for s in theirs.values() if signal in s), reverse=True)
        assert one == pytest.approx(other, rel=1e-3, abs=1e-3)
    for id_ in ours.keys() & theirs.keys():
        for signal in ours[id_].keys() & theirs[id_].keys():
            assert ours[id_][signal] == pytest.approx(theirs[id_][signal], rel=1e-3, abs=1e-3)


def test_nothing_to_scan_or_nothing_asked():
    empty = query_vector("")
    assert scan(IndexQuery(SCOPE, None, empty, empty), corpus(3)) == {}
    assert scan(IndexQuery(SCOPE, np.ones(32, np.float32)), []) == {}
