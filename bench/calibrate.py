"""Fits the judgement of `sufficient` on scenarios whose questions are marked answerable or not, through traces.

    python bench/calibrate.py --scenarios FILE [--locomo FILE] --key KEY [--base-url URL] [--suffix S] [--write]

The data must have been posted and processed. With --locomo the answerable questions of long conversations count as
answerable too, a tenth as much as the scenarios, so that a long history is not refused for what it is. The model is
logistic (both classes weigh the same, ridge) over the features of app/domain/sufficiency.py; the threshold refuses the
given share of the answerable questions. Printed: what is abstained and not refused on the data itself, and with each
eighth of the data judged by a model of the others.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import numpy.typing as npt
from rich.progress import track
from scipy.optimize import minimize

from app.evaluation import locomo, scenarios
from app.evaluation.dataset import Question

Array = npt.NDArray[np.float64]
FOLDS = 8
OF_LONG = 0.1  # what long conversations count beside the scenarios


def asked(args: argparse.Namespace) -> Iterator[tuple[int, bool, Question]]:
    """Fold, whether it is about a long conversation, and the question; of LoCoMo every second answerable one."""
    for number, scenario in enumerate(scenarios.read(args.scenarios, args.suffix)):
        yield from ((number % FOLDS, False, question) for question in scenario.conversation.questions)
    for number, conversation in enumerate(locomo.read(args.locomo, args.suffix) if args.locomo else []):
        yield from ((number, True, question) for question in conversation.questions[::2] if question.answerable)


def fit(features: Array, good: npt.NDArray[np.bool_], long: npt.NDArray[np.bool_], ridge: float) -> Array:
    """Weights of standardised features, the intercept last. `long` marks questions about long conversations."""
    rows = np.column_stack([features, np.ones(len(features))])
    sign = np.where(good, 1.0, -1.0)
    number = int((~long).sum())
    share = np.zeros(len(good))
    for chosen, weight in ((~long & good, 0.5), (~long & ~good, 0.5), (long & good, 0.5 * OF_LONG)):
        share[chosen] = weight * number / max(1, int(chosen.sum()))

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
    parser.add_argument("--key", required=True)
    parser.add_argument("--base-url", default="http://127.0.0.1:8000")
    parser.add_argument("--suffix", default="")
    parser.add_argument("--ridge", type=float, default=60.0)
    parser.add_argument("--refused", type=float, default=0.055)
    parser.add_argument("--without", nargs="*", default=[], help="features that take no part")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    folds, good, features, names, long = [], [], [], [], []
    with httpx.Client(base_url=args.base_url, headers={"Authorization": f"Bearer {args.key}"}, timeout=30) as http:
        for fold, of_long, question in track(list(asked(args)), "asking"):
            body = {"user_id": question.user_id, "query": question.text}
            body |= {"as_of": question.as_of} if question.as_of else {}
            options = {"max_tokens": 16, "include": ["trace"], "record_usage": False}
            support = http.post("/v1/recall", json=body | options).raise_for_status().json()["trace"]["support"]
            names = [name for name in support if name != "margin" and name not in args.without] or names
            if len(support) > 1:
                folds.append(fold)
                good.append(question.answerable)
                long.append(of_long)
                features.append([support[name] for name in names])
    report(np.array(features), np.array(good), np.array(folds), np.array(long), names, args)


def report(  # noqa: PLR0913, PLR0917 - the table by columns
    features: Array,
    good: npt.NDArray[np.bool_],
    folds: npt.NDArray[np.int_],
    long: npt.NDArray[np.bool_],
    names: list[str],
    args: argparse.Namespace,
) -> None:
    """Both kinds of error, and the weights on the raw features with the threshold at zero."""
    mean, spread = features[~long].mean(axis=0), features[~long].std(axis=0) + 1e-9
    scaled = np.column_stack([(features - mean) / spread, np.ones(len(features))])
    whole = fit(scaled[:, :-1], good, long, args.ridge)
    own, held = scaled @ whole, np.zeros(len(good))
    for fold in range(FOLDS):
        away = folds == fold
        held[away] = scaled[away] @ fit(scaled[~away, :-1], good[~away], long[~away], args.ridge)
    for what, margin in (("fitted", own), ("held out", held)):
        at = np.quantile(margin[~long & good], args.refused)
        abstained, kept = (margin[~long & ~good] < at).mean(), (margin[~long & good] >= at).mean()
        of_long = f", long conversations not refused {(margin[long] >= at).mean():.3f}" if long.any() else ""
        print(f"{what:9} abstained {abstained:.3f}, not refused {kept:.3f}{of_long}")
    if args.write:
        raw = whole[:-1] / spread
        intercept = whole[-1] - float(raw @ mean) - float(np.quantile(own[~long & good], args.refused))
        for name, weight in zip(names, raw, strict=True):
            print(f'    "{name}": {weight:.3f},')
        print(f"INTERCEPT = {intercept:.3f}")


if __name__ == "__main__":
    main()
