"""Prometheus metrics of one process in a registry of its own. Gauges of the stores are read when somebody scrapes."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
HTTP_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)  # recall is 5-50 ms, waits up to 60 s
STAGE_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)


class Metrics:
    """What a process counts. One object per process context; `render` makes the text for a scrape."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.http_seconds = Histogram(
            "mneme_http_seconds",
            "Time to answer a request.",
            ("method", "route", "status"),
            buckets=HTTP_BUCKETS,
            registry=self.registry,
        )
        self.events = Counter("mneme_events", "Events sent by apps.", ("status",), registry=self.registry)
        self.recalls = Counter("mneme_recalls", "Recalls answered.", ("degraded",), registry=self.registry)
        self.answer_cache = Counter(
            "mneme_answer_cache", "Recalls by what the cache of answers did.", ("outcome",), registry=self.registry
        )
        self.recall_seconds = Histogram(
            "mneme_recall_seconds", "Parts of a recall.", ("part",), buckets=HTTP_BUCKETS, registry=self.registry
        )
        self.reranks = Counter(
            "mneme_reranks", "Recalls for a second model, `ok` or why not.", ("outcome",), registry=self.registry
        )
        self.rewrites = Counter(
            "mneme_rewrites",
            "Questions put to a model in mode deep, `ok` or why not.",
            ("outcome",),
            registry=self.registry,
        )
        self.stage_seconds = Histogram(
            "mneme_stage_seconds",
            "Time of one run of a stage.",
            ("kind", "outcome"),
            buckets=STAGE_BUCKETS,
            registry=self.registry,
        )
        self.leases_lost = Counter(
            "mneme_leases_lost", "Runs that found their lease taken.", ("kind",), registry=self.registry
        )
        self.hints = Counter("mneme_hints", "Wake-ups handed to Redis.", ("outcome",), registry=self.registry)
        self.schedules = Counter("mneme_schedules", "Maintenance runs.", ("name", "outcome"), registry=self.registry)
        self.llm_calls = Counter(
            "mneme_llm_calls", "Calls to the model provider, `ok` or why not.", ("outcome",), registry=self.registry
        )
        self.llm_tokens = Counter("mneme_llm_tokens", "Tokens sent and got.", ("direction",), registry=self.registry)
        self.llm_seconds = Histogram(
            "mneme_llm_seconds", "Time of one question to the model.", buckets=STAGE_BUCKETS, registry=self.registry
        )
        self.llm_fallbacks = Counter(
            "mneme_llm_fallbacks", "Segments read locally, and why.", ("reason",), registry=self.registry
        )
        self.llm_rejected = Counter(
            "mneme_llm_rejected", "Statements of the model that were refused.", ("reason",), registry=self.registry
        )
        self.drift = Gauge("mneme_index_drift", "Rows and points that disagree.", registry=self.registry)
        self.degraded = Gauge("mneme_degraded", "1 while this part does not answer.", ("part",), registry=self.registry)

    def render(self, counts: Iterable[Mapping[str, Any]] = ()) -> bytes:
        """The registry as text, with the ledger's `counts` (rows of `work.counts`) as they are now."""
        return generate_latest(self.registry) + generate_latest(_ledger(counts))


class _Ledger(Collector):
    """Rows of `mneme_counts()` as gauges."""

    def __init__(self, counts: Iterable[Mapping[str, Any]]) -> None:
        self._counts = list(counts)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        work = GaugeMetricFamily("mneme_work", "Units of work in the ledger.", labels=("kind", "state"))
        age = GaugeMetricFamily("mneme_work_oldest_seconds", "Age of the oldest unit.", labels=("kind", "state"))
        events = GaugeMetricFamily("mneme_events_open", "Events that are not processed.", labels=("state",))
        events_age = GaugeMetricFamily("mneme_events_open_oldest_seconds", "Age of the oldest.", labels=("state",))
        for row in self._counts:
            if row["what"] == "work":
                work.add_metric((row["kind"], row["state"]), row["n"])
                age.add_metric((row["kind"], row["state"]), max(0.0, row["oldest_seconds"]))
            else:
                events.add_metric((row["state"],), row["n"])
                events_age.add_metric((row["state"],), max(0.0, row["oldest_seconds"]))
        yield from (work, age, events, events_age)


def _ledger(counts: Iterable[Mapping[str, Any]]) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Ledger(counts))
    return registry
