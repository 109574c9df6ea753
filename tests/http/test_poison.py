"""Nothing that a client can send makes a 5xx; each refusal points; what is accepted comes back equal."""

import httpx
import pytest

from tests.http.poison_cases import ACCEPTED, EVENT, HEADS, REFUSED, Refused
from tests.support.served import Answer


def request(served, token: str, case: Refused) -> Answer:
    """Send the case as raw bytes, so that no client library repairs it."""
    headers = {
        "Host": "x",
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Content-Length": str(len(case.body)),
    } | case.headers
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
    return served.raw(f"{case.method} {case.path} HTTP/1.1\r\n{lines}\r\n".encode() + case.body)


def test_there_are_enough_cases():
    assert len(REFUSED) + len(ACCEPTED) + len(HEADS) >= 60
    assert len({case.name for case in REFUSED}) == len(REFUSED)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name[:60])
def test_poison_is_refused_with_a_pointer(served, token, case):
    answer = request(served, token, case)
    assert answer.status == case.status, answer.body[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == case.status
    assert set(problem) == {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}
    assert problem["request_id"] == answer.headers["x-request-id"]
    if case.pointer is not None:
        assert case.pointer in [e["pointer"] for e in problem["errors"]], problem["errors"]
    elif case.status == 422:
        assert problem["errors"]
    if case.status == 405:
        assert answer.headers["allow"] == "GET, POST"


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_accepted_comes_back_equal(api, name):
    sent = EVENT | {"occurred_at": "2025-05-04T10:00:00+00:00", "metadata": {}} | ACCEPTED[name]
    answer = api.post("/v1/events", json={"events": [sent]})
    assert answer.status_code == 202, answer.text
    stored = api.get(f"/v1/events/{answer.json()['items'][0]['id']}").json()
    for field, value in sent.items():
        assert stored["client_id" if field == "id" else field] == value, field
    listed = api.get("/v1/events", params={"user_id": sent["user_id"], "session_id": sent["session_id"]}).json()
    assert listed["items"] == [stored]
    again = api.post("/v1/events", json={"events": [sent]}).json()
    assert again["duplicates"] == 1


@pytest.mark.parametrize("zone", ["Z", "-00:00"])
def test_other_spellings_of_utc_are_the_same_instant(api, zone):
    sent = EVENT | {"occurred_at": f"2025-05-04t10:00:00.1234567{zone}".replace("t", "T")}
    item = api.post("/v1/events", json={"events": [sent]}).json()["items"][0]
    assert api.get(f"/v1/events/{item['id']}").json()["occurred_at"] == "2025-05-04T10:00:00.123456+00:00"


@pytest.mark.parametrize(("name", "head", "rest", "statuses"), HEADS, ids=[head[0] for head in HEADS])
def test_raw_requests(served, token, name, head, rest, statuses):  # noqa: PLR0917 - parameters of the case
    answer = served.raw(head + f"Authorization: Bearer {token}\r\n\r\n".encode() + rest)
    assert answer.status in statuses, answer.body[:300]
    if answer.status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_exactly_the_limit_is_accepted(api):
    import json  # noqa: PLC0415

    body = json.dumps({"user_id": "anna", "text": "Anna lives in Lisbon."}).encode()
    answer = api.post("/v1/memories", content=body.ljust(1_048_576), headers={"Content-Type": "application/json"})
    assert answer.status_code == 201
    batch = json.dumps({"events": [EVENT]}).encode()
    answer = api.post("/v1/events", content=batch.ljust(8_388_608), headers={"Content-Type": "application/json"})
    assert answer.status_code == 202


def test_a_refusal_of_a_large_body_reaches_the_client(api):
    answer = api.post("/v1/events", content=b"x" * 20_000_000, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["code"] == "payload_too_large"


def test_a_slow_body_times_out_and_holds_nothing_up(served, token, monkeypatch):
    from app.http import middleware  # noqa: PLC0415

    monkeypatch.setattr(middleware, "BODY_IDLE_SECONDS", 0.3)
    head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nAuthorization: Bearer {token}\r\n\r\n"
    answer = served.raw(head.encode() + b"{")
    assert answer.status == 408
    assert answer.headers["content-type"] == "application/problem+json"
    assert httpx.get(f"{served.url}/health/live").status_code == 200
