"""Which rows of a matrix of unit vectors are near each other, in blocks, so that thousands take a second. Pure."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

ROWS = 512  # of the cosine matrix at a time: 6 MB for 3,000 rows

Vector = npt.NDArray[np.float32]


def near_before(matrix: Vector, least: float) -> Iterator[tuple[int, npt.NDArray[np.int64], Vector]]:
    """For each row that has any: the places of those before it whose cosine is at least `least`, rising, and these
    cosines, rounded to four digits so that the order of addition cannot decide.
    """
    for start in range(0, len(matrix), ROWS):
        cosines = np.round(matrix[start : start + ROWS] @ matrix[: start + ROWS].T, 4)
        for offset, row in enumerate(cosines):
            places = np.flatnonzero(row[: start + offset] >= least)
            if len(places):
                yield start + offset, places, row[places]
