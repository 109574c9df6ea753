"""Fits the weights of recall's signals on conversations, through the traces of a running service.

    python bench/tune.py --locomo FILE --scenarios FILE --key KEY [--base-url URL] [--suffix S] [--ridge .7]
        [--slack 3.5] [--write] [--fusion zscore|minmax|rank] [--set name=value ...] [--rounds 2]

Both data sets must have been posted and processed (tools/score_locomo.py and tools/score_scenarios.py do that). Every
question is asked with `include: ["trace"]`; a linear model over the signals is fitted so that each evidence turn stands
above the other candidates, log(1 + sum exp(other - evidence - slack)), with a ridge: with slack 0 the first place alone
weighs, with more the first ones together. It prints the figures on the data itself and cross-validated: each
conversation (and a fifth of the scenarios) scored with weights that never saw it. `--write` prints the weights as the
policy has them. Signals of weight 0 take part too; those that are not computed then do with a tiny one (`--set
linked=1e-6`). `--fusion` fits weights for another way to scale the signals; with `--rounds 2` the fitted weights choose
the candidates of a second fit. The policy of the project is changed meanwhile and put back.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import numpy.typing as npt
from rich.progress import track
from scipy.optimize import minimize

from app.domain.scaling import Fusion
from app.evaluation import locomo, scenarios
from app.evaluation.dataset import Question
from app.evaluation.measures import ndcg_at, recall_any_at, recall_at
from bench.trying import setting, tried, write

Array = npt.NDArray[np.float64]
# Not on these data: nothing here is old, units are off, and evidence says nothing about what still holds.
FIXED = {"granularity": 0.0, "retention": 0.1, "outdated": -0.6}
FOLDS = 5  # of the scenarios, one beside each conversation that is left out


@dataclass
class Asked:
    """One question: the signals of its candidates, the turns that each leads back to, and the evidence."""

    fold: str
    data: str
    features: Array
    turns: list[list[str]]
    evidence: frozenset[str]

    @property
    def gold(self) -> npt.NDArray[np.bool_]:
        """Which candidates lead to evidence."""
        return np.array([bool(self.evidence.intersection(turns)) for turns in self.turns])


@dataclass(frozen=True)
class Fitting:
    """How weights are fitted: the ridge, the weights that are given by the place of their signal, how many of the best
    others the last fits look at, and how far (in totals) evidence may stand behind the others together.
    """

    ridge: float
    fixed: dict[int, float]
    upper: int
    slack: float


def questions(args: argparse.Namespace) -> Iterator[tuple[str, str, Question]]:
    """Data set, fold and question, of those that evidence answers."""
    for conversation in locomo.read(args.locomo, args.suffix):
        yield from (("locomo", conversation.user_id, question) for question in conversation.questions)
    for number, scenario in enumerate(scenarios.read(args.scenarios, args.suffix)):
        yield from (("scenarios", str(number % FOLDS), question) for question in scenario.conversation.questions)


def collect(http: httpx.Client, args: argparse.Namespace) -> tuple[list[str], list[Asked]]:
    """Every question with its candidates as the service saw them."""
    policy = http.get("/v1/policy").raise_for_status().json()["policy"]["recall"]
    names = [
        name for name, value in policy.items() if isinstance(value, float) and not name.endswith(("_share", "_seconds"))
    ]
    clients: dict[str, dict[str, str]] = {}
    asked = []
    wanted = [one for one in questions(args) if one[2].gold and one[2].answerable]
    for data, fold, question in track(wanted, "asking"):
        user = question.user_id
        if user not in clients:
            clients[user] = dict(_clients(http, user))
        body = {"user_id": user, "query": question.text} | ({"as_of": question.as_of} if question.as_of else {})
        options = {"limit": 20, "max_tokens": 16, "include": ["trace"], "record_usage": False}
        trace = http.post("/v1/recall", json=body | options).raise_for_status().json()["trace"]
        found = trace["candidates"]
        if found:
            features = np.array([[one["signals"].get(name, 0.0) for name in names] for one in found])
            turns = [[clients[user][turn] for turn in one["turns"] if turn in clients[user]] for one in found]
            asked.append(Asked(fold, data, features, turns, question.gold))
    return names, asked


def _clients(http: httpx.Client, user: str) -> Iterator[tuple[str, str]]:
    cursor: str | None = None
    while True:
        params = {"user_id": user, "limit": 1000} | ({"cursor": cursor} if cursor else {})
        page = http.get("/v1/events", params=params).raise_for_status().json()
        yield from ((event["id"], event["client_id"]) for event in page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            return


def fit(asked: Sequence[Asked], fitting: Fitting) -> Array:
    """The weights; questions without evidence among their candidates teach nothing. Of the others only the upper
    ones by a first fit count in a second one, so that the order near the top decides.
    """
    usable = [one for one in asked if one.gold.any() and not one.gold.all()]
    weights = _fit([(one.features, one.gold) for one in usable], fitting)
    for _ in range(2):
        near = []
        for one in usable:
            others = np.flatnonzero(~one.gold)
            kept = others[np.argsort(-(one.features @ weights)[others])][: fitting.upper]
            rows = np.concatenate([np.flatnonzero(one.gold), kept])
            near.append((one.features[rows], one.gold[rows]))
        weights = _fit(near, fitting, weights)
    return weights


def _fit(asked: Sequence[tuple[Array, npt.NDArray[np.bool_]]], fitting: Fitting, start: Array | None = None) -> Array:
    features = np.concatenate([one for one, _ in asked])
    gold = np.concatenate([hit for _, hit in asked])
    sizes = [len(hit) for _, hit in asked]
    first, of = np.cumsum([0, *sizes[:-1]]), np.repeat(np.arange(len(asked)), sizes)
    share = np.array([1.0 / math.sqrt(hit.sum()) for _, hit in asked])
    places = np.flatnonzero(gold)
    free = np.array([number not in fitting.fixed for number in range(features.shape[1])])

    def loss(weights: Array) -> tuple[float, Array]:
        score = features @ weights
        other = np.where(gold, -1e30, score)
        top = np.maximum.reduceat(other, first)
        mass = np.where(gold, 0.0, np.exp(other - top[of]))
        total = np.add.reduceat(mass, first) + 1e-30
        behind = (top + np.log(total))[of[places]] - score[places] - fitting.slack
        pull = share[of[places]] / (1.0 + np.exp(-np.clip(behind, -50, 50)))
        slope = mass / total[of] * np.bincount(of[places], weights=pull, minlength=len(asked))[of]
        slope[places] -= pull
        value = float((np.logaddexp(0.0, behind) * share[of[places]]).sum() + fitting.ridge * weights @ weights / 2)
        return value, (features.T @ slope + fitting.ridge * weights) * free

    begin = np.zeros(features.shape[1]) if start is None else start.copy()
    for number, value in fitting.fixed.items():
        begin[number] = value
    found: Array = minimize(loss, begin, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    return found


def score(asked: Sequence[Asked], weights: Array) -> Array:
    """Rows of recall@5, @10, @20, NDCG@10 and whether evidence is among the first three."""
    rows = []
    for one in asked:
        order = np.argsort(-(one.features @ weights), kind="stable")
        ranked = list(dict.fromkeys(turn for place in order for turn in one.turns[place]))
        recalls = [recall_at(ranked, one.evidence, k) for k in (5, 10, 20)]
        rows.append([*recalls, ndcg_at(ranked, one.evidence, 10), recall_any_at(ranked, one.evidence, 3)])
    return np.array(rows, dtype=np.float64)


def ablate(names: Sequence[str], asked: Sequence[Asked], weights: Array) -> None:
    """What each signal is worth: the change of recall@10 and NDCG@10 when its weight is 0 and the others stay."""
    print(f"{'without':24}{'locomo r@10':>12}{'ndcg@10':>9}{'scenarios ndcg@10':>19}")
    sets = {data: [one for one in asked if one.data == data] for data in ("locomo", "scenarios")}
    whole = {data: score(found, weights).mean(axis=0) for data, found in sets.items()}
    for number, name in enumerate(names):
        if weights[number]:
            less = weights.copy()
            less[number] = 0.0
            change = {data: score(found, less).mean(axis=0) - whole[data] for data, found in sets.items()}
            talk, told = change["locomo"], change["scenarios"]
            print(f"{name:24}{talk[1]:+12.4f}{talk[3]:+9.4f}{told[3]:+19.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--locomo", type=Path, required=True)
    parser.add_argument("--scenarios", type=Path, required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--base-url", default="http://127.0.0.1:8000")
    parser.add_argument("--suffix", default="")
    parser.add_argument("--ridge", type=float, default=0.7)
    parser.add_argument(
        "--slack", type=float, default=3.5, help="how far evidence may stand behind the others together"
    )
    parser.add_argument("--upper", type=int, default=40, help="others of each question that the last fits look at")
    parser.add_argument("--without", nargs="*", default=[], help="signals whose weight stays 0")
    parser.add_argument("--ablate", action="store_true", help="what each signal is worth")
    parser.add_argument("--fusion", choices=[fusion.value for fusion in Fusion], help="fit for this, not the policy's")
    parser.add_argument("--set", nargs="*", default=[], type=setting, help="settings of recall to ask with: name=value")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    changes = dict(args.set) | ({"fusion": args.fusion} if args.fusion else {})
    headers = {"Authorization": f"Bearer {args.key}"}
    with httpx.Client(base_url=args.base_url, headers=headers, timeout=30) as http, tried(http, changes):
        names, asked = collect(http, args)
        chosen = FIXED | dict.fromkeys(args.without, 0.0)
        fixed = {names.index(name): value for name, value in chosen.items() if name in names}
        fitting = Fitting(args.ridge, fixed, args.upper, args.slack)
        for _ in range(args.rounds - 1):
            write(http, dict(zip(names, fit(asked, fitting).tolist(), strict=True)) | changes)
            _, asked = collect(http, args)
    report(names, asked, args, fitting)


def report(names: Sequence[str], asked: Sequence[Asked], args: argparse.Namespace, fitting: Fitting) -> None:
    """Figures on the data, cross-validated, and the weights."""
    weights = fit(asked, fitting)
    held: dict[str, list[Array]] = {"locomo": [], "scenarios": []}
    talks = sorted({one.fold for one in asked if one.data == "locomo"})
    for number, talk in enumerate(talks):
        away = {("locomo", talk), ("scenarios", str(number % FOLDS))}
        seen = [one for one in asked if (one.data, one.fold) not in away]
        found = fit(seen, fitting)
        for data, rows in held.items():
            rows.append(score([one for one in asked if one.data == data and (data, one.fold) in away], found))
    print(f"{'':24}" + " ".join(f"{name:>9}" for name in ("recall@5", "recall@10", "recall@20", "ndcg@10", "hit@3")))
    for data, rows in held.items():
        for what, values in (
            ("fitted", score([one for one in asked if one.data == data], weights)),
            ("held out", np.concatenate(rows)),
        ):
            print(f"{data + ', ' + what:24}" + " ".join(f"{value:9.4f}" for value in values.mean(axis=0)))
    if args.ablate:
        ablate(names, asked, weights)
    if args.write:
        for name, value in zip(names, weights, strict=True):
            print(f'        "{name}": {round(float(value), 2)},')


if __name__ == "__main__":
    main()
