"""Both adapters behind one fixture; the server adapter talks to the test-support server over HTTP."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from app.index.edge import EdgeIndex
from app.index.protocol import MemoryIndex
from app.index.server import ServerIndex
from tests.support.empty_index import copy
from tests.support.index_oracle import DIMENSION
from tests.support.qdrant_server import serve

KEY = "test-key"


@contextmanager
def serving(root, port=0):
    """The address of a running test-support server."""
    server = serve(port, root, KEY)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        server.RequestHandlerClass.collections.close()


@contextmanager
def stored(adapter: str, directory: Path) -> Iterator[MemoryIndex]:
    """An index without collections that keeps its files in `directory`."""
    if adapter == "edge":
        index: MemoryIndex = EdgeIndex(directory / "edge")
        yield index
        index.close()
        return
    with serving(directory / "qdrant") as url:
        index = ServerIndex(url, api_key=KEY)
        yield index
        index.close()


@pytest.fixture
def edge(tmp_path) -> Iterator[MemoryIndex]:
    with stored("edge", tmp_path) as index:
        yield index


@pytest.fixture
def server(tmp_path) -> Iterator[MemoryIndex]:
    with stored("server", tmp_path) as index:
        yield index


@pytest.fixture(params=["edge", "server"])
def index(request) -> MemoryIndex:
    """A store without collections."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def collection_files(tmp_path_factory) -> Path:
    """The files of an empty collection in process: copying them is quicker than making one for every test."""
    directory = tmp_path_factory.mktemp("empty")
    index = EdgeIndex(directory)
    index.ensure("mneme_test_1", DIMENSION)
    index.close()
    return directory / "mneme_test_1"


@pytest.fixture
def collection(index, tmp_path, collection_files) -> str:
    """An empty collection of `index`."""
    if isinstance(index, EdgeIndex):
        copy(collection_files, tmp_path / "edge" / "mneme_test_1")
    index.ensure("mneme_test_1", DIMENSION)
    return "mneme_test_1"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240501)
