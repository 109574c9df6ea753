"""What only the server adapter must do: its errors, aliases, and the client's local mode as a second opinion."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from app.domain.scope import UserScope
from app.index.protocol import IndexQuery, IndexUnavailableError
from app.index.server import ServerIndex, _ServerErrors
from tests.support import index_oracle as oracle
from tests.support.index_oracle import DIMENSION, Oracle

NAME = "mneme_test_1"
ALICE = UserScope(UUID(int=1), "alice")
SCRIPT = Path(__file__).parents[1] / "support" / "qdrant_server.py"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_nobody_listens():
    index = ServerIndex(f"http://127.0.0.1:{free_port()}", api_key="x")
    with pytest.raises(IndexUnavailableError):
        index.collections()
    index.close()


def test_a_silent_server_is_given_up_after_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = ServerIndex(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=1)
        with pytest.raises(IndexUnavailableError):
            index.count(NAME)
        index.close()


def test_a_wrong_key_and_an_inner_error_are_unavailability(server, rng):
    server.ensure(NAME, DIMENSION)
    url = server._client._client.rest_uri
    stranger = ServerIndex(url, api_key="wrong")
    with pytest.raises(IndexUnavailableError, match="401"):
        stranger.collections()
    stranger.close()
    with pytest.raises(IndexUnavailableError, match="500"):  # the engine refuses another dimension
        server.search(NAME, IndexQuery(ALICE, dense=oracle.dense(rng)[:5]))


def test_our_own_mistake_is_not_called_unavailability(server):
    server.ensure(NAME, DIMENSION)
    with pytest.raises(UnexpectedResponse, match="400"), _ServerErrors():
        server._client.count(NAME, count_filter=models.Filter(must=[models.HasVectorCondition(has_vector="dense")]))


def test_an_alias_moves_in_one_step(server, rng):
    server.ensure("a_1", DIMENSION)
    server.ensure("a_2", DIMENSION)
    server.upsert("a_2", ALICE, [oracle.point(rng)])
    server.point_alias("live", "a_1")
    assert (server.aliases(), server.count("live")) == ({"live": "a_1"}, 0)
    server.point_alias("live", "a_2")
    assert (server.aliases(), server.count("live")) == ({"live": "a_2"}, 1)
    server.drop("a_2")
    assert server.aliases() == {}


def test_ensure_completes_what_an_interrupted_one_left(server):
    server._create(NAME, DIMENSION)  # died before the payload indexes
    server.ensure(NAME, DIMENSION)
    found = server._client.get_collection(NAME)
    assert {"tenant", "kind", "session", "agent", "type", "status", "occurred", "live_from", "live_until"} == set(
        found.payload_schema
    )


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect", "ignore:Local mode performs exact")
def test_the_clients_local_mode_agrees(rng):
    """A third implementation of the same calls; it knows `idf.corpus`, and has no payload indexes to check."""
    index = ServerIndex(client=QdrantClient(":memory:"))
    index.ensure(NAME, DIMENSION)
    known = Oracle()
    for scope in (ALICE, UserScope(uuid4(), "alice")):
        points = [oracle.point(rng) for _ in range(150)]
        index.upsert(NAME, scope, points)
        known.write(scope, points)
    query = IndexQuery(
        ALICE, dense=oracle.dense(rng), text=oracle.question(rng), window=oracle.question(rng), limit=500
    )
    hits = oracle.by_signal(index.search(NAME, query))
    for signal_, expected in known.search(query).items():
        found = {identity: scores[signal_] for identity, scores in hits.items() if signal_ in scores}
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)
    index.delete_user(NAME, ALICE)
    assert (index.count(NAME, ALICE), index.count(NAME)) == (0, 150)
    index.close()


def test_the_support_server_as_a_program_keeps_data_over_a_kill(tmp_path, rng):
    points = [oracle.point(rng) for _ in range(100)]
    for round_ in range(2):
        command = [sys.executable, str(SCRIPT), "--port", "0", "--dir", str(tmp_path), "--api-key", "k"]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd="/") as program:
            try:
                index = ServerIndex(program.stdout.readline().split()[-1], api_key="k")
                index.ensure(NAME, DIMENSION)
                if round_ == 0:
                    index.upsert(NAME, ALICE, points)
                    index.point_alias("live", NAME)
                assert index.count("live") == 100
                index.close()
            finally:
                program.send_signal(signal.SIGKILL if round_ == 0 else signal.SIGTERM)
        assert program.returncode == (-signal.SIGKILL if round_ == 0 else 0)
