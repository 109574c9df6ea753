"""A sparse vector: arrays of term ids (uint32) and weights (float32). Made by `lexical`, stored and indexed."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class SparseVector:
    """`indices` are distinct and ascending; `values` has the same length."""

    indices: npt.NDArray[np.uint32]
    values: npt.NDArray[np.float32]

    def to_bytes(self) -> bytes:
        """Little-endian: all indices (uint32), then all values (float32)."""
        return self.indices.astype("<u4").tobytes() + self.values.astype("<f4").tobytes()

    @classmethod
    def from_bytes(cls, raw: bytes) -> "SparseVector":
        """The inverse of `to_bytes`."""
        half = len(raw) // 2
        return cls(np.frombuffer(raw[:half], dtype="<u4"), np.frombuffer(raw[half:], dtype="<f4"))
