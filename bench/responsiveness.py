"""Does the gateway stay responsive while it indexes 50,000 points and the worker extracts?

Starts an embedded instance of its own, measures recall when idle, then seeds the points, sends events, and asks
/health/live every 5 ms and recall as fast as it answers until everything is indexed. Exits with 1 when a bar is missed.

    python bench/responsiveness.py [--points 50000] [--users 100]
"""

import argparse
import http.client
import itertools
import json
import multiprocessing
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bench.seed import find_target, seed_user
from tests.support.instance import Instance

GAP_BAR = 0.25  # seconds between two answers of /health/live
RECALL_BAR = 3.0  # times the idle p50 in the same run
SAMPLE_EVERY = 0.005
READER = "reader"  # the user of the recalls; its points are indexed before anything is measured
IDLE_RECALLS = 200
QUESTIONS = ["What did I say about matter 17?", "When did we talk about the boat?", "Which colour do I like best?"]


def ask(link: http.client.HTTPConnection, key: str, question: str) -> float:
    """Seconds of one recall."""
    body = json.dumps({"user_id": READER, "query": question, "record_usage": False})
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    began = time.perf_counter()
    link.request("POST", "/v1/recall", body, headers)
    answer = link.getresponse()
    text = answer.read()
    took = time.perf_counter() - began
    if answer.status != http.HTTPStatus.OK:
        raise RuntimeError(f"{answer.status} {text[:300]!r}")
    return took


def sample(port: int, stop: "multiprocessing.synchronize.Event", out: "multiprocessing.Queue[list[float]]") -> None:
    """Times at which /health/live answered; in a process of its own, so that nothing here delays it."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    answered = []
    while not stop.is_set():
        began = time.perf_counter()
        link.request("GET", "/health/live")
        link.getresponse().read()
        answered.append(time.perf_counter())
        time.sleep(max(0.0, SAMPLE_EVERY - (answered[-1] - began)))
    out.put(answered)


@contextmanager
def sampling(port: int) -> Iterator[list[float]]:
    """The gaps between answers, filled when the block ends."""
    context = multiprocessing.get_context("spawn")
    stop, out = context.Event(), context.Queue()
    process = context.Process(target=sample, args=(port, stop, out), daemon=True)
    process.start()
    time.sleep(1.0)  # its start-up is no load of the service
    gaps: list[float] = []
    yield gaps
    stop.set()
    answered = out.get(timeout=30)
    process.join(10)
    gaps += [later - earlier for earlier, later in itertools.pairwise(answered)]


def send_events(instance: Instance, count: int) -> None:
    """Something for the worker to extract: `count` turns in sessions of 20."""
    link = http.client.HTTPConnection("127.0.0.1", instance.port, timeout=60)
    headers = {"Authorization": f"Bearer {instance.key}", "Content-Type": "application/json"}
    for start in range(0, count, 200):
        events = [
            {
                "user_id": f"writer-{n // 200}", "session_id": f"s{n // 20}", "role": "user",
                "content": f"I bought lamp number {n} in Porto on 3 May 2025 and it cost {n % 90 + 10} euros.",
            }
            for n in range(start, min(start + 200, count))
        ]  # fmt: skip
        link.request("POST", "/v1/events", json.dumps({"events": events}), headers)
        answer = link.getresponse()
        text = answer.read()
        if answer.status != http.HTTPStatus.ACCEPTED:
            raise RuntimeError(f"{answer.status} {text[:300]!r}")


def unindexed(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM events WHERE version <> indexed_version OR version = 0").fetchone()
    connection.rollback()
    return int(row[0]) if row else 0


def wait_indexed(connection: psycopg.Connection, seconds: float) -> None:
    until = time.monotonic() + seconds
    while unindexed(connection):
        if time.monotonic() > until:
            raise RuntimeError(f"{unindexed(connection)} rows are not indexed after {seconds} s")
        time.sleep(0.1)


def run(instance: Instance, points: int, users: int, events: int) -> dict[str, float]:
    """The measurement; seconds unless the name says otherwise."""
    instance.start()
    with psycopg.connect(instance.database_url()) as connection:
        target = find_target(connection)
        seed_user(connection, target, READER, 500)
        wait_indexed(connection, 60)
        link = http.client.HTTPConnection("127.0.0.1", instance.port, timeout=30)
        for question in QUESTIONS * 5:
            ask(link, instance.key, question)
        idle = [ask(link, instance.key, QUESTIONS[n % 3]) for n in range(IDLE_RECALLS)]
        with sampling(instance.port) as gaps:
            began = time.perf_counter()
            send_events(instance, events)
            loaded = []
            for user in range(users):
                seed_user(connection, target, f"user-{user}", points // users)
                loaded.append(ask(link, instance.key, QUESTIONS[user % 3]))
            while unindexed(connection):
                loaded += [ask(link, instance.key, QUESTIONS[n % 3]) for n in range(10)]
            took = time.perf_counter() - began
    return {
        "points": points, "events": events, "seconds": took, "answers": len(gaps) + 1, "gap_max": max(gaps),
        "gap_p99": statistics.quantiles(gaps, n=100)[98], "recalls": len(loaded),
        "recall_idle_p50": statistics.median(idle), "recall_loaded_p50": statistics.median(loaded),
        "recall_loaded_p95": statistics.quantiles(loaded, n=20)[18],
    }  # fmt: skip


def main() -> int:
    """Run, print, and say with the exit code whether both bars hold."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--points", type=int, default=50_000)
    options.add_argument("--users", type=int, default=100)
    options.add_argument("--events", type=int, default=2_000)
    chosen = options.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="mneme-bench-"))
    instance = Instance(directory / "home")
    try:
        found = run(instance, chosen.points, chosen.users, chosen.events)
    finally:
        instance.end()
        shutil.rmtree(directory, ignore_errors=True)
    ratio = found["recall_loaded_p50"] / found["recall_idle_p50"]
    for name, value in found.items():
        print(f"{name:20} {value:12.4f}" if isinstance(value, float) else f"{name:20} {value:12,}")
    print(f"{'recall ratio':20} {ratio:12.2f}   bar {RECALL_BAR}")
    print(f"{'largest gap':20} {found['gap_max']:12.3f}   bar {GAP_BAR}")
    return int(ratio > RECALL_BAR or found["gap_max"] > GAP_BAR)


if __name__ == "__main__":
    sys.exit(main())
