"""Extraction and consolidation alone, on scenario conversations: the real pure code and encoder, no service.

    python bench/understanding.py --data FILE [--show] [--dump ID] [--kind KIND] [--exchange DIR]

Prints what `tools/score_scenarios.py` says of memories (extracted, superseded, not_invented, self_contained,
within_size), overall and by kind, in seconds instead of minutes. `--show` lists every miss, `--dump` the memories of
one conversation with what became of them. The format of the data is that of the scenarios ({events, expect, now}).

`--exchange DIR` reads with a model instead: the answer to a question is DIR/answers/NAME.json (what the model wrote, as
text); a question without an answer is written to DIR/questions/NAME.json ({system, user}), its conversation waits, and
the next call goes on. So any model can be measured, also one that is not reached over HTTP.
"""

import argparse
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from itertools import count, groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid5

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.domain.decide import decide
from app.domain.event import Event, Role
from app.domain.keytext import key_text
from app.domain.memory import Candidate, MemoryStatus
from app.domain.memory_writes import NewMemory
from app.domain.policy import DEFAULT
from app.domain.scope import UserScope
from app.inference.llm import Question
from app.inference.protocol import Encoder
from app.inference.select import load_encoder
from app.settings import Settings
from app.storage.candidates import StoredCandidate
from app.telemetry.logs import configure_logs
from app.telemetry.metrics import Metrics
from workers.consolidate.apply import decide_all
from workers.consolidate.linking import Linking
from workers.extract.local import extract
from workers.extract.model_prompt import Shown
from workers.extract.model_run import ModelReader
from workers.extract.segmenter import segment

NAMES = UUID("0192f5a0-0000-7000-8000-000000000000")
USER = UserScope(NAMES, "u")
LONGEST = 240  # characters of a self-contained memory, as the scoring tool has it
LOOSE = re.compile(
    r"\b(i|i'm|i've|i'll|i'd|my|mine|me|we|our|you|your|today|yesterday|tomorrow|tonight|"
    r"(last|next|this|coming) (week|month|year|weekend|night|spring|summer|autumn|fall|winter|\w+day)|"
    r"\w+ (days?|weeks?|months?|years?) ago)\b",
    re.IGNORECASE,
)


def events_of(scenario: Mapping[str, Any]) -> list[Event]:
    """The turns of a conversation as stored events."""
    found = []
    for number, turn in enumerate(scenario["events"]):
        at = datetime.fromisoformat(turn["occurred_at"])
        found.append(
            Event(
                id=uuid5(NAMES, f"{scenario['id']}:{turn['id']}"),
                client_id=turn["id"],
                user_id="u",
                session_id=turn["session_id"],
                agent_id=None,
                role=Role(turn["role"]),
                name=turn.get("name"),
                content=turn["content"],
                occurred_at=at,
                metadata={},
                seq=number,
                created_at=at,
            )
        )
    return found


class UnansweredError(Exception):
    """The model has not answered this question yet."""


class Exchange:
    """A model whose answers are files; without a folder there is none."""

    name = "exchange"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in ("questions", "answers"):
            (folder / part).mkdir(parents=True, exist_ok=True)

    def ask(self, question: Question, *, seconds: float, check: Callable[[], None]) -> str:  # noqa: ARG002 - the port
        """The answer on file; raises UnansweredError after writing the question down."""
        system, user = (message["content"] for message in question.messages)
        name = f"{sha256((system + user).encode()).hexdigest()[:16]}.json"
        answer = self.folder / "answers" / name
        if answer.exists():
            return answer.read_text()
        (self.folder / "questions" / name).write_text(json.dumps({"system": system, "user": user}, ensure_ascii=False))
        raise UnansweredError(name)


class Reading:
    """One conversation as it is read: session after session, each consolidated before the next."""

    def __init__(self, encoder: Encoder, model: Exchange | None) -> None:
        self.encoder, self.model = encoder, model
        self.rows: list[StoredCandidate] = []
        self.skipped: dict[UUID, str] = {}
        self.memories: tuple[NewMemory, ...] = ()
        self.seconds = {"extract": 0.0, "consolidate": 0.0}

    def session(self, said: Sequence[Event]) -> None:
        """Read the turns of one session and decide what they mean for what is known."""
        past: list[Event] = []
        made: list[Candidate] = []
        reader = self._reader()
        dense = self.encoder.encode([key_text(event) for event in said])
        place = 0
        for plan in segment(said, dense, DEFAULT):
            before = past[-DEFAULT.extract.context_events :]
            began = time.process_time()
            vectors = dense[place : place + len(plan.events)]
            found = reader.read(plan.events, before, DEFAULT, vectors) if reader else None
            candidates, reasons = (found.candidates, found.skipped) if found else extract(plan.events, before, DEFAULT)
            self.seconds["extract"] += time.process_time() - began
            made += candidates
            self.skipped |= reasons
            past += plan.events
            place += len(plan.events)
        made.sort(key=lambda c: c.occurred_at)
        vectors_of = self.encoder.encode([c.text for c in made]) if made else []
        self.rows += [
            StoredCandidate(uuid5(NAMES, f"c{len(self.rows) + i}"), NAMES, i, c, "bench", vectors_of[i])
            for i, c in enumerate(made)
        ]
        self._consolidate()

    def _consolidate(self) -> None:
        """All decisions from the start: what came first is decided alike each time, with the same ids."""
        numbers = count()
        linking = Linking(DEFAULT.decide.link_cosine, DEFAULT.decide.max_neighbours)

        def ids() -> UUID:
            return uuid5(NAMES, f"m{next(numbers)}")

        began = time.process_time()
        self.memories = decide_all(
            self.rows,
            [],
            partial(decide, policy=DEFAULT.decide),
            ids,
            linking=linking,
        ).new
        self.seconds["consolidate"] += time.process_time() - began

    def _reader(self) -> ModelReader | None:
        if self.model is None:
            return None
        context: Any = SimpleNamespace(metrics=Metrics(), logger=configure_logs("error", "bench"))
        reader = ModelReader(context, self.model, USER, SimpleNamespace(check=lambda: None))  # type: ignore[arg-type]
        reader._known = [(_remembered(m), m.dense) for m in self.memories if m.status is MemoryStatus.ACTIVE]  # noqa: SLF001 - read from here instead of the database
        return reader


def _remembered(memory: NewMemory) -> Shown:
    c = memory.candidate
    return Shown(
        memory.id, c.text, c.type, c.subject, c.attribute, c.value, c.single_valued, c.occurred_at, c.event_ids
    )


def read(events: list[Event], encoder: Encoder, model: Exchange | None) -> Reading:
    """The whole conversation, in the order in which its sessions began."""
    reading = Reading(encoder, model)
    sessions = [list(turns) for _, turns in groupby(events, key=lambda e: e.session_id)]
    for said in sessions:
        reading.session(said)
    return reading


def shown(memory: NewMemory) -> str:
    """The text with its dates, as the scoring tool reads it."""
    c = memory.candidate
    dates = [d.text for d in (c.event_time, c.valid_from, memory.valid_to) if d]
    return " ".join([c.text, *dates, c.occurred_at.isoformat()])


def holds(text: str, group: list[str]) -> bool:
    """Whether any of the words is in the text."""
    return any(word.lower() in text.lower() for word in group)


def matches(text: str, entry: Mapping[str, Any]) -> bool:
    """Whether the text says what the entry describes."""
    refused = [*(entry.get("must_not") or []), *(entry.get("unless") or [])]
    return all(holds(text, group) for group in entry["must"]) and not holds(text, refused)


def judged(scenario: Mapping[str, Any], memories: tuple[NewMemory, ...]) -> Iterator[tuple[str, bool, Any]]:
    """(measure, whether it is good, what was judged)."""
    active = [m for m in memories if m.status is MemoryStatus.ACTIVE]
    texts, stored = [shown(m) for m in active], [shown(m) for m in memories]
    expect = scenario["expect"]
    for entry in expect.get("active", []):
        pool = stored if entry.get("expired_ok") else texts
        yield "extracted", any(matches(t, entry) for t in pool), entry
    for entry in expect.get("inactive", []):
        yield "superseded", not any(matches(t, entry) for t in texts), entry
        said = any(matches(t, entry) for t in stored)
        yield "superseded, of those known", said and not any(matches(t, entry) for t in texts), entry
    for entry in expect.get("never", []):
        yield "not_invented", not any(matches(t, entry) for t in stored), entry
    for memory in active:
        bare = re.sub(r"[\"\u201c\u201d][^\"\u201c\u201d]*[\"\u201c\u201d]", "", memory.candidate.text)
        yield "self_contained", len(memory.candidate.text) <= LONGEST and not LOOSE.search(bare), memory.candidate.text
    yield "within_size", len(texts) <= 1.5 * len(expect.get("active", [])) + 2, (len(texts), len(expect["active"]))


def dump(events: list[Event], skipped: Mapping[UUID, str], memories: tuple[NewMemory, ...]) -> None:
    """One conversation with what it became."""
    by_event: dict[UUID, list[NewMemory]] = defaultdict(list)
    for memory in memories:
        by_event[memory.candidate.event_ids[0]].append(memory)
    for event in events:
        print(f"{event.occurred_at:%a %d %b %Y %H:%M} {event.session_id} {event.role.value}: {event.content}")
        if event.id in skipped and not by_event[event.id]:
            print(f"      - {skipped[event.id]}")
        for m in by_event[event.id]:
            c = m.candidate
            key = f"({c.subject}, {c.attribute}, {c.value}{', one' if c.single_valued else ''})" if c.attribute else ""
            dates = " ".join(d.text for d in (c.event_time, c.valid_from, m.valid_to) if d)
            flags = "".join(f" {n}" for n in ("correction", "ends", "negated") if getattr(c, n))
            print(f"      + [{m.status.value}/{m.reason}/{c.type.value}{flags}] {c.text} {key} {dates}")


def main() -> None:
    """Read, decide, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--kind", default="")
    parser.add_argument("--show", action="store_true", help="print every miss")
    parser.add_argument("--dump", default="", help="id of a conversation, or 'all'")
    parser.add_argument("--exchange", type=Path, help="read with a model: folder of its questions and answers")
    args = parser.parse_args()
    encoder = load_encoder(Settings())
    model = Exchange(args.exchange) if args.exchange else None
    overall: dict[str, list[bool]] = defaultdict(list)
    by_kind: dict[str, list[bool]] = defaultdict(list)
    seconds: dict[str, float] = defaultdict(float)
    turns, waiting = 0, 0
    for line in args.data.read_text().splitlines():
        scenario = json.loads(line)
        if args.kind and scenario["kind"] != args.kind:
            continue
        events = events_of(scenario)
        try:
            reading = read(events, encoder, model)
        except UnansweredError:
            waiting += 1
            continue
        turns += len(events)
        for stage, spent in reading.seconds.items():
            seconds[stage] += spent
        dumped = args.dump in {scenario["id"], "all"}
        if dumped:
            print(f"=== {scenario['id']} {scenario['kind']}")
            dump(events, reading.skipped, reading.memories)
        for measure, good, what in judged(scenario, reading.memories):
            overall[measure].append(good)
            by_kind[f"{scenario['kind']}/{measure}"].append(good)
            if not good and (args.show or dumped):
                print(f"MISS {scenario['id']} {measure}: {json.dumps(what, ensure_ascii=False)[:300]}")
    for name, values in [*overall.items(), *sorted(by_kind.items())]:
        print(f"{name:42} {sum(values) / len(values):.3f}  of {len(values)}")
    spent = ", ".join(f"{stage} {1e3 * seconds[stage] / max(1, turns):.2f}" for stage in sorted(seconds))
    print(f"{turns} turns; ms of one core a turn: {spent}; {waiting} conversations wait for answers")


if __name__ == "__main__":
    main()
