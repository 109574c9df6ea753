"""What sleep-time work does to the scores: the scoring tools before and after a full run over the same stored data.

    python bench/sleep.py --tools ../shared/tools --data ../shared/data --key KEY --base-url http://127.0.0.1:8000

Sending an event again is a duplicate and changes nothing, so the tools can be run twice. With `--control` they are run
twice before, which shows what differs without any sleep.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

RUNS = {"locomo": ("score_locomo.py", "locomo_dev.json"), "scenarios": ("score_scenarios.py", "scenarios_dev.jsonl")}
SETTLE_SECONDS = 8.0  # the index stage and tidying after the last change
POLL_SECONDS = 0.3
SIGN = {"scenarios/stale@3": -1, "scenarios/memories_per_statement": -1}  # lower is better
ALLOWED = 0.005  # what a score may lose


def main() -> None:
    """Score, show what would be done, sleep, score again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--base-url", default="http://127.0.0.1:8000")
    parser.add_argument("--control", action="store_true")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    before = scores(args)
    if args.control:
        show("without sleep, a second time", before, scores(args))
    api = httpx.Client(base_url=args.base_url, headers={"Authorization": f"Bearer {args.key}"}, timeout=60)
    shown = run_job(api, dry_run=True)
    done = run_job(api, dry_run=False)
    print("would do", json.dumps(shown["counts"]))
    print("did     ", json.dumps(done["counts"]))
    again = run_job(api, dry_run=False)
    print("again   ", json.dumps(again["counts"]))
    time.sleep(SETTLE_SECONDS)
    after = scores(args)
    worst = show("after sleep", before, after)
    fewer = done["counts"]["active_after"] < done["counts"]["active_before"]
    print(f"worst change {worst:+.4f} (allowed -{ALLOWED}); fewer active memories: {fewer}")
    if args.out is not None:
        figures = {"before": before, "after": after, "shown": shown["counts"], "done": done["counts"]}
        args.out.write_text(json.dumps(figures, indent=1))


def scores(args: argparse.Namespace) -> dict[str, float]:
    """Every figure that the tools report, by name; latencies and rates are left out."""
    found: dict[str, float] = {}
    for name, (tool, data) in RUNS.items():
        with tempfile.NamedTemporaryFile(suffix=".json") as out:
            command = [sys.executable, str(args.tools / tool), "--data", str(args.data / data), "--key", args.key]
            command += ["--base-url", args.base_url, "--out", out.name]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            found |= flat(json.loads(Path(out.name).read_text()), name)
    return found


def flat(figures: Any, name: str) -> dict[str, float]:
    """Nested figures under one name each."""
    if isinstance(figures, dict):
        parts = [
            flat(value, f"{name}/{key}") for key, value in figures.items() if key not in {"recall_ms", "events_per_s"}
        ]
        return {key: value for part in parts for key, value in part.items()}
    return {name: float(figures)} if isinstance(figures, int | float) else {}


def run_job(api: httpx.Client, *, dry_run: bool) -> dict[str, Any]:
    """A sleep of everybody, to its end."""
    job = api.post("/v1/jobs", json={"kind": "sleep", "dry_run": dry_run}).raise_for_status().json()
    while job["state"] not in {"done", "failed"}:
        time.sleep(POLL_SECONDS)
        job = api.get(f"/v1/jobs/{job['id']}").raise_for_status().json()
    if job["state"] == "failed":
        sys.exit(f"the job failed: {job['error']}")
    return job


def show(title: str, before: dict[str, float], after: dict[str, float]) -> float:
    """What changed; returns the worst change of an overall figure."""
    print(f"--- {title}")
    for name, old in before.items():
        new = after.get(name, 0.0)
        if overall(name) or abs(new - old) > ALLOWED:
            print(f"{name:44} {old:9.4f} -> {new:9.4f}  {new - old:+.4f}")
    return min(SIGN.get(name, 1) * (after.get(name, 0.0) - old) for name, old in before.items() if overall(name))


def overall(name: str) -> bool:
    """Whether a figure is over all of its data, not over one kind of question."""
    return "overall" in name or name.count("/") == 1


if __name__ == "__main__":
    main()
