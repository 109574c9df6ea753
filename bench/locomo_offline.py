"""Ranking alone, on LoCoMo conversations: the real lexical code, encoder and ranking over an exact scan, no service.

    python bench/locomo_offline.py --data FILE [--model-dir DIR] [--set dense=1 ...] [--leave-one-out time=0,1,2]

Prints recall@5/10/20 and NDCG@10 over categories 1-4 (share of the evidence turns among the first k turns), each
conversation apart, and what one recall's ranking costs. `--leave-one-out` picks the best value of one weight on all
conversations but one and scores it on that one. Names in capitals are constants of app/domain/ranking.py. The data is
LoCoMo (Maharana et al., 2024), CC BY-NC 4.0: for evaluation only, never part of the project.
"""

import argparse
import json
import math
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.domain import ranking
from app.domain.event import Event, Role
from app.domain.keytext import key_text, plain_text
from app.domain.lexical import TEXT_LENGTH, WINDOW_LENGTH, document_vector, query_vector
from app.domain.policy import DEFAULT
from app.domain.query import QueryPlan, understand
from app.domain.ranking import Weights, rank
from app.domain.scope import UserScope
from app.domain.signals import Candidates
from app.index.protocol import IndexQuery, PointKind
from app.index.scan import ScanRow, scan
from app.inference.select import load_encoder
from app.services.recall_evidence import evidence_of
from app.settings import Settings

NAMES = UUID("0192f5a0-0000-7000-8000-000000000000")
MEASURES = ("recall@5", "recall@10", "recall@20", "ndcg@10")
Encode = Callable[[list[str]], np.ndarray]


@dataclass
class Question:
    plan: QueryPlan
    gold: set[UUID]
    found: Candidates


@dataclass
class Conversation:
    name: str
    now: datetime
    questions: list[Question]


def events_of(sample: Mapping[str, Any]) -> tuple[list[Event], list[str]]:
    """The turns as events, and their ids in the data."""
    talk, events, names = sample["conversation"], [], []
    numbers = sorted(int(m[1]) for key in talk if (m := re.fullmatch(r"session_(\d+)", key)))
    for number in numbers:
        start = datetime.strptime(talk[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
        for index, turn in enumerate(talk[f"session_{number}"]):
            text = turn["text"]
            if turn.get("blip_caption"):
                text += f" [shares an image: {turn['blip_caption']}]"
            name = f"{sample['sample_id']}:{turn['dia_id']}"
            at = start + timedelta(seconds=20 * index)
            role = Role.USER if turn["speaker"] == talk["speaker_a"] else Role.ASSISTANT
            events.append(
                Event(
                    uuid5(NAMES, name),
                    name,
                    "u",
                    f"session_{number}",
                    None,
                    role,
                    turn["speaker"],
                    text,
                    at,
                    {},
                    len(events),
                    at,
                )
            )
            names.append(turn["dia_id"])
    return events, names


def rows_of(events: list[Event], encode: Encode) -> list[ScanRow]:
    """What extraction would store for these turns."""
    dense = encode([key_text(event) for event in events]).astype("<f2")
    rows = []
    for i, event in enumerate(events):
        around = [plain_text(e) for e in events[max(0, i - 1) : i + 2] if e.session_id == event.session_id]
        rows.append(
            ScanRow(
                event.id,
                PointKind.EVENT,
                1,
                dense[i].tobytes(),
                document_vector(plain_text(event), TEXT_LENGTH),
                document_vector("\n".join(around), WINDOW_LENGTH),
            )
        )
    return rows


def load(path: Path, encode: Encode) -> list[Conversation]:
    """Every conversation with the candidates of each of its questions."""
    conversations = []
    for sample in json.loads(path.read_text()):
        events, names = events_of(sample)
        by_name = dict(zip(names, events, strict=True))
        rows, by_id = rows_of(events, encode), {event.id: event for event in events}
        speakers, now = {event.speaker for event in events}, events[-1].occurred_at
        asked = []
        for qa in sample["qa"]:
            labels = {m for text in qa.get("evidence", []) for m in re.findall(r"D\d+:\d+", text)}
            gold = {by_name[label].id for label in labels if label in by_name}
            if qa["category"] != 5 and gold:
                asked.append((understand(qa["question"], speakers, now), gold))
        vectors = encode([plan.dense for plan, _ in asked])
        questions = []
        for (plan, gold), vector in zip(asked, vectors, strict=True):
            words = query_vector(plan.lexical)
            query = IndexQuery(UserScope(NAMES, "u"), vector, words, words)
            evidence = evidence_of(scan(query, rows))
            questions.append(Question(plan, gold, Candidates({i: by_id[i] for i in evidence}, {}, evidence)))
        conversations.append(Conversation(sample["sample_id"], now, questions))
    return conversations


def score(conversation: Conversation, weights: Weights) -> np.ndarray:
    """One row of measures for each question."""
    rows = []
    for question in conversation.questions:
        items = rank(question.plan, question.found, weights, conversation.now, 20)
        turns = [turn for item in items for turn in item.turn_ids]
        row = [len(question.gold & set(turns[:k])) / len(question.gold) for k in (5, 10, 20)]
        gain = sum(1 / math.log2(place + 2) for place, turn in enumerate(turns[:10]) if turn in question.gold)
        row.append(gain / sum(1 / math.log2(place + 2) for place in range(min(10, len(question.gold)))))
        rows.append(row)
    return np.array(rows)


def weights_with(changes: Mapping[str, float]) -> Weights:
    """The default policy with some recall weights changed; names in capitals are constants of `ranking`."""
    for name, value in changes.items():
        if name.isupper():
            setattr(ranking, name, value)
    policy = {name: value for name, value in changes.items() if not name.isupper()}
    return Weights(DEFAULT.recall.model_copy(update=policy), DEFAULT.retention.tau_days)


def leave_one_out(conversations: list[Conversation], name: str, values: list[float]) -> None:
    """What the choice of one weight is worth on a conversation that had no part in it."""
    table = {value: [score(c, weights_with({name: value}))[:, 1].mean() for c in conversations] for value in values}
    held_out = []
    for i in range(len(conversations)):
        rest = {v: np.mean([figure for j, figure in enumerate(row) if j != i]) for v, row in table.items()}
        best = max(rest, key=lambda v: rest[v])
        held_out.append(table[best][i])
        print(f"without {conversations[i].name}: {name}={best} -> recall@10 {table[best][i]:.4f}")
    for value, row in table.items():
        print(f"{name}={value}: mean recall@10 {np.mean(row):.4f}")
    print(f"held out: {np.mean(held_out):.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--model-dir", type=Path, help="where the exported encoder lies (default: as the service finds it)"
    )
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--leave-one-out", metavar="NAME=V1,V2,...")
    args = parser.parse_args()
    conversations = load(args.data, encoder(args.model_dir))
    if args.leave_one_out:
        name, _, values = args.leave_one_out.partition("=")
        leave_one_out(conversations, name, [float(value) for value in values.split(",")])
        return
    weights = weights_with({name: float(value) for name, _, value in (entry.partition("=") for entry in args.set)})
    report(conversations, weights)


def report(conversations: list[Conversation], weights: Weights) -> None:
    started = time.perf_counter()
    rows = [score(conversation, weights) for conversation in conversations]
    spent = time.perf_counter() - started
    print(f"{'':12} {'n':>5} " + " ".join(f"{name:>10}" for name in MEASURES))
    for conversation, row in zip(conversations, rows, strict=True):
        print(f"{conversation.name:12} {len(row):5} " + " ".join(f"{value:10.4f}" for value in row.mean(axis=0)))
    everything = np.concatenate(rows)
    print(f"{'overall':12} {len(everything):5} " + " ".join(f"{value:10.4f}" for value in everything.mean(axis=0)))
    print(f"ranking: {1e3 * spent / len(everything):.2f} ms a question")


def encoder(model_dir: Path | None) -> Encode:
    settings = Settings(mneme_model_dir=model_dir) if model_dir else Settings()
    return load_encoder(settings).encode


if __name__ == "__main__":
    main()
