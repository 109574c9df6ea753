"""The default encoder: an exported model on ONNX Runtime. The only modules behind it are onnxruntime and tokenizers."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Encoding, Tokenizer

from app.inference.manifest import MODEL_FILE, TOKENIZER_FILE, Manifest
from app.inference.microbatch import MicroBatcher
from app.inference.pooling import Matrix, pool_windows

# Best throughput of the default model on two cores lies at 16-32 turns a run. Word pieces are bounded as well: runs of
# 1,024 are as fast as those of 4,096, and the process stays at 200 MB instead of 390 after a text of 64 KiB.
_BATCH_TEXTS = 32
_BATCH_TOKENS = 1_024

# Padding is computed like text, so a run takes texts down to this share of its longest.
_SHORTEST = 0.8

# Word pieces that a window of a long text shares with the one before it, so that a sentence on the seam is whole once.
_OVERLAP = 32


class OnnxEncoder:
    """See `Encoder`. Safe to share between threads: a run releases the interpreter."""

    def __init__(self, directory: Path, *, threads: int = 1) -> None:
        """Load the model in `directory`; raises EncoderUnavailableError if a file is missing or damaged."""
        self.manifest = Manifest.read(directory)
        self._session = onnxruntime.InferenceSession(
            directory / MODEL_FILE, _session_options(threads), providers=["CPUExecutionProvider"]
        )
        self._inputs = [node.name for node in self._session.get_inputs()]
        self._tokenizer = _tokenizer(directory / TOKENIZER_FILE, self.manifest.max_tokens)
        self._queries = MicroBatcher(self.encode_queries, largest=_BATCH_TEXTS)

    @property
    def fingerprint(self) -> str:
        """See `Encoder`."""
        return self.manifest.fingerprint

    @property
    def dimension(self) -> int:
        """See `Encoder`."""
        return self.manifest.dimension

    def encode(self, texts: Sequence[str]) -> Matrix:
        """See `Encoder`."""
        return self._encode([self.manifest.document_prompt + text for text in texts])

    def encode_query(self, text: str) -> npt.NDArray[np.float32]:
        """See `Encoder`."""
        return self._queries.encode(text)

    def encode_queries(self, texts: Sequence[str]) -> Matrix:
        """See `Encoder`."""
        return self._encode([self.manifest.query_prompt + text for text in texts])

    def close(self) -> None:
        """Nothing to release: the session ends with its last reference."""

    def _encode(self, texts: Sequence[str]) -> Matrix:
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        windows: list[Encoding] = []
        owners: list[int] = []
        for owner, encoding in enumerate(self._tokenizer.encode_batch(list(texts))):
            parts = [encoding, *encoding.overflowing]
            windows += parts
            owners += [owner] * len(parts)
        lengths = [len(window.ids) for window in windows]
        vectors = np.empty((len(windows), self.dimension), dtype=np.float32)
        for batch in _batches(lengths):
            vectors[batch] = self._run([windows[i] for i in batch])
        return pool_windows(vectors, lengths, owners, len(texts))

    def _run(self, windows: Sequence[Encoding]) -> Matrix:
        """One run; rows are padded with zeros, which the mask hides."""
        shape = (len(windows), max(len(window.ids) for window in windows))
        feed: dict[str, npt.NDArray[np.int64]] = {name: np.zeros(shape, dtype=np.int64) for name in self._inputs}
        for row, window in enumerate(windows):
            length = len(window.ids)
            feed["input_ids"][row, :length] = window.ids
            feed["attention_mask"][row, :length] = 1
        outputs: list[Any] = self._session.run(None, feed)
        vectors: Matrix = outputs[0]
        return vectors


def _session_options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores belong to the stores as well
    return options


def _tokenizer(path: Path, max_tokens: int) -> Tokenizer:
    """A tokenizer that cuts long texts into overlapping windows and pads nothing."""
    tokenizer: Tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens, stride=min(_OVERLAP, max_tokens // 4))
    return tokenizer


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Positions in batches of like length, longest first, so that little is spent on padding."""
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        if batch:
            longest = lengths[batch[0]]
            full = len(batch) == _BATCH_TEXTS or (len(batch) + 1) * longest > _BATCH_TOKENS
            if full or lengths[position] < _SHORTEST * longest:
                yield batch
                batch = []
        batch.append(position)
    if batch:
        yield batch
