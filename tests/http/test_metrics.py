"""Metrics of two processes in one scrape, and requests as operations."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.telemetry import scrape
from app.telemetry.metrics import Metrics
from app.telemetry.operations import Operation


def samples(text: str) -> dict[tuple, float]:
    """Every sample of an exposition; fails when a family or a sample is there twice."""
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    found = [((s.name, *sorted(s.labels.items())), s.value) for family in families for s in family.samples]
    assert len(dict(found)) == len(found)
    return dict(found)


@pytest.fixture
def worker(tmp_path, monkeypatch) -> Metrics:
    """A worker that tells its metrics where `mneme serve` says."""
    path = tmp_path / "worker"
    monkeypatch.setenv(scrape.WORKER_VARIABLE, str(path))
    metrics = Metrics()
    scrape.serve_text(path, metrics.render)
    return metrics


def test_one_scrape_tells_of_both_processes_and_mixes_nothing(served, worker):
    worker.operated(Operation.CONSOLIDATION, 0.3)
    worker.stage_seconds.labels("extract", "done").observe(0.3)
    found = samples(httpx.get(f"{served.url}/metrics").text)
    name, consolidation = "mneme_operations_total", ("operation", "consolidation")
    assert found[name, consolidation, ("process", "worker")] == 1
    assert found[name, consolidation] == 0
    extracted = (("kind", "extract"), ("outcome", "done"), ("process", "worker"))
    assert found["mneme_stage_seconds_count", *extracted] == 1
    assert found["process_resident_memory_bytes", ("process", "worker")] > 0
    assert found["process_resident_memory_bytes",] > 0
    assert found["mneme_degraded", ("part", "worker")] == 0


def test_many_scrapes_at_once_are_all_answered(served, worker):
    worker.operated(Operation.COMPRESSION, 0.1)
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda _: scrape.read_text(scrape.worker_socket()), range(16)))
    assert all('mneme_operations_total{operation="compression"} 1.0' in text for text in texts)


def test_a_worker_that_is_away_is_said_so(served, tmp_path, monkeypatch):
    monkeypatch.setenv(scrape.WORKER_VARIABLE, str(tmp_path / "nobody"))
    found = samples(httpx.get(f"{served.url}/metrics").text)
    assert found["mneme_degraded", ("part", "worker")] == 1
    assert ("mneme_operations_total", ("operation", "retrieval")) in found
    served.context.metrics.degraded.labels("worker").set(0)


def test_a_socket_that_a_killed_worker_left_is_taken_over(tmp_path):
    path = tmp_path / "worker"
    scrape.serve_text(path, lambda: b"one")
    scrape.serve_text(path, lambda: b"two")
    assert scrape.read_text(path) == "two"


def test_requests_that_succeed_are_operations(served, api):
    def counted() -> dict[str, float]:
        text = httpx.get(f"{served.url}/metrics").text
        return {o: samples(text)["mneme_operations_total", ("operation", o)] for o in Operation}

    before = counted()
    memory = {"user_id": "ann", "type": "fact", "text": "Ann lives in Ghent."}
    made = api.post("/v1/memories", json=memory).json()
    assert (
        api.patch(
            f"/v1/memories/{made['id']}", json={"text": "Ann lives in Porto."}, headers={"If-Match": "*"}
        ).status_code
        == 200
    )
    assert api.post("/v1/recall", json={"user_id": "ann", "query": "Where?"}).status_code == 200
    assert api.post("/v1/recall", json={"user_id": "ann"}).status_code == 422
    assert api.delete(f"/v1/memories/{made['id']}").status_code == 204
    said = {"user_id": "ann", "session_id": "s", "role": "user", "content": "I live in Ghent."}
    assert api.post("/v1/events", json={"events": [said]}).status_code == 202
    assert api.post("/v1/erasures", json={"user_id": "ann", "session_id": "s"}).status_code == 202
    after = counted()
    grown = {operation: after[operation] - before[operation] for operation in after}
    assert (grown["updating"], grown["retrieval"], grown["forgetting"]) == (2, 1, 2)
    assert grown["consolidation"] == 0
