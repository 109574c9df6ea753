"""Fit the weights of `app/domain/outdating_weights.py` on the stories of `bench/stories`, and say how well they do.

    python bench/train_outdating.py [--write]

A story is what is believed of a user and one new statement; `ends` are the beliefs that it makes untrue. Every pair of
a belief and the new statement is one example of a logistic regression (L2) over `outdating_features`. The figures are
of cross-validation in which all pairs of a story are left out together.
"""

import argparse
import json
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GroupKFold

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.domain.outdating_features import NAMES, Side, features
from app.domain.temporal import resolve, tense_of
from app.inference.select import load_encoder
from app.settings import Settings
from workers.extract.attributes import key_of, negated, type_of
from workers.extract.states import plan_of

STORIES = Path(__file__).parent / "stories"
WEIGHTS = Path(__file__).resolve().parent.parent / "app" / "domain" / "outdating_weights.py"
HEADER = '''"""Weights of a logistic regression over `outdating_features`, fitted by bench/train_outdating.py on the
stories
of bench/stories; bench/RESULTS.md has its figures. Read by `outdating`.
"""

from collections.abc import Mapping

'''
START = date(2024, 3, 1)
FOLDS = 10


def start_of(story: dict[str, Any]) -> date:
    """Day 0 of a story: its texts name dates near the days on which they were said, those of the new one first."""
    for said in (story["said"], *reversed(story["memories"])):
        spans = [s for s in resolve(said["text"], datetime.combine(START, time(12), UTC)) if not s.open_start]
        if spans:
            return spans[0].when.start() - timedelta(days=said["day"])
    return START


def side_of(text: str, said_on: date) -> Side:
    """A statement with the type and key that the local extractor gives it."""
    said = datetime.combine(said_on, time(12), UTC)
    spans = resolve(text, said)
    bare = text.rstrip(".")
    last = max((s.until or s.when).text for s in spans) if spans else ""
    ahead = bool(spans) and last > said.date().isoformat()[: len(last)]
    key = key_of(bare) or (plan_of(bare, spans[0].when.text) if spans and ahead else None)
    return Side(
        text=text,
        type=type_of(text, tense=tense_of(text), dated=bool(spans), ahead=ahead),
        subject=key.subject if key else None,
        attribute=key.attribute if key else None,
        value=key.value if key else None,
        negated=negated(text),
        said_on=said.date(),
    )


def examples() -> tuple[np.ndarray, np.ndarray, np.ndarray, list[tuple[str, str, str]]]:
    """(features, labels, story numbers, texts) of all pairs."""
    encoder = load_encoder(Settings())
    rows, labels, groups, texts = [], [], [], []
    stories = [json.loads(line) for path in sorted(STORIES.glob("*.jsonl")) for line in path.read_text().splitlines()]
    for number, story in enumerate(stories):
        said, start = story["said"], start_of(story)
        dense = encoder.encode([said["text"], *(m["text"] for m in story["memories"])])
        new = side_of(said["text"], start + timedelta(days=said["day"]))
        for place, memory in enumerate(story["memories"]):
            old = side_of(memory["text"], start + timedelta(days=memory["day"]))
            rows.append(features(old, new, float(dense[0] @ dense[place + 1])))
            labels.append(place in story["ends"])
            groups.append(number)
            texts.append((story["id"], memory["text"], said["text"]))
    return np.array(rows), np.array(labels), np.array(groups), texts


def main() -> None:
    """Fit, say how well, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--c", type=float, default=0.1)
    args = parser.parse_args()
    x, y, groups, texts = examples()
    print(f"{len(set(groups))} stories, {len(y)} pairs, {y.sum()} of them end the earlier statement")
    scores = np.zeros(len(y))
    for fit, test in GroupKFold(FOLDS).split(x, y, groups):
        mean, scale = x[fit].mean(0), x[fit].std(0) + 1e-6
        model = LogisticRegression(C=args.c, max_iter=5000).fit((x[fit] - mean) / scale, y[fit])
        scores[test] = model.predict_proba((x[test] - mean) / scale)[:, 1]
    print(f"average precision {average_precision_score(y, scores):.3f}")
    for threshold in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        said = scores >= threshold
        print(f"at {threshold}: precision {y[said].mean():.3f}, recall {said[y].mean():.3f}")
    if args.write:
        mean, scale = x.mean(0), x.std(0) + 1e-6
        model = LogisticRegression(C=args.c, max_iter=5000).fit((x - mean) / scale, y)
        weights = model.coef_[0] / scale
        bias = float(model.intercept_[0] - (weights * mean).sum())
        WEIGHTS.write_text(
            HEADER
            + f"BIAS = {bias:.4f}\nWEIGHTS: Mapping[str, float] = {{\n"
            + "".join(f'    "{name}": {weight:.4f},\n' for name, weight in zip(NAMES, weights, strict=True))
            + "}\n"
        )
    if args.show:
        for place in np.argsort(-np.abs(scores - y))[:60]:
            print(f"{scores[place]:.2f} {int(y[place])} | {' | '.join(texts[place])}")


if __name__ == "__main__":
    main()
