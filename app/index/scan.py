"""An exact search over rows at hand, giving what the index would give. Recall falls back to it while the index is down;
the offline check of ranking uses it as its index.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.domain.fusion import Evidence
from app.domain.sparse import SparseVector
from app.index.hits import PLACES, certain
from app.index.protocol import IndexQuery, Signal

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One point as PostgreSQL keeps it: the dense vector in little-endian float16."""

    id: UUID
    dense: bytes
    text: SparseVector | None
    window: SparseVector | None


def scan(query: IndexQuery, rows: Sequence[ScanRow]) -> dict[int, Evidence]:
    """The union of the top `limit` of each given signal, by the numbers of the ids. Rows already satisfy the scope and
    the filter of the query.
    """
    if not rows:
        return {}
    hits: dict[int, list[float | None]] = {}
    if query.dense is not None:
        matrix = np.frombuffer(b"".join(row.dense for row in rows), dtype="<f2").reshape(len(rows), -1)
        scores = (matrix.astype(np.float32) @ query.dense.astype(np.float32)).astype(np.float64)
        _collect(hits, Signal.DENSE, rows, scores, query.limit)
    for signal, wanted, of in (
        (Signal.TEXT, query.text, lambda row: row.text),
        (Signal.WINDOW, query.window, lambda row: row.window),
    ):
        if wanted is not None and len(wanted.indices):
            scores = _bm25(wanted, rows, of)
            matched = [i for i, score in enumerate(scores) if score > 0]  # a lexical score of nothing is no match
            _collect(hits, signal, [rows[i] for i in matched], scores[matched], query.limit)
    return {number: Evidence(*scores) for number, scores in hits.items()}


def _bm25(wanted: SparseVector, rows: Sequence[ScanRow], of: Callable[[ScanRow], SparseVector | None]) -> Scores:
    """Weights of the documents times the IDF over these rows: ln(1 + (N - n + 0.5) / (n + 0.5))."""
    scores = np.zeros(len(rows))
    held = [(i, vector) for i, row in enumerate(rows) if (vector := of(row)) is not None and len(vector.indices)]
    if not held:
        return scores
    order = np.argsort(wanted.indices)
    terms = wanted.indices[order].astype(np.uint32)
    indices = np.concatenate([vector.indices for _, vector in held])
    values = np.concatenate([vector.values for _, vector in held]).astype(np.float64)
    places = np.minimum(np.searchsorted(terms, indices), len(terms) - 1)
    match = terms[places] == indices
    owners = np.repeat(np.array([i for i, _ in held]), [len(vector.indices) for _, vector in held])[match]
    frequency = np.bincount(places[match], minlength=len(terms))
    idf = np.log(1.0 + (len(held) - frequency + 0.5) / (frequency + 0.5)) * wanted.values[order]
    np.add.at(scores, owners, values[match] * idf[places[match]])
    return scores


def _collect(
    hits: dict[int, list[float | None]], signal: Signal, rows: Sequence[ScanRow], scores: Scores, limit: int
) -> None:
    """Add the best `limit`."""
    best = np.argsort(-scores, kind="stable")[: limit + 1]
    for number, score in certain([(rows[i].id.int, float(scores[i])) for i in best], limit):
        hits.setdefault(number, [None, None, None])[PLACES[signal]] = score
