"""How a recall over HTTP grows with the store: with the number of users of 100 turns, and with the turns of one user.
Grows one embedded instance of its own step by step; prints tables and, with --out and --plot, JSON and a plot.

    python bench/scale.py [--users 100 1000 10000] [--turns 100 1000 10000] [--questions 200] [--out FILE] [--plot PNG]
"""

import argparse
import importlib
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.evaluation.curves import need_matplotlib
from app.evaluation.measures import percentile
from bench.latency import question
from bench.scale_seed import opened, pool
from tests.support.instance import Instance

TURNS = 100  # of each of many users
WARM_UP = 30  # recalls
USERS_BAR = 1.5  # p50 at the largest number of users over that at the smallest
TURNS_BAR = 2.0  # the same of one user's turns
MANY, CHECK = "one of many", "GET /v1/policy"  # series; the second tells how quick the machine was at that time


@dataclass
class Step:
    """One size of the store: milliseconds by series, those of one large user by its turns."""

    users: int
    filled_s: float
    start_s: float = 0.0
    gateway_mb: float = 0.0
    ms: dict[str, list[float]] = field(default_factory=dict)

    def p50(self, series: str) -> float:
        return statistics.median(self.ms[series])


def one_of(users: int) -> str:
    """The name of a user of many."""
    return f"user-{users}"


def large(turns: int) -> str:
    """The name of the user with so many turns; also that of the series."""
    return f"one of {turns:,} turns"


def measure(http: httpx.Client, users: int, turns: list[int], questions: int) -> dict[str, list[float]]:
    """All series in turn, question by question, so that a slow moment of the machine meets each of them."""
    rng = random.Random(users)

    def ask(user: str) -> None:
        body = {"user_id": user, "query": question(rng), "cache": "off"}
        answer = http.post("/v1/recall", json=body).raise_for_status().json()
        if answer["degraded"] or not answer["items"]:
            raise RuntimeError(f"{user}: degraded or empty")

    def anybody() -> None:
        ask(one_of(rng.randrange(users)))

    calls: dict[str, Callable[[], Any]] = {MANY: anybody}
    calls |= {large(size): lambda size=size: ask(large_id(size)) for size in turns}  # type: ignore[misc]
    calls[CHECK] = lambda: http.get("/v1/policy").raise_for_status()
    for _ in range(WARM_UP):
        for call in calls.values():
            call()
    ms: dict[str, list[float]] = {name: [] for name in calls}
    for _ in track(range(questions), f"asking with {users:,} users"):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            ms[name].append(1e3 * (time.perf_counter() - begin))
    return ms


def large_id(turns: int) -> str:
    return f"one-{turns}"


def run(instance: Instance, args: argparse.Namespace) -> list[Step]:
    """Fill, start, measure, stop; from the smallest store to the largest."""
    said = pool(max(TURNS, *args.turns))
    instance.start()  # makes the schema, the key and the collection
    instance.stop()
    steps, before = [], 0
    for users in sorted(args.users):
        new = [(one_of(number), TURNS) for number in range(before, users)]
        if not before:
            new += [(large_id(turns), turns) for turns in args.turns]
        begin = time.perf_counter()
        with opened(instance.home_path, said, seed=users) as store:
            store.add(new, f"filling up to {users:,} users")
        step = Step(users, time.perf_counter() - begin)
        steps.append(step)
        begin = time.perf_counter()
        instance.start()
        step.start_s = time.perf_counter() - begin
        headers = {"Authorization": f"Bearer {instance.key}"}
        with httpx.Client(base_url=instance.url, headers=headers, timeout=60) as http:
            step.ms = measure(http, users, args.turns, args.questions)
        step.gateway_mb = resident(instance.parts()["gateway"])
        instance.stop()
        before = users
    return steps


def resident(processes: list[psutil.Process]) -> float:
    """Megabytes, with the pages of the index that are mapped."""
    return float(sum(process.memory_info().rss for process in processes)) / 1e6


def ratios(steps: list[Step], turns: list[int]) -> dict[str, tuple[float, float]]:
    """What is measured against which bar. One user's turns are compared in each store for itself."""
    few, most = large(min(turns)), large(max(turns))
    found = {
        f"p50, {steps[-1].users:,} users / {steps[0].users:,}": (steps[-1].p50(MANY) / steps[0].p50(MANY), USERS_BAR)
    }
    for step in steps:
        name = f"p50, {max(turns):,} turns / {min(turns):,}, beside {step.users:,} users"
        found[name] = (step.p50(most) / step.p50(few), TURNS_BAR)
    return found


def show(steps: list[Step], found: dict[str, tuple[float, float]]) -> None:
    """The tables."""
    table = Table("users", "asked", "p50, ms", "p95, ms")
    for step in steps:
        for name, values in step.ms.items():
            table.add_row(f"{step.users:,}", name, f"{step.p50(name):.2f}", f"{percentile(values, 0.95):.2f}")
        table.add_section()
    Console().print(table)
    table = Table("users", "filled in, s", "start, s", "gateway resident, MB")
    for step in steps:
        table.add_row(f"{step.users:,}", f"{step.filled_s:.0f}", f"{step.start_s:.1f}", f"{step.gateway_mb:.0f}")
    Console().print(table)
    table = Table("ratio", "measured", "bar", "met")
    for name, (value, bar) in found.items():
        table.add_row(name, f"{value:.2f}", f"{bar:.2f}", "yes" if value < bar else "no")
    Console().print(table)


def draw(steps: list[Step], turns: list[int], path: Path) -> None:
    """A recall over the number of users, and over the turns of one user in each of the stores."""
    figures: Any = importlib.import_module("matplotlib.figure")  # without pyplot: no window, no global state
    figure = figures.Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    curves = [
        (left, "p50", [step.users for step in steps], [step.p50(MANY) for step in steps]),
        (left, "p95", [step.users for step in steps], [percentile(step.ms[MANY], 0.95) for step in steps]),
    ]
    curves += [
        (right, f"p50, beside {step.users:,} users", turns, [step.p50(large(size)) for size in turns]) for step in steps
    ]
    for axes, label, sizes, values in curves:
        axes.plot(sizes, values, marker="o", label=label)
    for axes, label in ((left, f"users of {TURNS} turns"), (right, "turns of one user")):
        axes.set(xlabel=label, xscale="log")
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left")
    left.set_ylim(bottom=0)  # after all curves are there: both axes share it
    left.set_ylabel("one recall over HTTP, ms")
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--turns", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--home", type=Path, help="an empty folder that keeps the store; else a temporary one")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    args.turns = sorted(args.turns)
    if args.plot:
        need_matplotlib()
    with tempfile.TemporaryDirectory(prefix="mneme-scale-") as folder:
        instance = Instance((args.home or Path(folder)) / "home")
        try:
            steps = run(instance, args)
        finally:
            instance.end()
    found = ratios(steps, args.turns)
    show(steps, found)
    if args.out:
        args.out.write_text(json.dumps({"steps": [asdict(step) for step in steps], "ratios": found}, indent=1))
    if args.plot:
        draw(steps, args.turns, args.plot)


if __name__ == "__main__":
    main()
