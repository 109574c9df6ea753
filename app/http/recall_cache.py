"""The cached answer of a recall: its key, and what is kept beside the answer itself. Used by `recall`.

Redis may write what it holds to disk, and an erasure must leave nothing there. So an answer lies sealed under all that
it depends on (the question and the version of the user's data among it), and its name is a hash of that: who does not
ask the same question of the same data can neither find nor read it, and once the data has changed nobody can.
"""

from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

import orjson

from app.answer_cache import KEPT_SECONDS, AnswerCache
from app.domain.query import RecallQuery
from app.http.deps import Edge
from app.http.schemas.recall import RecallCache, RecallRequest
from app.http.sealing import seal, unseal
from app.services.recall import Prepared


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it went out, and the memories that it served. What it said is noted as served by the first time."""

    answer: bytes
    used: list[UUID]


def find(answers: AnswerCache, secret: str) -> Kept | None:
    """The answer that was put under this secret, if it is still there."""
    sealed = answers.get(_name(secret))
    if sealed is None:
        return None
    answer, used = orjson.loads(unseal(sealed, secret))
    return Kept(answer.encode(), [UUID(id_) for id_ in used])


def put(answers: AnswerCache, secret: str, kept: Kept, *, seconds: float) -> None:
    """Keep the answer, sealed, for so long."""
    body = orjson.dumps([kept.answer.decode(), [str(id_) for id_ in kept.used]])
    answers.put(_name(secret), seal(body, secret), seconds=seconds)


def _name(secret: str) -> str:
    return sha256(b"name" + secret.encode()).hexdigest()


def secret_of(edge: Edge, body: RecallRequest, query: RecallQuery, prepared: Prepared) -> str | None:
    """A digest of all that the answer depends on; None when this recall takes no part: `cache: off`, or a trace."""
    if body.cache is RecallCache.OFF or query.trace:
        return None
    state, narrowing = prepared.state, query.narrowing
    parts = [
        str(query.scope.project_id),
        query.scope.user_id,
        state.version,
        state.policy_version,
        edge.context.encoder.fingerprint,
        " ".join(query.text.split()),
        # Words such as "yesterday" mean another day tomorrow; a caller who sets the time gets that very time.
        narrowing.as_of or query.now.date().isoformat(),
        [narrowing.session_id, narrowing.agent_id],  # a key bound to a session narrows what it sees
        body.model_dump(mode="json", by_alias=True, exclude={"query", "record_usage", "cache", "user_id"}),
    ]
    return sha256(orjson.dumps(parts)).hexdigest()


def seconds_left(edge: Edge, prepared: Prepared) -> float:
    """How long the answer may be kept: until a memory of the user expires, and a minute at most."""
    expiry = prepared.about.next_expiry
    return KEPT_SECONDS if expiry is None else (expiry - edge.context.clock()).total_seconds()
