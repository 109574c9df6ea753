"""Prometheus metrics of one process in a registry of its own. Gauges of the stores are read when somebody scrapes."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from app.telemetry.operations import Operation
from app.telemetry.store_gauges import store_gauges

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
        self.operations = Counter(
            "mneme_operations", "Operations on memories that succeeded.", ("operation",), registry=self.registry
        )
        self.operation_seconds = Histogram(
            "mneme_operation_seconds",
            "Time of one operation on memories.",
            ("operation",),
            buckets=STAGE_BUCKETS,
            registry=self.registry,
        )
        for operation in Operation:  # the six are there from the start, at 0
            self.operations.labels(operation)
            self.operation_seconds.labels(operation)
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

    def operated(self, operation: Operation | None, seconds: float) -> None:
        """Count one operation that succeeded; None is none of the six."""
        if operation is not None:
            self.operations.labels(operation).inc()
            self.operation_seconds.labels(operation).observe(seconds)

    def render(self, counts: Iterable[Mapping[str, Any]] = (), worker: str | None = None) -> bytes:
        """The registry as text, with `counts` (rows of `work.counts`) as they are now. `worker` is what the worker of
        the embedded stack answered to a scrape; its samples get the label process="worker".
        """
        return generate_latest(_together(self.registry, counts, worker))


class _Together(Collector):
    """The families of this process, of the stores, and of the worker, each family once."""

    def __init__(self, own: CollectorRegistry, counts: Iterable[Mapping[str, Any]], worker: str | None) -> None:
        self._own = own
        self._counts = list(counts)
        self._worker = worker

    def collect(self) -> Iterator[Metric]:
        families = {family.name: family for family in self._own.collect()}
        for told in text_string_to_metric_families(self._worker or ""):
            if not told.samples or told.name.endswith("_created"):  # times of creation are no family of their own here
                continue
            family = families.setdefault(told.name, Metric(told.name, told.documentation, told.type))
            family.samples = [
                *family.samples,
                *(sample._replace(labels={**sample.labels, "process": "worker"}) for sample in told.samples),
            ]
        yield from families.values()
        yield from store_gauges(self._counts)


def _together(own: CollectorRegistry, counts: Iterable[Mapping[str, Any]], worker: str | None) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Together(own, counts, worker))
    return registry
