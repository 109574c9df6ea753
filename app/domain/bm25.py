"""The one formula that both the index and the exact scan over PostgreSQL must share: how much a rare term counts."""

import math


def idf(total: int, containing: int) -> float:
    """BM25's inverse document frequency: `containing` of `total` documents hold the term.

    It is what Qdrant computes for sparse vectors with the IDF modifier (checked to float32 by tests/index), where
    `total` counts the documents that have that sparse vector at all.
    """
    return math.log(1.0 + (total - containing + 0.5) / (containing + 0.5))
