"""Ranking of events that the index does not hold yet (promise 2): BM25 in pure numpy, on the index's own scale.

The IDF is over what is pending and what the index found. How many processed turns hold a word is exact while fewer than
the limit came back from the index, and a lower bound otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.domain.sparse import SparseVector

Matrix = npt.NDArray[np.float64]

# A word counts as rare when its IDF is near that of the question's rarest word: then its only holder comes first.
RARE_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class PendingTurn:
    """A turn to rank: its BM25 document weights, and its neighbours where they are pending too."""

    id: UUID
    text: SparseVector
    before: UUID | None = None
    after: UUID | None = None


@dataclass(frozen=True, slots=True)
class PendingScore:
    """`text` and `window` are BM25 scores; `rare` is the summed IDF of rare words that no processed turn holds."""

    text: float
    window: float
    rare: float


def rank_pending(
    query: SparseVector, pending: Sequence[PendingTurn], found: Sequence[SparseVector], total: int
) -> dict[UUID, PendingScore]:
    """Score pending turns. `found` are the document weights of the processed turns that matched; `total` counts all of
    the user's turns.
    """
    terms = query.indices.astype(np.uint32)
    if not len(terms) or not pending:
        return {turn.id: PendingScore(0.0, 0.0, 0.0) for turn in pending}
    weights = _weights(terms, [turn.text for turn in pending])
    elsewhere = (_weights(terms, found) > 0).sum(axis=0)
    here = (weights > 0).sum(axis=0)
    frequency = here + elsewhere
    count = max(total, len(pending) + len(found))
    idf = np.log(1.0 + (count - frequency + 0.5) / (frequency + 0.5))
    known = frequency > 0
    rarest = float(idf[known].max()) if known.any() else 0.0
    only_here = known & (elsewhere == 0) & (idf >= RARE_SHARE * rarest)
    windows = _windows(weights, pending)
    demand = query.values.astype(np.float64)
    text, window = weights @ (idf * demand), windows @ (idf * demand)
    rare = (weights > 0) @ np.where(only_here, idf, 0.0)
    return {turn.id: PendingScore(float(text[i]), float(window[i]), float(rare[i])) for i, turn in enumerate(pending)}


def _weights(terms: npt.NDArray[np.uint32], documents: Sequence[SparseVector]) -> Matrix:
    """Rows of documents over the question's terms (ascending): the weight of each, 0 where it is absent."""
    matrix = np.zeros((len(documents), len(terms)))
    if not documents:
        return matrix
    indices = np.concatenate([document.indices for document in documents])
    values = np.concatenate([document.values for document in documents])
    rows = np.repeat(np.arange(len(documents)), [len(document.indices) for document in documents])
    places = np.minimum(np.searchsorted(terms, indices), len(terms) - 1)
    match = terms[places] == indices
    matrix[rows[match], places[match]] = values[match]
    return matrix


def _windows(weights: Matrix, pending: Sequence[PendingTurn]) -> Matrix:
    """Each turn with its neighbours: a word counts where it counts most."""
    row: Mapping[UUID, int] = {turn.id: i for i, turn in enumerate(pending)}
    windows = weights.copy()
    for i, turn in enumerate(pending):
        for neighbour in (turn.before, turn.after):
            j = row.get(neighbour) if neighbour else None
            if j is not None:
                np.maximum(windows[i], weights[j], out=windows[i])
    return windows
