"""A cross-encoder behind a `/rerank` endpoint: the form of Jina and Cohere where a model is named, the one of
text-embeddings-inference where none is.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from app.inference.rerank import RerankerUnavailableError

_SECONDS = 5.0  # of one question: who waits for it has given up long before, but its thread must end
_CONNECT = 2.0  # seconds
_LARGEST_BODY = 512 * 1024  # bytes: a hundred results with their texts sent back are less
_LONGEST_TEXT = 2_000  # characters: about the 512 word pieces that such models read


class _Result(BaseModel):
    index: int
    relevance_score: float | None = None
    score: float | None = None


class _Answer(BaseModel):
    results: list[_Result]


_ANSWER: TypeAdapter[_Answer | list[_Result]] = TypeAdapter(_Answer | list[_Result])


@dataclass(frozen=True, slots=True)
class RerankEndpoint:
    """Where the scores come from. `url` is the endpoint's whole address, or its base, as in `https://host/v1`."""

    url: str
    model: str | None = None
    api_key: str | None = None
    timeout: float = _SECONDS


class RemoteReranker:
    """See `Reranker`. One attempt: somebody is waiting, and the order without it is good."""

    def __init__(self, endpoint: RerankEndpoint) -> None:
        """Connects with the first question. Raises httpx.InvalidURL for what is no address."""
        url = httpx.URL(endpoint.url.strip())
        if url.scheme not in {"http", "https"} or not url.host:
            raise httpx.InvalidURL("it starts with http:// or https:// and a host")
        path = url.path.rstrip("/")
        self._url = url if path.endswith("/rerank") else url.copy_with(path=f"{path}/rerank")
        self._model = endpoint.model
        self._timeout = endpoint.timeout
        headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
        self._client = httpx.Client(headers=headers)

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """See `Reranker`."""
        if not texts:
            return []
        cut = [text[:_LONGEST_TEXT] or " " for text in texts]
        body: dict[str, Any] = {"query": question, "texts": cut}
        if self._model is not None:
            body = {"model": self._model, "query": question, "documents": cut, "top_n": len(cut)}
        try:
            status, headers, content = self._post(body)
        except httpx.TimeoutException:
            raise RerankerUnavailableError("timeout") from None
        except httpx.TransportError:
            raise RerankerUnavailableError("unreachable") from None
        except httpx.HTTPError:  # an encoding that is none
            raise RerankerUnavailableError("malformed") from None
        if not 200 <= status < 300:
            raise RerankerUnavailableError(f"status_{status}", pause=_retry_after(headers))
        return _scores(content, len(texts))

    def close(self) -> None:
        """See `Reranker`."""
        self._client.close()

    def _post(self, body: dict[str, Any]) -> tuple[int, httpx.Headers, bytes]:
        """One request. An answer that drips or never ends is cut at the deadline and at the largest size."""
        deadline = time.monotonic() + self._timeout
        limits = httpx.Timeout(self._timeout, connect=min(self._timeout, _CONNECT))
        with self._client.stream("POST", self._url, json=body, timeout=limits) as response:
            content = bytearray()
            for part in response.iter_bytes():
                content += part
                if len(content) > _LARGEST_BODY:
                    raise RerankerUnavailableError("too_large")
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer takes too long")
            return response.status_code, response.headers, bytes(content)


def _scores(content: bytes, expected: int) -> list[float]:
    """The scores in the order of the texts; raises RerankerUnavailableError unless each has exactly one."""
    try:
        answer = _ANSWER.validate_json(content)
    except ValidationError:
        raise RerankerUnavailableError("malformed") from None
    results = answer.results if isinstance(answer, _Answer) else answer
    scores = {result.index: _score(result) for result in results}
    if len(results) != expected or set(scores) != set(range(expected)):
        raise RerankerUnavailableError("malformed")
    return [scores[index] for index in range(expected)]


def _score(result: _Result) -> float:
    value = result.score if result.relevance_score is None else result.relevance_score
    if value is None or not math.isfinite(value):
        raise RerankerUnavailableError("malformed")
    return value


def _retry_after(headers: httpx.Headers) -> float:
    value = headers.get("retry-after", "").strip()
    return float(value[:6]) if value.isascii() and value.isdecimal() else 0.0
