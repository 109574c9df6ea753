"""The trace of an event as `mneme explain` prints it."""

from app.cli.explain import lines

EVENT = {
    "client_id": "s1:4",
    "state": "processed",
    "occurred_at": "2025-05-09T10:00:00+01:00",
    "name": None,
    "role": "user",
    "user_id": "anna",
    "session_id": "s1",
    "content": "I moved to Porto",
    "skip_reason": None,
    "effects": [],
}
MEMORY = {
    "id": "m1", "text": "The user lives in Warsaw.", "type": "fact", "status": "superseded", "confidence": 0.7,
    "subject": "user", "attribute": "home", "value": "warsaw", "event_time": None, "valid_from": None,
    "valid_to": "2025-05-09", "live_from": "2025-05-01T09:00:00Z", "live_until": "2025-05-09T09:00:00Z",
    "sources": [{"session_id": "s1", "client_id": "s1:1"}],
}  # fmt: skip


def test_a_statement_with_what_it_did():
    effects = [{"effect": "superseded", "memory_id": "m1", "text": "The user moved to Porto.", "reason": "new_value"}]
    versions = [
        {"version": 1, "change": "add", "reason": "new", "actor": "pipeline"},
        {"version": 2, "change": "supersede", "reason": "new_value", "actor": "pipeline"},
    ]
    links = [{"type": "contradicts", "direction": "in", "text": "The user moved to Porto."}]
    memories = {"m1": {"memory": MEMORY, "history": versions, "links": links}}
    text = "\n".join(lines({"event": EVENT | {"effects": effects}, "memories": memories}))
    assert '"I moved to Porto"' in text
    assert "STATEMENT 1  The user moved to Porto." in text
    assert "SUPERSEDED: it replaced an older memory, which stays as history [new_value]" in text
    assert "key (user, home, warsaw)" in text
    assert "version 2: supersede (new_value) by pipeline" in text
    assert 'contradicts <- "The user moved to Porto."' in text
    assert "valid_to 2025-05-09" in text


def test_a_skipped_event_says_why():
    text = "\n".join(lines({"event": EVENT | {"skip_reason": "greeting"}, "memories": {}}))
    assert text.endswith("NOTHING was extracted: greeting")


def test_a_pending_event_and_a_deleted_memory():
    assert "has not finished" in "\n".join(lines({"event": EVENT | {"state": "pending"}, "memories": {}}))
    effects = [{"effect": "created", "memory_id": "m9", "text": "", "reason": "deleted"}]
    assert "(deleted)" in "\n".join(lines({"event": EVENT | {"effects": effects}, "memories": {}}))
