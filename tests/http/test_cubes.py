"""Cubes, shares and artefacts over HTTP: files out and in, refusals with pointers, reading through a share."""

import base64
import hashlib
import json

import pytest

from app.domain.access import KeyScope
from app.domain.scope import UserScope
from tests.support.cubes import FILE, cube_of, lines_of, remember, resealed, rewrite, taken, texts
from tests.support.served import new_key


def test_the_file_says_what_it_is(api):
    remember(api, "Anna likes green tea.")
    lines = lines_of(cube_of(api))
    assert lines[0]["record"] == "header"
    assert (lines[0]["schema"], lines[0]["user_id"]) == ("mneme.cube", "anna")
    assert [line["record"] for line in lines[1:-1]] == ["memory", "version", "vector"]
    assert lines[-1]["counts"] == lines[0]["counts"] == {"memory": 1, "version": 1, "vector": 1}
    assert lines[-1]["signature"]["algorithm"] == "HMAC-SHA256"
    assert "indexed_version" not in lines[1]
    assert "project_id" not in lines[1]


def test_a_cube_goes_to_another_user(api, work):
    remember(api, "Anna likes green tea.")
    cube = cube_of(api)
    job = taken(api, work, cube, user_id="ben")
    assert job["counts"] == {"memory_added": 1, "version_added": 1, "vector_added": 1}
    assert texts(api, "ben") == ["Anna likes green tea."]
    assert taken(api, work, cube, user_id="ben")["counts"] == {
        "memory_unchanged": 1, "version_unchanged": 1, "vector_unchanged": 1,
    }  # fmt: skip


def test_a_dry_run_changes_nothing(api, work):
    remember(api, "Anna likes green tea.")
    job = taken(api, work, cube_of(api), user_id="ben", dry_run=True)
    assert job["counts"]["memory_added"] == 1
    assert texts(api, "ben") == []


@pytest.mark.parametrize(
    ("conflict", "text"),
    [("skip", "changed"), ("newer", "changed"), ("replace", "said"), ("duplicate", "both")],
)
def test_conflicts(api, work, conflict, text):
    memory_id = remember(api, "Anna said this.")
    cube = cube_of(api)
    api.patch(f"/v1/memories/{memory_id}", json={"text": "Anna changed this."}, headers={"If-Match": "*"})
    for _ in range(2):
        taken(api, work, cube, user_id="anna", conflict=conflict)
        wanted = {
            "changed": ["Anna changed this."],
            "said": ["Anna said this."],
            "both": ["Anna changed this.", "Anna said this."],
        }[text]
        assert sorted(texts(api, "anna")) == wanted
    versions = api.get(f"/v1/memories/{memory_id}/history").json()["items"]
    assert [v["version"] for v in versions] == list(range(1, len(versions) + 1))
    assert [v["recorded_until"] is None for v in versions] == [False] * (len(versions) - 1) + [True]


def test_what_says_the_same_is_one_memory(api, work):
    remember(api, "Anna likes green tea.")
    other = remember(api, "Anna likes green tea.", user="ben")
    cube = cube_of(api)
    assert taken(api, work, cube, user_id="ben")["counts"]["memory_skipped"] == 1
    taken(api, work, cube, user_id="ben", conflict="replace")
    assert texts(api, "ben") == ["Anna likes green tea."]
    assert api.get(f"/v1/memories/{other}").json()["status"] == "merged"


def test_what_was_deleted_here_stays_away_unless_asked_for(api, work):
    memory_id = remember(api, "Anna likes green tea.")
    cube = cube_of(api)
    api.delete(f"/v1/memories/{memory_id}")
    job = taken(api, work, cube, user_id="anna")
    assert job["counts"]["memory_skipped"] == 1
    assert texts(api, "anna") == []
    items = api.get(f"/v1/jobs/{job['id']}/items").json()["items"]
    assert [(item["action"], item["reason"]) for item in items] == [("skipped", "deleted_here")]
    taken(api, work, cube, user_id="anna", restore_erased=True)
    assert texts(api, "anna") == ["Anna likes green tea."]


def test_secrets_are_masked_unless_an_admin_asks(api, served, project):
    rewrite(served, project, remember(api, "Anna's wifi."), text="Anna's wifi password is hunter2xyz.")
    rewrite(served, project, remember(api, "The vault holds 4711."), type="secret")
    hidden = cube_of(api)
    assert b"hunter2xyz" not in hidden
    assert b"4711" not in hidden
    assert [line["record"] for line in lines_of(hidden)[1:-1]] == ["memory", "version"]
    shown = cube_of(api, secrets=True)
    assert b"hunter2xyz" in shown
    assert b"4711" in shown
    with served.client(new_key(served.context.db, project, KeyScope.MEMORIES_READ)) as reader:
        for body in ({"secrets": True}, {"include": ["policy"]}):
            assert reader.post("/v1/cubes/export", json={"user_id": "anna"} | body).status_code == 403
        assert reader.get("/v1/users/anna/export", params={"secrets": True}).status_code == 403
        assert reader.get("/v1/users/anna/export").status_code == 200


def test_a_filter_takes_its_memories_only(api):
    api.post("/v1/events", json={"events": [{"user_id": "anna", "session_id": "s", "role": "user", "content": "Hi."}]})
    remember(api, "Anna likes green tea.", type="preference")
    remember(api, "Anna lives in Porto.")
    lines = lines_of(cube_of(api, filters={"types": ["preference"]}))
    assert [line["text"] for line in lines if line["record"] == "memory"] == ["Anna likes green tea."]
    assert not [line for line in lines if line["record"] == "event"]


def changed(lines: list[dict], which: str, /, **fields) -> list[dict]:
    return [line | fields if line["record"] == which else line for line in lines]


NOT_FINITE = base64.b64encode(b"\x00\x7e" * 384).decode()  # float16
NO_WEIGHT = base64.b64encode(b"\x01\x00\x00\x00\x00\x00\xc0\x7f").decode()  # a term and a float32
TWICE = base64.b64encode(b"\x01\x00\x00\x00" * 2 + b"\x00\x00\x80\x3f" * 2).decode()
BROKEN = {
    "an unknown field": (lambda ls: changed(ls, "memory", colour="red"), "line 2: /colour"),
    "text that is none": (lambda ls: changed(ls, "memory", text=7), "line 2: /text"),
    "NUL": (lambda ls: changed(ls, "memory", text="a\x00b"), "line 2: /text"),
    "no such status": (lambda ls: changed(ls, "memory", status="erased"), "line 2: /status"),
    "no such day": (
        lambda ls: changed(ls, "memory", event_time="2025-02-30", event_time_precision="day"), "line 2: /event_time",
    ),
    "an id that is none": (lambda ls: changed(ls, "memory", id="x"), "line 2: /id"),
    "a number that is none": (lambda ls: changed(ls, "memory", importance="much"), "line 2: /importance"),
    "more than all importance": (lambda ls: changed(ls, "memory", importance=7), "line 2: /importance"),
    "a stability below none": (lambda ls: changed(ls, "memory", stability=-1), "line 2: /stability"),
    "no first version": (lambda ls: changed(ls, "memory", version=0), "line 2: /version"),
    "a version after which there is none": (lambda ls: changed(ls, "memory", version=2**31 - 1), "line 2: /version"),
    "a memory without words": (lambda ls: changed(ls, "memory", text=" "), "line 2: /text"),
    "a vector that is not finite": (lambda ls: changed(ls, "vector", dense=NOT_FINITE), "line 4: /dense"),
    "a weight that is no number": (lambda ls: changed(ls, "vector", sparse=NO_WEIGHT), "line 4: /sparse"),
    "a term twice": (lambda ls: changed(ls, "vector", sparse=TWICE), "line 4: /sparse"),
    "another dimension": (lambda ls: changed(ls, "vector", dimension=3), "line 4: /dense"),
    "no base64": (lambda ls: changed(ls, "vector", dense="%"), "line 4: /dense"),
    "children before parents": (lambda ls: [ls[0], ls[2], ls[1], *ls[3:]], "line 3: /record"),
    "no such kind": (lambda ls: changed(ls, "memory", record="dream"), "line 2: /record"),
    "a newer schema": (lambda ls: changed(ls, "header", schema_version=99), "line 1: /schema_version"),
    "no header": (lambda ls: ls[1:], "line 1: /record"),
    "metadata that is no object": (lambda ls: changed(ls, "memory", metadata=[1]), "line 2: /metadata"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_wrong_line_is_named(api, name):
    remember(api, "Anna likes green tea.")
    change, pointer = BROKEN[name]
    answer = api.post(
        "/v1/cubes/import", params={"user_id": "ben"}, content=resealed(change(lines_of(cube_of(api)))), headers=FILE
    )
    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert texts(api, "ben") == []


def test_a_file_that_is_cut_or_changed_is_refused(api):
    remember(api, "Anna likes green tea.")
    cube = cube_of(api)
    whole = cube.splitlines(keepends=True)
    signed = json.loads(whole[-1])
    signed["signature"]["value"] = "0" * 64
    cases = {
        b"".join(whole[:-1]): "last line: /record",
        cube.replace(b"green", b"black"): "last line: /sha256",
        b"".join(whole[:-1]) + json.dumps(signed).encode(): "last line: /signature",
        b"\x00\xff\n": "line 1: ",
        b"{}\n" + b"x" * 1_100_000: "line 2: ",
    }
    for content, pointer in cases.items():
        answer = api.post("/v1/cubes/import", params={"user_id": "ben"}, content=content, headers=FILE)
        assert answer.status_code == 422, answer.text
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    answer = api.post("/v1/cubes/import", params={"user_id": "ben"}, json={"a": 1})
    assert answer.status_code == 415
    assert api.post("/v1/cubes/import", params={"user_id": "ben"}, headers=FILE).status_code == 422


def test_an_import_is_idempotent_by_its_key(api):
    remember(api, "Anna likes green tea.")
    cube = cube_of(api)
    headers = FILE | {"Idempotency-Key": "one"}
    first = api.post("/v1/cubes/import", params={"user_id": "ben"}, content=cube, headers=headers)
    again = api.post("/v1/cubes/import", params={"user_id": "ben"}, content=cube, headers=headers)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    other = api.post("/v1/cubes/import", params={"user_id": "ben"}, content=cube_of(api), headers=headers)
    assert other.status_code == 422


def test_an_id_of_another_project_is_no_way_in(api, served, work, project):
    """A file may claim ids that are not its own: what hangs on them is left out."""
    from tests.support.served import new_project  # noqa: PLC0415

    remember(api, "Anna likes green tea.")
    lines = lines_of(cube_of(api))
    stranger = new_project(served.context.db)
    with served.client(new_key(served.context.db, stranger)) as other:
        forged = resealed(changed(lines, "header", project_id=str(stranger.project_id)))
        job = taken(other, work, forged, user_id="anna")
        assert job["counts"] == {
            "memory_added": 1, "memory_not_taken": 1, "version_unchanged": 1, "vector_unchanged": 1,
        }  # fmt: skip
        assert texts(other, "anna") == []
    with served.context.db.transaction(UserScope(project.project_id, "anna")) as conn:
        rows = conn.execute("SELECT count(*) AS n FROM memory_versions").fetchone()
    assert rows["n"] == 1


def test_artefacts_are_kept_as_they_are(api, work):
    content = bytes(range(256)) * 2_000
    query = {"user_id": "anna", "name": "adapter", "kind": "lora", "provenance": '{"base": "m-7b"}'}
    first = api.post("/v1/cubes/artefacts", params=query, content=content, headers=FILE)
    assert first.status_code == 201, first.text
    assert first.json()["fingerprint"] == hashlib.sha256(content).hexdigest()
    assert first.json()["provenance"] == {"base": "m-7b"}
    assert api.post("/v1/cubes/artefacts", params=query, content=content, headers=FILE).status_code == 200
    second = api.post("/v1/cubes/artefacts", params=query, content=b"other", headers=FILE).json()
    query["provenance"] = '{"base": "m-8b"}'
    third = api.post("/v1/cubes/artefacts", params=query, content=b"other", headers=FILE).json()
    assert (second["version"], third["version"], third["provenance"]) == (2, 3, {"base": "m-8b"})
    assert api.get(f"/v1/cubes/artefacts/{first.json()['id']}/content").content == content
    listed = api.get("/v1/cubes/artefacts", params={"user_id": "anna"}).json()["items"]
    assert [item["version"] for item in listed] == [1, 2, 3]
    remember(api, "Anna likes green tea.")
    taken(api, work, api.get("/v1/users/anna/export").content, user_id="ben")
    copied = api.get("/v1/cubes/artefacts", params={"user_id": "ben"}).json()["items"]
    assert api.get(f"/v1/cubes/artefacts/{copied[0]['id']}/content").content == content
    assert api.delete(f"/v1/cubes/artefacts/{second['id']}").status_code == 204
    assert api.get(f"/v1/cubes/artefacts/{second['id']}").status_code == 404


@pytest.mark.parametrize("provenance", ["[]", "{", '"x"', '{"a": 1, "a": 2}'])
def test_provenance_is_an_object(api, provenance):
    query = {"user_id": "anna", "name": "adapter", "kind": "lora", "provenance": provenance}
    answer = api.post("/v1/cubes/artefacts", params=query, content=b"x", headers=FILE)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "query:provenance")


@pytest.mark.parametrize(
    ("path", "size"), [("/v1/cubes/import?user_id=b", 3 * 1024**3), ("/v1/cubes/artefacts?user_id=b", 65 * 1024**2)]
)
def test_a_file_beyond_the_limit_is_refused_at_once(served, token, path, size):
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {size}\r\n\r\n"
    assert served.raw(head.encode()).status == 413


def test_what_was_erased_comes_back_only_when_asked_for(api, work):
    said = {"user_id": "anna", "session_id": "s1", "role": "user", "content": "I drink green tea.", "name": "Anna"}
    api.post("/v1/events", json={"events": [said]})
    memory_id = remember(api, "Anna likes green tea.")
    api.get("/v1/audit")  # seals
    cube = cube_of(api)
    before = lines_of(cube)[1:-1]
    assert api.delete("/v1/users/anna").status_code == 202
    work()
    counts = taken(api, work, cube, user_id="anna")["counts"]
    assert counts["event_erased_before"] == counts["memory_erased_before"] == 1
    assert not {name: n for name, n in counts.items() if name.endswith("_added")}
    assert texts(api, "anna") == []
    assert api.get("/v1/users/anna").status_code == 404
    taken(api, work, cube, user_id="anna", restore_erased=True)
    assert lines_of(cube_of(api))[1:-1] == before
    assert api.get(f"/v1/memories/{memory_id}").json()["text"] == "Anna likes green tea."
    found = api.get("/v1/audit/verify").json()
    assert found["intact"], found["breaks"]
    assert taken(api, work, cube, user_id="anna")["counts"]["memory_unchanged"] == 1  # the erasure no longer stands


def test_what_comes_after_an_erasure_is_no_restore(api, work):
    remember(api, "Anna likes green tea.")
    api.delete("/v1/users/anna")
    work()
    remember(api, "Anna likes coffee.")
    cube = cube_of(api)
    assert "memory_erased_before" not in taken(api, work, cube, user_id="anna")["counts"]
    assert texts(api, "anna") == ["Anna likes coffee."]
