"""How much of a question's words each candidate holds, alone and with the turns around it. Pure numpy; for `columns`.

A word counts by its IDF among the candidates: what every candidate holds says little about any of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.domain.fusion import Vector
from app.domain.sparse import SparseVector

REACH = 3  # turns to each side
FADING = 0.2  # a word counts this much less with each turn of distance; chosen, not tuned

Matrix = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Neighbours = Mapping[int, Places]  # by distance (-3..3): for each row that of the turn there, -1 where it is none


@dataclass(frozen=True, slots=True)
class Coverage:
    """Shares of the question's IDF, between 0 and 1: by the text itself, with one turn to each side, with three."""

    own: Vector
    around: Vector
    nearby: Vector
    weights: Vector  # IDF of each word of the question, summing up to 1
    held: Matrix  # rows x words: whether the row itself holds the word

    @property
    def best(self) -> float:
        """The most that one candidate covers."""
        return float(self.own.max()) if len(self.own) else 0.0


def covered(
    words: SparseVector,
    texts: Sequence[bytes],
    windows: Sequence[bytes],
    neighbours: Neighbours,
) -> Coverage:
    """Coverage of `words` by candidates: their own term ids, those of their windows, and who their neighbours are."""
    terms = words.indices.astype(np.uint32)
    both = holding(terms, [*texts, *windows])
    held, framed = both[: len(texts)], both[len(texts) :]
    frequency = held.sum(axis=0)
    idf = np.log(1.0 + (len(texts) - frequency + 0.5) / (frequency + 0.5))
    weights = idf / idf.sum() if idf.sum() > 0 else idf
    around = np.maximum(held, framed)
    nearby = np.maximum(held, (1.0 - FADING) * framed)
    for distance, others in neighbours.items():
        near = others >= 0
        nearby[near] = np.maximum(nearby[near], (1.0 - FADING * abs(distance)) * held[others[near]])
    return Coverage(held @ weights, around @ weights, nearby @ weights, weights, held)


def holding(terms: npt.NDArray[np.uint32], documents: Sequence[bytes]) -> Matrix:
    """Documents (term ids as little-endian uint32) over terms (ascending): 1 where the document holds the term."""
    matrix = np.zeros((len(documents), len(terms)))
    indices = np.frombuffer(b"".join(documents), dtype="<u4")
    if not len(terms) or not len(indices):
        return matrix
    rows = np.repeat(np.arange(len(documents)), [len(document) // 4 for document in documents])
    places = np.minimum(np.searchsorted(terms, indices), len(terms) - 1)
    match = terms[places] == indices
    matrix[rows[match], places[match]] = 1.0
    return matrix
