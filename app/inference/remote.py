"""An encoder behind an OpenAI-compatible `/v1/embeddings`: any hosted or local server that speaks it."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ValidationError

from app.domain.tokens import count_tokens, truncate_to_tokens
from app.inference.manifest import fingerprint
from app.inference.microbatch import MicroBatcher
from app.inference.pooling import Matrix, pool_windows
from app.inference.protocol import EncoderUnavailableError

_BATCH_TEXTS = 32

# The endpoint's own limit is unknown. 400 o200k tokens stay within the 512 word pieces of the smallest models in use.
_WINDOW_TOKENS = 400

_ATTEMPTS = 4
_QUERY_ATTEMPTS = 2  # somebody is waiting
_RETRIED = frozenset({408, 429, 500, 502, 503, 504, 529})
_FIRST_PAUSE = 0.5  # seconds; doubles with each attempt
_LONGEST_PAUSE = 8.0  # a longer Retry-After is the caller's business: the work is retried from its ledger

Sleep = Callable[[float], None]


class _Row(BaseModel):
    index: int
    embedding: list[float]


class _Answer(BaseModel):
    data: list[_Row]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the vectors come from. `url` is the endpoint's whole address, or its base, as in `https://host/v1`."""

    url: str
    model: str
    dimension: int
    api_key: str | None = None
    timeout: float = 10.0  # seconds, of one attempt


class RemoteEncoder:
    """See `Encoder`. Raises EncoderUnavailableError when the endpoint stays unreachable or answers nonsense."""

    def __init__(self, endpoint: Endpoint, *, sleep: Sleep = time.sleep) -> None:
        """Connects with the first request."""
        url = httpx.URL(endpoint.url)
        self._url = url if url.path.rstrip("/").endswith("/embeddings") else _below(url, "embeddings")
        self._shown = str(self._url.copy_with(userinfo=b"", query=None))
        self._model = endpoint.model
        self._dimension = endpoint.dimension
        self._sleep = sleep
        headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
        self._client = httpx.Client(timeout=endpoint.timeout, headers=headers)
        self._queries = MicroBatcher(self.encode_queries, largest=_BATCH_TEXTS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def fingerprint(self) -> str:
        """See `Encoder`."""
        return fingerprint(self._model, "remote", self._dimension)

    @property
    def dimension(self) -> int:
        """See `Encoder`."""
        return self._dimension

    def encode(self, texts: Sequence[str]) -> Matrix:
        """See `Encoder`."""
        return self._encode(texts, _ATTEMPTS)

    def encode_query(self, text: str) -> npt.NDArray[np.float32]:
        """See `Encoder`."""
        return self._queries.encode(text)

    def encode_queries(self, texts: Sequence[str]) -> Matrix:
        """See `Encoder`."""
        return self._encode(texts, _QUERY_ATTEMPTS)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _encode(self, texts: Sequence[str], attempts: int) -> Matrix:
        if not texts:
            return np.zeros((0, self._dimension), dtype=np.float32)
        windows: list[str] = []
        owners: list[int] = []
        for owner, text in enumerate(texts):
            parts = list(_windows(text))
            windows += parts
            owners += [owner] * len(parts)
        weights = [count_tokens(window) or 1 for window in windows]
        order = sorted(range(len(windows)), key=weights.__getitem__)
        vectors = np.empty((len(windows), self._dimension), dtype=np.float32)
        for start in range(0, len(order), _BATCH_TEXTS):
            batch = order[start : start + _BATCH_TEXTS]
            vectors[batch] = self._request([windows[i] for i in batch], attempts)
        return pool_windows(vectors, weights, owners, len(texts))

    def _request(self, texts: list[str], attempts: int) -> Matrix:
        body = {"model": self._model, "input": texts, "encoding_format": "float"}
        problem = "no answer"
        for attempt in range(attempts):
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt) * random.uniform(0.5, 1.0)  # noqa: S311 (jitter)
            try:
                response = self._client.post(self._url, json=body)
            except httpx.RequestError as error:
                problem = str(error) or type(error).__name__
            else:
                if response.is_success:
                    return self._vectors(response, len(texts))
                problem = f"status {response.status_code}"
                if response.status_code not in _RETRIED:
                    break
                pause = max(pause, _retry_after(response))
            if attempt + 1 == attempts or pause > _LONGEST_PAUSE:
                break
            self._sleep(pause)
        raise EncoderUnavailableError(
            f"The embedding endpoint {self._shown} gave {problem}. Check EMBEDDING_URL and it."
        )

    def _vectors(self, response: httpx.Response, expected: int) -> Matrix:
        """The rows of an answer in the order of the texts."""
        try:
            rows = sorted(_Answer.model_validate_json(response.content).data, key=lambda row: row.index)
        except ValidationError:
            raise EncoderUnavailableError(f"The embedding endpoint {self._shown} answered in another format.") from None
        if [row.index for row in rows] != list(range(expected)):
            raise EncoderUnavailableError(f"The embedding endpoint {self._shown} did not answer each text once.")
        sizes = {len(row.embedding) for row in rows}
        if sizes != {self._dimension}:
            raise EncoderUnavailableError(
                f"The embedding endpoint {self._shown} gives vectors of {sorted(sizes)} numbers, "
                f"but EMBEDDING_DIMENSION says {self._dimension}."
            )
        vectors = np.array([row.embedding for row in rows], dtype=np.float32)
        if not np.isfinite(vectors).all():
            raise EncoderUnavailableError(f"The embedding endpoint {self._shown} gave numbers that are not finite.")
        return vectors


def _windows(text: str) -> Iterator[str]:
    """`text` in pieces that any model takes; at least one, and never an empty one, which some servers refuse."""
    rest = text if text.strip() else " "
    while rest:
        window = truncate_to_tokens(rest, _WINDOW_TOKENS)
        yield window
        rest = rest[len(window) :]


def _below(url: httpx.URL, name: str) -> httpx.URL:
    return url.copy_with(path=f"{url.path.rstrip('/')}/{name}")


def _retry_after(response: httpx.Response) -> float:
    value: Any = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdecimal() else 0.0
