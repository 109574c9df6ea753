"""The encoder port: texts to unit vectors. Implemented by `onnx`, `torch`, `remote`; used by recall and extraction."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt


class EncoderUnavailableError(Exception):
    """The encoder cannot answer now (a remote endpoint is down, a model file is missing). `str()` says what to do."""


class Encoder(Protocol):
    """Texts to L2-normalised float32 rows. Thread-safe."""

    @property
    def fingerprint(self) -> str:
        """Model, back end and dimension as `[a-z0-9_-]+`, e.g. `all-minilm-l6-v2_onnx-int8_384`; part of the
        collection's name, so a change of any of them means a new collection.
        """

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Shape (len(texts), dimension). Batches of 16-32 sorted by length; long texts are chunked and pooled."""

    def encode_query(self, text: str) -> npt.NDArray[np.float32]:
        """Shape (dimension,). Concurrent callers share a batch."""

    def encode_queries(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """The same for several questions of one caller in one batch: shape (len(texts), dimension)."""

    def close(self) -> None:
        """Release threads and connections."""
