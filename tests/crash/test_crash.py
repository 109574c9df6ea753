"""kill -9 of everything, and of each part alone, while writers, an eraser, sleep, decay and rollbacks race over the
same users: nothing acknowledged is lost, nothing is doubled, nothing that was erased comes back.
"""

import random
import shutil
import tempfile
import time
from pathlib import Path

import httpx
import pytest

from tests.crash import oracle
from tests.crash.erasers import Attempt, erasing, stay_erased, surely_kept
from tests.crash.tidiers import counts, tidied, tidying
from tests.crash.writers import ClientLedger, writing
from tests.support.instance import STOP_SECONDS, Instance, leftovers, modes

PARTS = ["gateway", "worker", "postgres", "valkey", "whole"]
WITHOUT_LEDGER = Path(__file__).parent / "without_ledger"
DRAIN_SECONDS = 120.0


@pytest.fixture
def directory():
    """A short private path: a unix socket's name has 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="mneme-crash-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def instance(directory):
    instance = Instance(directory / "home")
    yield instance
    instance.end()


def rewrite_at_once(instance: Instance) -> None:
    """The index is rid of what was erased a second after it, so that the end of the test need not wait."""
    with httpx.Client(base_url=instance.url, headers={"Authorization": f"Bearer {instance.key}"}, timeout=10) as client:
        policy = client.get("/v1/policy").json()["policy"]
        policy["forgetting"] |= {"rewrite_quiet": 1.0, "rewrite_at_most": 5.0}
        client.put("/v1/policy", json={"policy": policy}).raise_for_status()


def run_under_kills(instance: Instance, ledger: ClientLedger, parts: list[str], rng: random.Random) -> None:
    """Writers at work while one part after the other is killed; after each kill the service comes back by itself."""
    with writing(instance, ledger):
        for part in parts:
            time.sleep(rng.uniform(1.0, 2.5))
            instance.kill(part)
            instance.wait_ready()
            before = len(ledger.read())
            until = time.monotonic() + 20
            while len(ledger.read()) == before:
                assert time.monotonic() < until, f"no event is acknowledged after the kill of {part}"
                time.sleep(0.1)


def check_everything(instance: Instance, ledger: ClientLedger, attempts: list[Attempt]) -> list[str]:
    """All rules, in the order in which they need the service."""
    url = instance.database_url()
    acknowledged = ledger.read()
    kept = surely_kept(acknowledged, attempts)
    assert len(kept) > 20
    found = oracle.drain(url, DRAIN_SECONDS)
    found += oracle.stored_once(url, kept)
    found += stay_erased(url, acknowledged, attempts)
    found += oracle.memories_are_sound(url)
    found += tidied(url)
    assert min(counts(url).values()) > 0, "something did not take part"
    collection, stored = oracle.live_collection(url), oracle.rows(url)
    assert sum(row["kind"] == "memory" and row["status"] == "active" for row in stored.values()) > 5
    took = instance.stop()
    assert took <= STOP_SECONDS, f"stopping took {took:.1f} s"
    return found + oracle.index_agrees(instance.home.index, collection, stored)


def crash_run(instance: Instance, directory: Path, parts: list[str], seed: int) -> None:
    before = modes(directory)
    ledger = ClientLedger(directory / "acknowledged.jsonl")
    instance.start()
    rewrite_at_once(instance)
    with erasing(instance, ledger, seed) as eraser, tidying(instance, seed):
        run_under_kills(instance, ledger, parts, random.Random(seed))
    assert sum(attempt.ended is not None for attempt in eraser.attempts) >= len(parts)
    found = check_everything(instance, ledger, eraser.attempts)
    said = f"{len(ledger.read())} acknowledged events, {len(eraser.attempts)} erasures"
    print(f"{len(parts)} kills, {said}, {len(found)} broken rules")  # noqa: T201 - for bench/RESULTS.md
    assert not found, "\n".join(found[:20]) + "\n" + instance.output()
    assert leftovers(instance.home_path) == []
    assert modes(directory) == before, "a directory that was there has other permissions"
    assert instance.home_path.stat().st_mode & 0o077 == 0


@pytest.mark.timeout(300)
def test_five_kills_lose_nothing_and_double_nothing(instance, directory):
    crash_run(instance, directory, PARTS, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_twenty_five_kills_lose_nothing_and_double_nothing(instance, directory):
    rng = random.Random(2)
    parts = PARTS * 4 + ["supervisor", *rng.choices(PARTS, k=4)]
    rng.shuffle(parts)
    crash_run(instance, directory, parts, seed=2)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_work_handed_over_without_the_ledger_is_seen_to_be_lost(directory):
    """The control: the gateway commits the event and hands its work over afterwards, from memory."""
    instance = Instance(directory / "home", {"PYTHONPATH": str(WITHOUT_LEDGER)})
    ledger = ClientLedger(directory / "acknowledged.jsonl")
    try:
        instance.start()
        run_under_kills(instance, ledger, ["gateway"] * 5, random.Random(3))
        found = oracle.drain(instance.database_url(), 30)
        found += oracle.stored_once(instance.database_url(), ledger.read())
    finally:
        instance.end()
    print(f"without the ledger: {len(ledger.read())} acknowledged events, broken rules:", *found[:4], sep="\n  ")  # noqa: T201
    assert any("hand-over was lost" in problem for problem in found), found
    assert any("is pending" in problem for problem in found)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_control_loses_nothing_when_nothing_is_killed(directory):
    """So that what the control shows is the kill and not the patch."""
    instance = Instance(directory / "home", {"PYTHONPATH": str(WITHOUT_LEDGER)})
    ledger = ClientLedger(directory / "acknowledged.jsonl")
    try:
        instance.start()
        with writing(instance, ledger):
            time.sleep(5)
        time.sleep(2)
        found = oracle.drain(instance.database_url(), 60) + oracle.stored_once(instance.database_url(), ledger.read())
        assert httpx.get(f"{instance.url}/health/live", timeout=5).status_code == 200
    finally:
        instance.end()
    assert not found
