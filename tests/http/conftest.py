"""A gateway on a real socket for the HTTP tests, with a fresh project and an admin key for each test."""

from collections.abc import Iterator

import httpx
import pytest

from app.context import ProcessContext
from app.domain.scope import ProjectScope
from app.ledger.runner import Runner
from tests.support.served import Served, new_key, serve
from workers.stages import stages_for


@pytest.fixture(scope="package")
def served(gateway: ProcessContext) -> Iterator[Served]:
    with serve(gateway) as running:
        yield running


@pytest.fixture
def token(served: Served, project: ProjectScope) -> str:
    """An admin key of the test's project."""
    return new_key(served.context.db, project)


@pytest.fixture
def api(served: Served, token: str) -> Iterator[httpx.Client]:
    with served.client(token) as client:
        yield client


@pytest.fixture
def work(served):
    """Run the jobs that are due."""
    runner = Runner(served.context, {"job": stages_for(served.context)["job"]})

    def run() -> None:
        while runner.run_one(("job",)):
            pass

    return run
