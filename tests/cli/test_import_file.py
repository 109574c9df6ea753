"""Files of events: ids that stay the same, batches that fit, mistakes with their line."""

import json

import pytest

from app.cli import import_file
from app.cli.failure import CommandError


def write(path, *lines):
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n")
    return path


def event(text, **more):
    return {"role": "user", "content": text} | more


def test_ids_of_the_file_are_kept_and_missing_ones_never_change(tmp_path):
    file = write(tmp_path / "a.jsonl", event("one", id="mine"), "", event("two"), event("two"))
    first = [line.event["id"] for line in import_file.read(file, "u", "s")]
    again = [line.event["id"] for line in import_file.read(file, "u", "s")]
    assert first == again
    assert first[0] == "mine"
    assert len(set(first)) == 3, "two equal lines are two events"
    assert import_file.count(file) == 3


def test_user_and_session_fill_in_only_what_is_missing(tmp_path):
    file = write(tmp_path / "a.jsonl", event("one", user_id="anna"), event("two"))
    lines = list(import_file.read(file, "bert", "s1"))
    assert [line.event["user_id"] for line in lines] == ["anna", "bert"]
    assert [line.event["session_id"] for line in lines] == ["s1", "s1"]


@pytest.mark.parametrize(("bad", "word"), [("{", "not JSON"), ("[1]", "JSON object")])
def test_a_bad_line_is_named(tmp_path, bad, word):
    file = write(tmp_path / "a.jsonl", event("one"), bad)
    with pytest.raises(CommandError, match=rf"line 2.*{word}"):
        list(import_file.read(file, "u", "s"))


def test_batches_hold_all_lines_in_order_and_fit(tmp_path):
    file = write(tmp_path / "a.jsonl", *(event("x" * (60_000 if n % 7 == 0 else 10), n=n) for n in range(500)))
    batches = list(import_file.batches(import_file.read(file, "u", "s")))
    assert [line.event["n"] for batch in batches for line in batch] == list(range(500))
    assert all(len(batch) <= import_file.BATCH_EVENTS for batch in batches)
    assert all(sum(line.size for line in batch) <= import_file.BATCH_BYTES for batch in batches)
