"""Fits the judgement of `sufficient` on scenarios whose questions are marked answerable or not, through traces.

    python bench/calibrate.py --scenarios FILE [--locomo FILE] [--own bench/questions/own.jsonl] --key KEY
        [--base-url URL] [--suffix S] [--write]

The data must have been posted and processed (`mneme eval scenarios` does that). With --locomo the answerable questions
of long conversations count as answerable too, .6 of what the scenarios do, so that a long history is not refused for
what it is; with --own further scenarios, asked in the first person, count half as much. The model is logistic (both
classes weigh the same, ridge) over the features of app/domain/sufficiency.py, and what lies under the floor of nearness
is refused besides; the threshold refuses the given share of the answerable questions of the scenarios. Printed: what is
abstained and not refused on the data itself, and with each eighth of the data judged by a model of the others.

"of others" are questions asked of somebody else's history, where they have no answer: no form of a question can tell
them. They take no part in the fit, and show whether the verdict is about the evidence.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import numpy.typing as npt
from rich.progress import track
from scipy.optimize import minimize

from app.evaluation import locomo, scenarios
from app.evaluation.dataset import Question

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Kinds = npt.NDArray[np.str_]
FOLDS = 8
SHARES = {"short": 1.0, "long": 0.6, "own": 0.5}  # what each kind of data counts
APART = 23  # scenarios between a question and the history of somebody else
LEFT_OUT = {"margin", "floor"}
OTHERS = "of others"


def asked(args: argparse.Namespace) -> Iterator[tuple[int, str, Question]]:
    """Fold, kind of data, and the question; of LoCoMo every second answerable one."""
    cases = scenarios.read(args.scenarios, args.suffix)
    for number, scenario in enumerate(cases):
        yield from ((number % FOLDS, "short", question) for question in scenario.conversation.questions)
        other = cases[(number + APART) % len(cases)]
        for question in scenario.conversation.questions[:3]:
            if question.answerable:
                crossed = replace(question, user_id=other.conversation.user_id, as_of=other.now, answerable=False)
                yield number % FOLDS, OTHERS, crossed
    for number, scenario in enumerate(scenarios.read(args.own, args.suffix) if args.own else []):
        yield from ((number % FOLDS, "own", question) for question in scenario.conversation.questions)
    for number, conversation in enumerate(locomo.read(args.locomo, args.suffix) if args.locomo else []):
        yield from ((number, "long", question) for question in conversation.questions[::2] if question.answerable)


def fit(features: Array, good: Mask, kinds: Kinds, ridge: float) -> Array:
    """Weights of standardised features, the intercept last."""
    rows = np.column_stack([features, np.ones(len(features))])
    sign = np.where(good, 1.0, -1.0)
    number = int((kinds == "short").sum())
    share = np.zeros(len(good))
    for kind, counts in SHARES.items():
        for answerable in (True, False):
            chosen = (kinds == kind) & (good == answerable)
            share[chosen] = 0.5 * counts * number / max(1, int(chosen.sum()))

    def loss(weights: Array) -> tuple[float, Array]:
        score = sign * (rows @ weights)
        pull = -sign * share / (1 + np.exp(np.clip(score, -50, 50)))
        penalty = ridge * np.append(weights[:-1], 0.0)
        return float((share * np.logaddexp(0, -score)).sum() + penalty @ weights / 2), rows.T @ pull + penalty

    found: Array = minimize(loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B").x
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios", type=Path, required=True)
    parser.add_argument("--locomo", type=Path)
    parser.add_argument("--own", type=Path)
    parser.add_argument("--key", required=True)
    parser.add_argument("--base-url", default="http://127.0.0.1:8000")
    parser.add_argument("--suffix", default="")
    parser.add_argument("--ridge", type=float, default=6.0)
    parser.add_argument("--refused", type=float, default=0.05)
    parser.add_argument("--without", nargs="*", default=[], help="features that take no part")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    rows: list[tuple[int, str, bool, dict[str, float]]] = []
    with httpx.Client(base_url=args.base_url, headers={"Authorization": f"Bearer {args.key}"}, timeout=30) as http:
        for fold, kind, question in track(list(asked(args)), "asking"):
            body = {"user_id": question.user_id, "query": question.text}
            body |= {"as_of": question.as_of} if question.as_of else {}
            options = {"max_tokens": 16, "include": ["trace"], "record_usage": False}
            support = http.post("/v1/recall", json=body | options).raise_for_status().json()["trace"]["support"]
            if "floor" in support:  # else it was judged without the model: no question, or a mere name
                rows.append((fold, kind, question.answerable, support))
    names = [name for name in rows[0][3] if name not in LEFT_OUT | set(args.without)]
    report(rows, names, args)


def report(
    rows: Sequence[tuple[int, str, bool, dict[str, float]]], names: Sequence[str], args: argparse.Namespace
) -> None:
    """Both kinds of error, and the weights on the raw features with the threshold at zero."""
    folds, kinds = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    good = np.array([row[2] for row in rows])
    features = np.array([[row[3][name] for name in names] for row in rows])
    under = np.array([row[3]["nearest"] < row[3]["floor"] for row in rows])
    taught = kinds != OTHERS
    mean, spread = features[taught].mean(axis=0), features[taught].std(axis=0) + 1e-9
    scaled = np.column_stack([(features - mean) / spread, np.ones(len(features))])
    whole = fit(scaled[taught, :-1], good[taught], kinds[taught], args.ridge)
    own, held = scaled @ whole, np.zeros(len(good))
    for fold in range(FOLDS):
        away = folds == fold
        seen = taught & ~away
        held[away] = scaled[away] @ fit(scaled[seen, :-1], good[seen], kinds[seen], args.ridge)
    for what, fitted in (("fitted", own), ("held out", held)):
        margin = np.where(under, -np.inf, fitted)
        at = np.quantile(margin[(kinds == "short") & good], args.refused, method="lower")
        print(what)
        for kind in dict.fromkeys(kinds):
            of_kind = kinds == kind
            kept = (margin[of_kind & good] >= at).mean() if (of_kind & good).any() else np.nan
            abstained = (margin[of_kind & ~good] < at).mean() if (of_kind & ~good).any() else np.nan
            print(f"  {kind:10} abstained {abstained:.3f}, not refused {kept:.3f}")
    if args.write:
        raw = whole[:-1] / spread
        at = np.quantile(np.where(under, -np.inf, own)[(kinds == "short") & good], args.refused, method="lower")
        for name, weight in zip(names, raw, strict=True):
            print(f'    "{name}": {weight:.3f},')
        print(f"INTERCEPT = {whole[-1] - float(raw @ mean) - float(at):.3f}")


if __name__ == "__main__":
    main()
