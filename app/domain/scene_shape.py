"""The shape of scenes once memories are gathered: one that grew too large is split in two by its meaning, and two that
came to lie near each other are one. Pure and deterministic; part of `scenes`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]
ROUNDS = 10  # of 2-means: it settles in three or four on real scenes


@dataclass(frozen=True, slots=True)
class Cluster:
    """Rows that belong together, in order of time, and the direction of their mean."""

    rows: list[int]
    centre: Vector


@dataclass(frozen=True, slots=True)
class Shape:
    """At most so many rows in a cluster (0: any number); clusters nearer than `cosine` and no farther apart in time
    than `gap` seconds are one.
    """

    most: int
    cosine: float
    gap: float


def shaped(
    clusters: Sequence[Cluster], vectors: Sequence[Vector], times: Sequence[float], shape: Shape
) -> list[Cluster]:
    """The clusters split and joined, in the order of their first rows. Rows rise in time."""
    parts = [part for cluster in clusters for part in _split(cluster, vectors, shape.most)]
    joined = _joined(sorted(parts, key=lambda part: part.rows[0]), vectors, times, shape)
    return sorted(joined, key=lambda part: part.rows[0])


def _split(cluster: Cluster, vectors: Sequence[Vector], most: int) -> list[Cluster]:
    if not most or len(cluster.rows) <= most:
        return [cluster]
    found: list[Cluster] = []
    for rows in _halves(cluster, vectors):
        found += _split(_of(rows, vectors), vectors, most)
    return found


def _halves(cluster: Cluster, vectors: Sequence[Vector]) -> tuple[list[int], list[int]]:
    """2-means that begins at the row farthest from the centre and the one farthest from that; where all rows are alike,
    the earlier and the later half.
    """
    matrix = np.stack([vectors[row] for row in cluster.rows])
    first = int(np.argmin(np.round(matrix @ cluster.centre, 4)))
    second = int(np.argmin(np.round(matrix @ matrix[first], 4)))
    one, other = matrix[first], matrix[second]
    nearer = np.zeros(len(matrix), dtype=bool)
    for _ in range(ROUNDS):
        again = np.round(matrix @ one, 4) >= np.round(matrix @ other, 4)
        if again.all() or not again.any():
            middle = len(cluster.rows) // 2
            return cluster.rows[:middle], cluster.rows[middle:]
        if (again == nearer).all():
            break
        nearer = again
        one, other = _direction(matrix[nearer]), _direction(matrix[~nearer])
    rows = np.array(cluster.rows)
    return rows[nearer].tolist(), rows[~nearer].tolist()


def _joined(parts: Sequence[Cluster], vectors: Sequence[Vector], times: Sequence[float], shape: Shape) -> list[Cluster]:
    """Each cluster joins the nearest of those before it that is near enough and has room for it."""
    found: list[Cluster] = []
    centres = np.zeros((len(parts), len(vectors[0]) if vectors else 0), dtype=np.float32)
    last = np.zeros(len(parts))
    for part in parts:
        place, size = -1, len(found)
        nearness = np.round(centres[:size] @ part.centre, 4)
        nearness[times[part.rows[0]] - last[:size] > shape.gap] = -1.0
        for at in np.argsort(-nearness, kind="stable").tolist():
            if nearness[at] < shape.cosine:
                break
            if not shape.most or len(found[at].rows) + len(part.rows) <= shape.most:
                place = at
                break
        if place < 0:
            place = size
            found.append(part)
        else:
            found[place] = _of(sorted(found[place].rows + part.rows), vectors)
        centres[place] = found[place].centre
        last[place] = max(last[place], times[part.rows[-1]]) if place < size else times[part.rows[-1]]
    return found


def _of(rows: list[int], vectors: Sequence[Vector]) -> Cluster:
    return Cluster(rows, _direction(np.stack([vectors[row] for row in rows])))


def _direction(matrix: Vector) -> Vector:
    mean = matrix.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)
