"""A language model behind an OpenAI-compatible `/v1/chat/completions`. Used by extraction, outside any transaction.

`ChatModel.ask` gives the text of one answer or raises `ModelFailedError`, and never takes longer than it may.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from app.clock import Clock, utc_now
from app.domain.tokens import count_tokens
from app.errors import MnemeError
from app.inference.llm_limits import Rest, TokenBudget
from app.inference.llm_reply import Reply, read_reply
from app.settings import Settings
from app.telemetry.metrics import Metrics

_ATTEMPTS = 3
_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_FIRST_PAUSE = 0.5  # seconds; doubles with each attempt
_CONNECT = 5.0  # seconds
_LARGEST_BODY = 512 * 1024  # bytes: a hundred times what a segment gives
_LARGEST_ERROR = 8 * 1024  # bytes of an error that are looked at
_EXPECTED_REPLY = 800  # tokens that a question is taken to get back, until it is known
_PER_MESSAGE = 8  # tokens of a chat's own markup around a message

Message = Mapping[str, str]
Check = Callable[[], None]


class ModelFailedError(MnemeError):
    """No usable answer, and why in one word: `kind` is a label of metrics and logs."""

    code = "model_failed"

    def __init__(self, kind: str, detail: str = "", *, pause: float = 0.0) -> None:
        super().__init__(detail or kind)
        self.kind = kind
        self.pause = pause  # seconds for which the provider wants to be left alone


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """Where the model is. `url` is the base, as in `https://host/v1`, or the endpoint's whole address."""

    url: str
    model: str
    api_key: str | None = None
    timeout: float = 30.0  # seconds of one question, with all its attempts
    concurrency: int = 4
    tokens_per_minute: int = 0
    tokens_per_day: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """Messages, and the JSON schema that the answer shall have."""

    messages: Sequence[Message]
    schema_name: str
    schema: Mapping[str, Any]


@dataclass(slots=True)
class _Dialect:
    """What this server was found not to take; kept for the life of the process."""

    format: int = 0  # 0 json_schema, 1 json_object, 2 nothing but the prompt
    temperature: bool = True

    def body(self, model: str, question: Question) -> dict[str, Any]:
        body: dict[str, Any] = {"model": model, "messages": list(question.messages), "stream": False}
        if self.temperature:
            body["temperature"] = 0
        if self.format == 0:
            schema = {"name": question.schema_name, "strict": True, "schema": question.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif self.format == 1:
            body["response_format"] = {"type": "json_object"}
        return body

    def simpler(self, complaint: str) -> "_Dialect | None":
        """The next thing to try after a 400, or None when nothing is left to leave out."""
        if self.temperature and "temperature" in complaint:
            return _Dialect(self.format, temperature=False)
        if self.format < 2:
            return _Dialect(self.format + 1, self.temperature)
        return _Dialect(self.format, temperature=False) if self.temperature else None


@dataclass(slots=True)
class _Clocks:
    """Time as arguments, for tests."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    now: Clock = field(default=utc_now)


class ChatModel:
    """Questions to one model, with retries, limits and counts. Thread-safe."""

    def __init__(self, endpoint: ModelEndpoint, metrics: Metrics, clocks: _Clocks | None = None) -> None:
        """Connects with the first question."""
        self._endpoint = endpoint
        self._metrics = metrics
        self._time = clocks or _Clocks()
        url = httpx.URL(endpoint.url.strip())
        if url.scheme not in {"http", "https"} or not url.host:
            raise httpx.InvalidURL("it starts with http:// or https:// and a host")
        path = url.path.rstrip("/")
        self._url = url if path.endswith("/chat/completions") else url.copy_with(path=f"{path}/chat/completions")
        headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
        self._client = httpx.Client(headers=headers, limits=httpx.Limits(max_connections=endpoint.concurrency + 1))
        self._slots = threading.BoundedSemaphore(endpoint.concurrency)
        self._budget = TokenBudget(
            endpoint.tokens_per_minute,
            endpoint.tokens_per_day,
            clock=self._time.now,
            monotonic=self._time.monotonic,
        )
        self._rest = Rest(self._time.monotonic)
        self._dialect = _Dialect()

    @property
    def name(self) -> str:
        """The model's name, as it is asked for."""
        return self._endpoint.model

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, question: Question, *, seconds: float, check: Check = lambda: None) -> str:
        """The answer's text, within `seconds` and the endpoint's own timeout; `check` may stop it between attempts.

        Raises ModelFailedError.
        """
        began = self._time.monotonic()
        deadline = began + min(seconds, self._endpoint.timeout)
        try:
            text = self._within_limits(question, deadline, check)
        except ModelFailedError as error:
            self._metrics.llm_calls.labels(error.kind).inc()
            raise
        finally:
            self._metrics.llm_seconds.observe(self._time.monotonic() - began)
        self._metrics.llm_calls.labels("ok").inc()
        return text

    def _within_limits(self, question: Question, deadline: float, check: Check) -> str:
        if self._rest.resting:
            raise ModelFailedError("resting", "the model provider failed repeatedly and is left alone for a while")
        asked = sum(count_tokens(message["content"]) + _PER_MESSAGE for message in question.messages)
        self._await_budget(asked + _EXPECTED_REPLY, deadline)
        if not self._slots.acquire(timeout=max(0.0, deadline - self._time.monotonic())):
            raise ModelFailedError("busy", "all calls that may run at once are running")
        try:
            self._budget.take(asked)
            reply = self._attempts(question, deadline, check)
        except ModelFailedError as error:
            self._budget.take(-asked)
            if error.kind != "refused":
                self._rest.failed(error.pause)
            raise
        finally:
            self._slots.release()
        self._rest.answered()
        self._count(asked, reply)
        if not reply.text.strip():
            raise ModelFailedError("empty", "the model answered nothing")
        return reply.text

    def _await_budget(self, tokens: int, deadline: float) -> None:
        while True:
            wait = self._budget.wait_for(tokens)
            if wait is None:
                raise ModelFailedError("daily_budget", "LLM_DAILY_TOKENS are used up")
            if wait == 0.0:
                return
            if self._time.monotonic() + wait >= deadline:
                raise ModelFailedError("minute_budget", "LLM_TOKENS_PER_MINUTE are used up")
            self._time.sleep(wait)

    def _count(self, asked: int, reply: Reply) -> None:
        tokens_in = asked if reply.tokens_in is None else reply.tokens_in
        tokens_out = count_tokens(reply.text) if reply.tokens_out is None else reply.tokens_out
        self._budget.take(tokens_in - asked + tokens_out)
        self._metrics.llm_tokens.labels("in").inc(tokens_in)
        self._metrics.llm_tokens.labels("out").inc(tokens_out)

    def _attempts(self, question: Question, deadline: float, check: Check) -> Reply:
        attempt, dialect = 0, self._dialect
        while True:
            check()
            try:
                status, headers, body = self._post(dialect.body(self._endpoint.model, question), deadline)
                problem = f"status_{status}"
            except httpx.TimeoutException:
                status, headers, body, problem = 0, httpx.Headers(), b"", "timeout"
            except httpx.TransportError:
                status, headers, body, problem = 0, httpx.Headers(), b"", "unreachable"
            except httpx.HTTPError:  # an encoding that is none, too many redirects
                raise ModelFailedError("invalid") from None
            if 200 <= status < 300:
                reply = read_reply(body)
                if reply is None:
                    raise ModelFailedError("invalid", "the answer is no chat completion")
                self._dialect = dialect
                return reply
            if status in {400, 422}:
                simpler = dialect.simpler(body[:_LARGEST_ERROR].decode("utf-8", errors="replace"))
                if simpler is None:
                    raise ModelFailedError("refused", f"the endpoint refused the request with {status}")
                dialect = simpler
                continue
            attempt += 1
            wanted = self._retry_after(headers)
            self._pause(problem, attempt, wanted, retried=not status or status in _RETRIED, deadline=deadline)

    def _pause(self, problem: str, attempt: int, wanted: float, *, retried: bool, deadline: float) -> None:
        """Wait before the next attempt; raises ModelFailedError when there is none."""
        pause = max(wanted, _FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))  # noqa: S311 (jitter)
        if not retried or attempt >= _ATTEMPTS or self._time.monotonic() + pause >= deadline:
            raise ModelFailedError(problem, f"{problem} after {attempt} attempts", pause=wanted)
        self._time.sleep(pause)

    def _post(self, body: dict[str, Any], deadline: float) -> tuple[int, httpx.Headers, bytes]:
        """One request. An answer that drips or never ends is cut at the deadline and at the largest size."""
        left = deadline - self._time.monotonic()
        if left <= 0:
            raise httpx.ReadTimeout("no time left")
        with self._client.stream(
            "POST", self._url, json=body, timeout=httpx.Timeout(left, connect=min(left, _CONNECT))
        ) as response:
            parts, size = [], 0
            for part in response.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > _LARGEST_BODY:
                    raise ModelFailedError("too_large", "the answer is larger than any real one")
                if self._time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer takes too long")
            return response.status_code, response.headers, b"".join(parts)

    def _retry_after(self, headers: httpx.Headers) -> float:
        """Seconds that the server asks for, in either of the two forms; 0 without."""
        value = headers.get("retry-after", "").strip()
        if value.isascii() and value.isdecimal():
            return float(value[:6])
        try:
            moment = parsedate_to_datetime(value)
        except (TypeError, ValueError):
            return 0.0
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (aware - self._time.now()).total_seconds())


def chat_model(settings: Settings, metrics: Metrics) -> ChatModel | None:
    """The model that the settings name, or None when they name none. Raises MnemeError for what is no address."""
    if not settings.llm_base_url or not settings.llm_model:
        return None
    endpoint = ModelEndpoint(
        url=settings.llm_base_url,
        model=settings.llm_model,
        api_key=settings.llm_api_key.get_secret_value().strip() if settings.llm_api_key else None,
        timeout=settings.llm_timeout,
        concurrency=settings.llm_max_concurrency,
        tokens_per_minute=settings.llm_tokens_per_minute,
        tokens_per_day=settings.llm_daily_tokens,
    )
    try:
        return ChatModel(endpoint, metrics)
    except httpx.InvalidURL as error:
        raise MnemeError(f"LLM_BASE_URL is not an address: {error}") from error
