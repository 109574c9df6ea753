"""From the vectors of windows to one unit vector a text. Used by every back end."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]


def normalise(vectors: Matrix) -> Matrix:
    """Each row at length 1; a row of zeros stays as it is."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Matrix = (vectors / np.where(norms > 0, norms, 1)).astype(np.float32)
    return unit


def pool_windows(vectors: Matrix, weights: Sequence[int], owners: Sequence[int], texts: int) -> Matrix:
    """The mean of each text's window vectors, weighted by the windows' lengths: row i is text i, a unit vector.

    `owners[j]` is the text to which window j belongs; every text has at least one window.
    """
    pooled = np.zeros((texts, vectors.shape[1]), dtype=np.float32)
    np.add.at(pooled, np.asarray(owners), normalise(vectors) * np.asarray(weights, dtype=np.float32)[:, None])
    return normalise(pooled)
