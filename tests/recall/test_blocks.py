"""Blocks of a user through the service: made by the tidy stage, shown by recall and by the lists below a user."""

from app.domain.scope import UserScope
from app.services.blocks import tidy


def tidied(user, served, project):
    scope = UserScope(project.project_id, user.id)
    with served.context.db.transaction(scope) as conn:
        tidy(conn, scope, model=served.context.encoder.fingerprint)


def listed(user, name):
    answer = user.http.get(f"/v1/users/{user.id}/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def test_profile_and_summary_stand_in_the_context_with_their_sources(user, served, project):
    (said, _) = user.say("I live in Ghent.", "I am allergic to peanuts.")
    user.settle()
    tidied(user, served, project)
    blocks = {block["kind"]: block for block in listed(user, "blocks")}
    assert blocks["profile"]["session_id"] is None
    assert blocks["summary"]["session_id"] == "s1"
    (home,) = [line for line in blocks["profile"]["lines"] if "Ghent" in line["text"]]
    assert home["theme"] == "Home"
    assert [source["event_id"] for source in home["sources"]] == [said]
    answer = user.ask("What should I cook?", session_id="s1", mode="fast")
    assert {"profile", "session_summary"} <= {section["name"] for section in answer["context"]["sections"]}
    assert blocks["profile"]["text"] in answer["context"]["text"]
    summary = user.http.get("/v1/sessions/s1", params={"user_id": user.id}).json()["summary"]
    assert summary == blocks["summary"]["text"]


def test_a_superseded_line_is_gone_before_the_next_tidy(user, served, project):
    user.say("I live in Ghent.")
    user.settle()
    tidied(user, served, project)
    user.say("I moved to Porto.")
    user.settle()
    stale = str(listed(user, "blocks"))
    assert "Ghent" not in stale
    assert "Porto" not in stale
    assert "profile" not in {s["name"] for s in user.ask("Home?", mode="fast")["context"]["sections"]}
    tidied(user, served, project)
    assert "Porto" in str(listed(user, "blocks"))
    assert "Ghent" not in str(listed(user, "blocks"))


def test_tidying_twice_changes_nothing(user, served, project):
    user.say("I live in Ghent.", "I play the cello.")
    user.settle()
    tidied(user, served, project)
    before = listed(user, "blocks"), listed(user, "scenes")
    assert all(before)
    tidied(user, served, project)
    assert (listed(user, "blocks"), listed(user, "scenes")) == before


def test_a_deleted_memory_leaves_its_block_at_once(user, served, project):
    user.say("I live in Ghent.")
    user.settle()
    tidied(user, served, project)
    for memory in user.http.get("/v1/memories", params={"user_id": user.id}).json()["items"]:
        user.http.delete(f"/v1/memories/{memory['id']}")
    assert listed(user, "blocks") == []
    assert listed(user, "scenes") == []


def test_entities_and_timeline_are_paged(user):
    user.say("My sister Maria lives in Porto.", "I moved to Ghent in May 2019.", "I adopted a cat in 2021.")
    user.settle()
    names = [entity["name"] for entity in listed(user, "entities")]
    assert "Maria" in names
    dates = [moment["date"] for moment in listed(user, "timeline")]
    assert len(dates) >= 2
    assert dates == sorted(dates)
    seen, cursor = [], None
    while True:
        page = user.http.get(
            f"/v1/users/{user.id}/timeline", params={"limit": 1} | ({"cursor": cursor} if cursor else {})
        )
        seen += [moment["date"] for moment in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert seen == dates


def test_an_unknown_user_has_no_lists(user):
    for name in ("blocks", "entities", "timeline", "scenes"):
        assert user.http.get(f"/v1/users/nobody/{name}").status_code == 404
