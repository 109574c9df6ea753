"""The model in one run of the extract stage: what it is shown, how long it may take, and why it was not used.

`ModelReader.read` gives None when the segment is to be read locally; the reason is counted, logged and kept.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.context import ProcessContext
from app.domain.event import Event
from app.domain.memory import Candidate
from app.domain.policy import Policy
from app.domain.scope import UserScope
from app.inference.llm import ModelFailedError
from app.ledger.lease import Lease
from app.storage import remembered
from workers.extract.model import Call, Model, ModelExtraction, extract_with, worth_asking
from workers.extract.model_prompt import Shown

RUN_LIMIT = 24  # events of one run: a handful of questions, well within the stage's deadline
RUN_SECONDS = 75.0  # of all questions of a run; the deadline of the stage is 120, and the rest of it takes some
_LEAST_SECONDS = 3.0  # less than this is no time for an answer
_SHOWN = 20  # memories in one question
_OF_THIS_RUN = 8  # of them at most so many statements of the segments just before
_MOST_KNOWN = 2_000  # memories of a user that are compared with a segment: the newest
_MOST_OPEN = 100


@dataclass(slots=True)
class ModelReader:
    """Asks the model segment by segment, and stops when the run's time is up."""

    context: ProcessContext
    model: Model
    user: UserScope
    lease: Lease
    reason: str | None = None  # why the last segment was not read by the model
    _until: float = 0.0
    _known: list[tuple[Shown, npt.NDArray[np.float32]]] | None = None
    _made: list[Shown] = field(default_factory=list)
    _gone: set[UUID] = field(default_factory=set)  # what a statement of this run has replaced or ended

    def __post_init__(self) -> None:
        self._until = time.monotonic() + RUN_SECONDS

    def read(
        self, events: Sequence[Event], past: Sequence[Event], policy: Policy, vectors: npt.NDArray[np.float32]
    ) -> ModelExtraction | None:
        """What the model makes of a segment, or None to read it locally; then `reason` says why, if it was tried."""
        self.reason = None
        if not worth_asking(events, policy):
            return None
        try:
            found = extract_with(self._call(), events, past, self._shown(vectors), policy)
        except ModelFailedError as error:
            self.reason = error.kind
            self.context.metrics.llm_fallbacks.labels(error.kind).inc()
            self.context.logger.warning("segment_read_locally", reason=error.kind, detail=error.detail[:200])
            return None
        for reason in found.rejected:
            self.context.metrics.llm_rejected.labels(reason).inc()
        self._gone.update(target for candidate in found.candidates for target in candidate.targets)
        self._made += [_shown(candidate) for candidate in found.candidates if not candidate.retracts]
        return found

    def _call(self) -> Call:
        seconds = self._until - time.monotonic()
        if seconds < _LEAST_SECONDS:
            raise ModelFailedError("out_of_time", "the questions of this run have taken all their time")
        return Call(self.model, seconds, self.lease.check)

    def _shown(self, vectors: npt.NDArray[np.float32]) -> list[Shown]:
        """The memories nearest to the segment, and what this run has just understood, in the order of time."""
        if self._known is None:
            self._known = self._load()
        made = self._made[-_OF_THIS_RUN:]
        near = [(shown, vector) for shown, vector in self._known if shown.id not in self._gone]
        if len(near) + len(made) > _SHOWN:
            dense = np.stack([vector for _, vector in near])
            scores = (dense @ vectors.T).max(axis=1)
            near = [near[place] for place in np.argsort(-scores, kind="stable")[: _SHOWN - len(made)]]
        return sorted([*(shown for shown, _ in near), *made], key=lambda shown: shown.said_at)

    def _load(self) -> list[tuple[Shown, npt.NDArray[np.float32]]]:
        model = self.context.encoder.fingerprint
        with self.context.db.transaction(self.user) as conn:
            memories = remembered.active(conn, self.user, model, _MOST_KNOWN)
            waiting = remembered.undecided(conn, self.user, model, _MOST_OPEN)
        known = [
            (
                Shown(
                    id=memory.id,
                    text=memory.text,
                    type=memory.type,
                    subject=memory.subject,
                    attribute=memory.attribute,
                    value=memory.value,
                    single_valued=memory.single_valued,
                    said_at=memory.occurred_at,
                    event_ids=memory.event_ids,
                ),
                memory.dense,
            )
            for memory in memories
        ]
        return known + [(_shown(candidate), dense) for candidate, dense in waiting if not candidate.retracts]


def _shown(candidate: Candidate) -> Shown:
    """What is about to become a memory."""
    return Shown(
        id=None,
        text=candidate.text,
        type=candidate.type,
        subject=candidate.subject,
        attribute=candidate.attribute,
        value=candidate.value,
        single_valued=candidate.single_valued,
        said_at=candidate.occurred_at,
        event_ids=candidate.event_ids,
    )
