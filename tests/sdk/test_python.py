"""openapi-python-client reads the contract without a warning, and the client that it writes drives a live server."""

import importlib
import subprocess
import sys
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest

PACKAGE = "mneme_client"
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def generated(contract, tool_path, tmp_path_factory) -> Path:
    """The folder with the generated package; a warning of the generator fails here."""
    folder = tmp_path_factory.mktemp("sdk")
    command = [BIN / "openapi-python-client", "generate", "--path", contract, "--meta", "none"]
    command += ["--output-path", folder / PACKAGE, "--fail-on-warning"]
    done = subprocess.run(command, cwd=folder, env=tool_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()
    return folder


@pytest.fixture(scope="module")
def sdk(generated) -> SimpleNamespace:
    """The generated package: its client classes, models, and operations by operation id."""
    sys.path.insert(0, str(generated))
    try:
        operations = {
            path.stem: importlib.import_module(f"{PACKAGE}.api.{path.parent.name}.{path.stem}")
            for path in sorted((generated / PACKAGE / "api").glob("*/*.py"))
            if path.stem != "__init__"
        }
        client = importlib.import_module(f"{PACKAGE}.client")
        models = importlib.import_module(f"{PACKAGE}.models")
        yield SimpleNamespace(client=client, models=models, **operations)
    finally:
        sys.path.remove(str(generated))


@pytest.fixture
def client(sdk, service):
    with sdk.client.AuthenticatedClient(base_url=service.url, token=service.key, timeout=30) as client:
        yield client


def test_every_module_of_the_package_can_be_imported(generated, sdk):
    written = [p for p in (generated / PACKAGE).rglob("*.py") if p.stem != "__init__"]
    assert len(written) > 40
    for path in written:
        importlib.import_module(".".join(path.relative_to(generated).with_suffix("").parts))


def test_an_app_can_live_on_the_generated_client(sdk, client):
    models, user = sdk.models, f"sdk-{uuid.uuid4().hex[:8]}"

    def turn(content: str):
        return models.EventIn(user_id=user, session_id="s1", role=models.Role.USER, content=content, name="Anna")

    body = models.EventsRequest(events=[turn("My favourite colour is green."), turn("I have a dog called Rex.")])
    sent = sdk.events_create.sync_detailed(
        client=client, body=body, wait=models.WaitFor.PROCESSED, timeout=30.0, idempotency_key=uuid.uuid4().hex
    )
    assert sent.status_code == 200
    assert sent.parsed.accepted == 2
    assert {item.state for item in sent.parsed.items} == {models.EventState.PROCESSED}

    found = sdk.recall.sync(client=client, body=models.RecallRequest(user_id=user, query="What is my dog called?"))
    assert "Rex" in found.items[0].text
    assert "Rex" in found.context.text

    listed = sdk.memories_list.sync(client=client, user_id=user)
    colour = next(memory for memory in listed.items if "green" in memory.text)
    assert colour.sources[0].session_id == "s1"

    deleted = sdk.memories_delete.sync_detailed(client=client, memory_id=colour.id)
    assert deleted.status_code in {200, 204}
    left = sdk.memories_list.sync(client=client, user_id=user)
    assert colour.id not in {memory.id for memory in left.items}


def test_an_error_arrives_as_a_typed_problem(sdk, client):
    models = sdk.models
    event = models.EventIn(user_id="not/an/id", session_id="s1", role=models.Role.USER, content="Hello.")
    refused = sdk.events_create.sync_detailed(client=client, body=models.EventsRequest(events=[event]))
    assert refused.status_code == 422
    assert isinstance(refused.parsed, models.Problem)
    assert refused.parsed.status == 422
    assert refused.parsed.errors[0].pointer == "/events/0/user_id"
    unknown = sdk.memories_get.sync_detailed(client=client, memory_id=uuid.uuid4())
    assert unknown.status_code == 404
    assert isinstance(unknown.parsed, models.Problem)
    assert unknown.parsed.code == "not_found"
