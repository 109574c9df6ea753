"""A canary in every field of the API that takes words or free ids, and which these are. Used by `test_erasure`."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx

CANARY = "Quetzalnabu7391"
USER = "ann"
FILE = {"Content-Type": "application/octet-stream"}

# Fields that hold nothing of a user which an erasure would have to find, each with the reason.
LEFT_OUT = {
    r".* (/|path:|query:)([\w*]+/)*(user_id|to_user_id|into|user_ids/\*)": "a user's id; receipts keep it",
    r".* header:If-Match": "a version's number",
    r".* (/|query:)(event_time|valid_from|valid_to|signature)": "a date, or what we signed",
    r"POST /v1/recall /tokenizer": "the name of a model; kept nowhere",
    r"POST /v1/jobs /scope/session_id": "no kind of job takes one yet",
    r"POST /v1/(projects|keys).*": "the app's own: names of projects and keys",
    r"(DELETE|POST) /v1/keys/.*": "the app's own",
    r"PUT /v1/policy .*": "the project's own settings",
    r"POST /v1/(erasures|users|sessions).*": "who erases what; the test itself does so",
    r"DELETE .*": "what is deleted; the test itself does so",
    r"POST /v1/cubes/shares/\{share_id\}/recall .*": "a recall by another user, kept nowhere but in answers",
    r"POST .* header:Idempotency-Key": "one table for all; planted with events and memories",
    r"PATCH .* header:Idempotency-Key": "the same",
    r"POST /v1/cubes/(clone|fuse).*": "writes the words to another user, whom this erasure leaves",
}


class Planter:
    """Sends requests and remembers the fields in which they had the canary."""

    def __init__(self, api: httpx.Client) -> None:
        self.api = api
        self.planted: set[str] = set()
        document = api.get("/openapi.json").raise_for_status().json()
        self.fields = set(fields_of(document))
        self._paths = {path: re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in document["paths"]}

    def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """One request, which must be accepted."""
        body = request.get("json", {})
        template = next(
            template for template, pattern in sorted(self._paths.items()) if pattern.fullmatch(path) and (
                "{" not in template or path not in self._paths)
        )  # fmt: skip
        found = [*_where(body, "")]
        found += [f"query:{name}" for name, value in request.get("params", {}).items() if CANARY in str(value)]
        found += [f"header:{name}" for name, value in request.get("headers", {}).items() if CANARY in value]
        self.planted |= {f"{method} {template} {field}" for field in found}
        answer = self.api.request(method, path, **request)
        assert answer.is_success, answer.text
        return answer

    @property
    def missing(self) -> set[str]:
        """Fields that are neither planted nor left out with a reason."""
        known = re.compile("|".join(LEFT_OUT))
        return {field for field in self.fields - self.planted if not known.fullmatch(field)}


def fields_of(document: dict[str, Any]) -> Iterator[str]:
    """Every free string that a writing route takes: method, path, and a pointer or the parameter's name."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method not in {"post", "put", "patch", "delete"}:
                continue
            about = f"{method.upper()} {path}"
            for parameter in operation.get("parameters", ()):
                for _ in _strings(document, parameter["schema"], ""):
                    yield f"{about} {parameter['in']}:{parameter['name']}"
            for content in operation.get("requestBody", {}).get("content", {}).values():
                yield from (f"{about} {pointer}" for pointer in _strings(document, content["schema"], "") if pointer)


def _strings(document: dict[str, Any], schema: dict[str, Any], at: str, seen: tuple[str, ...] = ()) -> Iterator[str]:
    reference = schema.get("$ref")
    if reference is not None:
        if reference not in seen:
            target = document["components"]["schemas"][reference.rsplit("/", 1)[-1]]
            yield from _strings(document, target, at, (*seen, reference))
        return
    for kind in ("anyOf", "oneOf", "allOf"):
        for one in schema.get(kind, ()):
            yield from _strings(document, one, at, seen)
    if schema.get("type") == "string" and not {"format", "enum", "const"} & schema.keys():
        yield at
    for name, member in schema.get("properties", {}).items():
        yield from _strings(document, member, f"{at}/{name}", seen)
    if isinstance(schema.get("items"), dict):
        yield from _strings(document, schema["items"], f"{at}/*", seen)
    if schema.get("additionalProperties"):
        yield f"{at}/{{}}"


def _where(value: Any, at: str) -> Iterator[str]:
    """Where a body holds the canary: pointers, with `*` for any item and `{}` for whatever lies in a free object."""
    if isinstance(value, str) and CANARY in value:
        yield at
    elif isinstance(value, list):
        for item in value:
            yield from _where(item, f"{at}/*")
    elif isinstance(value, dict):
        for name, member in value.items():
            if CANARY in name or (at.endswith("/metadata") and CANARY in json.dumps(member)):
                yield f"{at}/{{}}"
            else:
                yield from _where(member, f"{at}/{name}")


def fill(api: httpx.Client) -> Planter:
    """The canary in every field that holds words or free ids, in every kind of row and file."""
    plant = Planter(api)
    session, agent = f"s-{CANARY}", f"a-{CANARY}"
    event = {"user_id": USER, "session_id": session, "agent_id": agent, "role": "user", "name": CANARY,
             "metadata": {CANARY: [CANARY, {"x": CANARY}]}}  # fmt: skip
    said = [f"I live in {CANARY}.", f"My friend {CANARY} plays chess.", f"I will visit {CANARY} on Friday."]
    batch = [event | {"id": f"{CANARY}-{n}", "content": text} for n, text in enumerate(said)]
    sent = {"Idempotency-Key": f"one-{CANARY}"}
    plant.send("POST", "/v1/events", params={"wait": "processed", "timeout": 30}, json={"events": batch}, headers=sent)
    ben = {"user_id": "ben", "session_id": "b", "role": "user", "content": "I live in Porto."}
    mixed = [batch[0] | {"id": f"{CANARY}-m"}, ben]
    plant.send("POST", "/v1/events", json={"events": mixed}, headers={"Idempotency-Key": "two"})
    memories(plant, session, agent)
    tools(plant, session, agent)
    asked = {"user_id": USER, "session_id": session, "agent_id": agent, "query": f"Who is {CANARY}?"}
    for filters in ({}, {}, {"session_id": session, "agent_id": agent}):
        assert CANARY in plant.send("POST", "/v1/recall", json=asked | {"filters": filters}).text
    api.get(f"/v1/sessions/{session}", params={"user_id": USER}).raise_for_status()
    return plant


def memories(plant: Planter, session: str, agent: str) -> None:
    """A memory that an app writes, changes, judges, puts away and takes back."""
    keyed = {"subject": CANARY, "attribute": CANARY, "value": CANARY, "metadata": {CANARY: CANARY}}
    memory = {
        "user_id": USER,
        "session_id": session,
        "agent_id": agent,
        "text": f"Ann keeps {CANARY} in a box.",
    } | keyed
    made = plant.send("POST", "/v1/memories", json=memory, headers={"Idempotency-Key": "three"}).json()
    of = f"/v1/memories/{made['id']}"
    patch = {"text": f"Ann keeps {CANARY} in a chest."} | keyed
    plant.send("PATCH", of, json=patch, headers={"If-Match": '"1"', "Idempotency-Key": f"four-{CANARY}"})
    judged = {"signal": "helpful", "note": CANARY, "query": f"Where is {CANARY}?"}
    plant.send("POST", f"{of}/feedback", json=judged)
    for action in ("freeze", "unfreeze", "archive", "restore"):
        plant.send("POST", f"{of}/state", json={"action": action, "reason": f"because of {CANARY}"})
    plant.send("POST", f"{of}/restore", json={"version": 1})
    plant.send(
        "POST", "/v1/memories/aggregate",
        json={"user_id": USER, "subject": CANARY, "attribute": CANARY, "value": CANARY},
    )  # fmt: skip


def tools(plant: Planter, session: str, agent: str) -> None:
    """Jobs and their items, snapshots, files and shares."""
    artefact = {"user_id": USER, "name": CANARY, "kind": CANARY.lower(), "provenance": json.dumps({CANARY: CANARY})}
    plant.send("POST", "/v1/cubes/artefacts", params=artefact, content=CANARY.encode() * 100, headers=FILE)
    plant.planted.add("POST /v1/cubes/artefacts query:kind")  # in small letters
    plant.send("POST", "/v1/cubes/snapshots", json={"user_id": USER, "name": f"before {CANARY}"})
    chosen = {"entities": [CANARY], "session_id": session, "agent_id": agent}
    readers = {"with_user_ids": [f"u-{CANARY}"], "with_agent_ids": [agent]}
    plant.send("POST", "/v1/cubes/shares", json={"user_id": USER, "filters": chosen} | readers)
    narrowed = {"user_id": USER, "session_id": session, "agent_id": agent, "filters": {"entities": [CANARY]}}
    plant.send("POST", "/v1/cubes/export", json=narrowed)
    cube = plant.send("POST", "/v1/cubes/export", json={"user_id": USER, "include": ["events", "versions", "vectors"]})
    assert CANARY.encode() in cube.content
    taken = {"user_id": USER, "conflict": "duplicate"}
    jobs = [plant.send("POST", "/v1/cubes/import", params=taken, content=cube.content, headers=FILE)]
    for kind in ("decay", "sleep"):
        body = {"kind": kind, "scope": {"user_id": USER}, "dry_run": True}
        jobs.append(plant.send("POST", "/v1/jobs", json=body))
    jobs.append(plant.send("POST", "/v1/jobs", json={"kind": "sleep", "scope": {"user_id": USER}}))
    until = time.monotonic() + 60
    for job in jobs[:-1]:  # the last one may be open when the user is erased
        while plant.api.get(f"/v1/jobs/{job.json()['id']}").json()["state"] != "done":
            assert time.monotonic() < until, job.text
            time.sleep(0.05)
