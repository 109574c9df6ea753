"""What a recall costs over HTTP, as ratios of one run: against the encoder and an authenticated GET, repeated, and
under writers. Starts an embedded instance of its own; prints one table and, with --out, JSON.

    python bench/latency.py [--turns 550] [--questions 150] [--seconds 15] [--out FILE]
"""

import argparse
import json
import random
import re
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.evaluation.measures import percentile
from app.inference.select import load_encoder
from app.settings import Settings
from tests.support.instance import MODELS, Instance

NAMES = ("Anna", "Ben", "Chloe", "Dmitri", "Elena", "Farid", "Greta", "Hugo")
PLACES = ("Lisbon", "Porto", "Gdansk", "Oslo", "Turin", "Ghent", "Malmo", "Graz")
THINGS = ("bicycle", "violin", "garden", "flat", "dog", "novel", "kayak", "oven", "camera", "loom", "boat", "piano")
DEEDS = ("bought", "sold", "repaired", "lost", "found", "painted", "borrowed", "cleaned", "photographed", "lent")
WRITERS, RATE = 4, 50.0  # threads, and events a second of all together


def turn(rng: random.Random) -> str:
    """Something to say."""
    return (
        f"{rng.choice(NAMES)} {rng.choice(DEEDS)} the {rng.choice(THINGS)} in {rng.choice(PLACES)} last"
        f" {rng.choice(('Monday', 'Friday', 'week', 'month'))} and paid {rng.randint(2, 900)} euros for it."
    )


def question(rng: random.Random) -> str:
    """Something to ask."""
    who, deed, what, place = rng.choice(NAMES), rng.choice(DEEDS), rng.choice(THINGS), rng.choice(PLACES)
    return rng.choice(
        (f"When was the {what} {deed} by {who}?", f"What did {who} do in {place}?", f"How much was the {what}?")
    )


def fill(http: httpx.Client, user: str, turns: int) -> None:
    """Say `turns` turns in sessions of 25, a day apart, and wait until they are processed."""
    rng, begin = random.Random(7), datetime(2025, 1, 6, 9, tzinfo=UTC)
    events = [
        {
            "user_id": user,
            "session_id": f"s{number // 25}",
            "role": ("user", "assistant")[number % 2],
            "name": ("Anna", "Ben")[number % 2],
            "content": turn(rng),
            "occurred_at": (begin + timedelta(days=number // 25, seconds=30 * (number % 25))).isoformat(),
        }
        for number in range(turns)
    ]
    for start in track(range(0, turns, 500), "saying"):
        http.post("/v1/events", json={"events": events[start : start + 500]}).raise_for_status()
    settle(http, user)


def settle(http: httpx.Client, user: str) -> None:
    """Wait until nothing of the user is pending."""
    while http.get("/v1/events", params={"user_id": user, "state": "pending", "limit": 1}).json()["items"]:
        time.sleep(0.5)
    time.sleep(2.0)  # summaries and profile follow the last turn


def timed(call: Callable[[], Any], number: int, what: str) -> list[float]:
    """Milliseconds of each of `number` calls."""
    return [each for _ in track(range(number), what) for each in spent(call)]


def spent(call: Callable[[], Any]) -> list[float]:
    """Milliseconds of one call."""
    begin = time.perf_counter()
    call()
    return [1e3 * (time.perf_counter() - begin)]


def parts(http: httpx.Client) -> dict[str, tuple[float, int]]:
    """Seconds that all recalls took so far and how many these were, by step, from the service's own metrics."""
    text = http.get("/metrics").text
    sums = dict(re.findall(r'^mneme_recall_seconds_sum\{part="(\w+)"\} (\S+)$', text, re.MULTILINE))
    counts = dict(re.findall(r'^mneme_recall_seconds_count\{part="(\w+)"\} (\S+)$', text, re.MULTILINE))
    return {name: (float(seconds), int(float(counts[name]))) for name, seconds in sums.items()}


def writing(http: httpx.Client, stop: threading.Event) -> None:
    """One of the writers: its share of the rate, one event a request."""
    rng = random.Random()
    while not stop.wait(WRITERS / RATE):
        user = f"writer-{rng.randint(0, 9)}"
        event = {"user_id": user, "session_id": "w", "role": "user", "content": turn(rng)}
        http.post("/v1/events", json={"events": [event]}).raise_for_status()


def measure(http: httpx.Client, args: argparse.Namespace) -> dict[str, list[float]]:
    """All series, in milliseconds."""
    rng, user = random.Random(11), "bench"
    fill(http, user, args.turns)

    def ask(text: str, **options: Any) -> None:
        http.post("/v1/recall", json={"user_id": user, "query": text} | options).raise_for_status()

    def fresh() -> None:
        ask(question(rng), cache="off")

    encoder = load_encoder(Settings(mneme_model_dir=MODELS))
    timed(fresh, 20, "warming up")
    calls: dict[str, Callable[[], Any]] = {
        "encoder": lambda: encoder.encode_query(question(rng)),
        "GET /v1/policy": lambda: http.get("/v1/policy").raise_for_status(),
        "recall": fresh,
    }
    found: dict[str, list[float]] = {name: [] for name in calls}
    before = parts(http)
    for _ in track(range(args.questions), "encoder, GET and recall in turn"):  # so that all three meet the same machine
        for name, call in calls.items():
            found[name] += spent(call)
    for name, (seconds, number) in parts(http).items():
        was, had = before.get(name, (0.0, 0))
        found[f"  part: {name}"] = [1e3 * (seconds - was) / max(1, number - had)]
    again = [question(rng) for _ in range(10)]
    for text in again:
        ask(text)
    time.sleep(0.5)
    found["exact repeat"] = timed(lambda: ask(rng.choice(again)), args.questions, "repeats")
    stop = threading.Event()
    writers = [threading.Thread(target=writing, args=(http, stop)) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    until, loaded = time.monotonic() + args.seconds, []
    while time.monotonic() < until:
        loaded += spent(fresh)
    stop.set()
    for writer in writers:
        writer.join()
    return found | {"recall under 50 events/s": loaded}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=550)
    parser.add_argument("--questions", type=int, default=150)
    parser.add_argument("--seconds", type=float, default=15.0, help="under writers")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mneme-latency-") as folder:
        instance = Instance(Path(folder) / "home")
        instance.start()
        headers = {"Authorization": f"Bearer {instance.key}"}
        try:
            with httpx.Client(base_url=instance.url, headers=headers, timeout=60) as http:
                series = measure(http, args)
        finally:
            instance.stop()
    middle = {name: statistics.median(values) for name, values in series.items()}
    bar = middle["encoder"] + 4 * middle["GET /v1/policy"]
    ratios = {
        "recall p50 / (encoder + 4 GET)": (middle["recall"] / bar, 1.0),
        "recall p95 / that": (percentile(series["recall"], 0.95) / bar, 2.0),
        "exact repeat / GET": (middle["exact repeat"] / middle["GET /v1/policy"], 1.5),
        "under writers / idle": (middle["recall under 50 events/s"] / middle["recall"], 3.0),
    }
    table = Table("series", "p50, ms", "p95, ms")
    for name, values in series.items():
        table.add_row(name, f"{middle[name]:.2f}", f"{percentile(values, 0.95):.2f}")
    Console().print(table)
    table = Table("ratio", "measured", "bar", "met")
    for name, (value, most) in ratios.items():
        table.add_row(name, f"{value:.2f}", f"{most:.2f}", "yes" if value <= most else "no")
    Console().print(table)
    if args.out:
        args.out.write_text(json.dumps({"ms": series, "ratios": ratios}, indent=1))


if __name__ == "__main__":
    main()
