"""A user whose turns go through the whole pipeline inside this process: gateway, worker stages, index."""

import time
from itertools import count

import httpx
import pytest

from app.domain.policy import DEFAULT
from app.domain.work import WorkKind
from app.ledger.runner import Runner
from tests.conftest import empty_ledger, new_project
from tests.support.served import new_key, serve
from workers.stages import stages_for

USERS = count(1)
WORKED = (WorkKind.EXTRACT.value, WorkKind.CONSOLIDATE.value)  # the gateway's own thread does the rest


class User:
    """Says things and asks; `settle` runs the worker's stages until nothing is pending."""

    def __init__(self, http: httpx.Client, context, user_id: str) -> None:
        self.http, self.context, self.id = http, context, user_id
        stages = {kind: stage for kind, stage in stages_for(context).items() if kind in WORKED}
        self._runner = Runner(context, stages)

    def say(self, *turns, session="s1", **common):
        """Each turn is a text, or a dict with more fields."""
        events = [
            {"user_id": self.id, "session_id": session, "role": "user", **common}
            | (turn if isinstance(turn, dict) else {"content": turn})
            for turn in turns
        ]
        answer = self.http.post("/v1/events", json={"events": events})
        assert answer.status_code == 202, answer.text
        return [item["id"] for item in answer.json()["items"]]

    def ask(self, query, *, status=200, **options):
        answer = self.http.post("/v1/recall", json={"user_id": self.id, "query": query, **options})
        assert answer.status_code == status, answer.text
        return answer.json()

    def choose(self, **settings):
        """These settings of `recall` for the project, all others as by default."""
        policy = DEFAULT.model_dump(mode="json")
        policy["recall"] |= settings
        assert self.http.put("/v1/policy", json={"policy": policy}).status_code == 200

    def settle(self, timeout=30.0):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self._runner.drain(time.monotonic() + 5)
            page = self.http.get("/v1/events", params={"user_id": self.id, "state": "pending", "limit": 1}).json()
            if not page["items"]:
                return
            time.sleep(0.05)
        pytest.fail("still pending")


@pytest.fixture(scope="package")
def served(gateway):
    with serve(gateway) as running:
        yield running


@pytest.fixture
def user(served, project, nothing_to_do):
    with served.client(new_key(served.context.db, project)) as http:
        yield User(http, served.context, f"user-{next(USERS)}")


@pytest.fixture(scope="module")
def lasting(served, owner_database):
    """A user of a project of its own for all tests of a module, which read what it said once; each sets its policy."""
    empty_ledger(owner_database)
    with served.client(new_key(served.context.db, new_project(served.context.db))) as http:
        yield User(http, served.context, f"user-{next(USERS)}")
