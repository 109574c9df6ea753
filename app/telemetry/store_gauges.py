"""Rows of `mneme_counts()` as gauges: the ledger, open events, and the health of memories over all projects."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.core import GaugeMetricFamily

Counts = Sequence[Mapping[str, Any]]
MEASURES = {  # rows `health` that are counts of active memories
    "active": "all",
    "measured": "measured",
    "duplicates": "duplicate",
    "repeated": "repeated",
    "junk": "junk",
    "stale": "stale",
}
WINDOWS = ("7", "30")  # days


def store_gauges(counts: Counts) -> Iterator[GaugeMetricFamily]:
    """The gauges of the stores, as the rows say."""
    yield from _open(counts)
    yield from _health(counts)


def _open(counts: Counts) -> Iterator[GaugeMetricFamily]:
    work = GaugeMetricFamily("mneme_work", "Units of work in the ledger.", labels=("kind", "state"))
    age = GaugeMetricFamily("mneme_work_oldest_seconds", "Age of the oldest unit.", labels=("kind", "state"))
    events = GaugeMetricFamily("mneme_events_open", "Events that are not processed.", labels=("state",))
    events_age = GaugeMetricFamily("mneme_events_open_oldest_seconds", "Age of the oldest.", labels=("state",))
    for row in counts:
        if row["what"] == "work":
            work.add_metric((row["kind"], row["state"]), row["n"])
            age.add_metric((row["kind"], row["state"]), max(0.0, row["oldest_seconds"]))
        elif row["what"] == "events":
            events.add_metric((row["state"],), row["n"])
            events_age.add_metric((row["state"],), max(0.0, row["oldest_seconds"]))
    yield from (work, age, events, events_age)


def _health(counts: Counts) -> Iterator[GaugeMetricFamily]:
    memories = GaugeMetricFamily("mneme_memories", "Memories.", labels=("type", "status"))
    active = GaugeMetricFamily("mneme_memories_active", "Active memories, and of what health.", labels=("health",))
    share = GaugeMetricFamily("mneme_memories_share", "Share of the measured active memories.", labels=("health",))
    added = GaugeMetricFamily("mneme_memories_added", "Active now, not that many days ago.", labels=("days",))
    gone = GaugeMetricFamily("mneme_memories_gone", "Active that many days ago, not now.", labels=("days",))
    growth = GaugeMetricFamily("mneme_memories_growth_per_day", "Added less gone, a day.", labels=("days",))
    age = GaugeMetricFamily("mneme_memories_counted_seconds", "Age of the oldest project's count.")
    health = {row["kind"]: row["n"] for row in counts if row["what"] == "health"}
    ages = [row["oldest_seconds"] for row in counts if row["what"] in {"memories", "health"}]
    for row in counts:
        if row["what"] == "memories":
            memories.add_metric((row["kind"], row["state"]), row["n"])
    if health:
        for measure, name in MEASURES.items():
            active.add_metric((name,), health.get(measure, 0))
        for measure in ("duplicates", "repeated", "junk", "stale"):
            share.add_metric((MEASURES[measure],), health.get(measure, 0) / max(1, health.get("measured", 0)))
        for days in WINDOWS:
            more, less = health.get(f"added_{days}", 0), health.get(f"gone_{days}", 0)
            added.add_metric((days,), more)
            gone.add_metric((days,), less)
            growth.add_metric((days,), (more - less) / int(days))
    if ages:
        age.add_metric((), max(ages))
    yield from (memories, active, share, added, gone, growth, age)
