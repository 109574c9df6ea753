"""Fixtures on the real stores and the real encoder, started once a run and only when a test asks for them.

What is heavy is imported where it is used, so that a test of a pure function starts in a moment.
"""

import gc
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from app.domain.scope import ProjectScope
from app.embedded.valkey import Valkey
from app.settings import Settings
from app.storage.db import Database
from tests.support.instance import Instance
from tests.support.stack import Store, running_postgres, running_valkey

# Where tests start processes of their own and wait for them.
SLOWEST_FIRST = ("embedded", "server", "workers", "cli", "crash")
DEFAULT_MODELS = Path(__file__).parents[1] / ".venv" / "mneme-models"
# Some machines switch the cache of compiled code off. Here hundreds of processes start from the same few files, and
# each would compile them (and pytest rewrite every assertion) anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Nothing here speaks TLS, and reading the machine's certificates for every HTTP client costs more than its requests.
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)
OURS = ("MNEME_", "DATABASE_", "MIGRATION_", "REDIS_", "QDRANT_", "EMBEDDING_", "LLM_")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest folders first, so that no process of a run in parallel ends alone with a long file."""

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        return SLOWEST_FIRST.index(folder) if folder in SLOWEST_FIRST else len(SLOWEST_FIRST)

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """What is loaded now lasts for the run: looking through it for cycles again and again costs a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """No setting of the developer's shell reaches a test; only the place of the exported models stays."""
    kept = {"MNEME_MODEL_DIR": os.environ.get("MNEME_MODEL_DIR", str(DEFAULT_MODELS))}
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith(OURS)]:
            patch.delenv(name)
        for name, value in kept.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Store]:
    """PostgreSQL, migrated: `app_dsn` (role mneme_app), `owner_dsn` (superuser), `app_password`."""
    with running_postgres() as store:
        yield store


@pytest.fixture(scope="session")
def database(postgres: Store) -> Iterator[Database]:
    """A pool as mneme_app."""
    database = Database(postgres.app_dsn, size=10)
    database.open()
    yield database
    database.close()


@pytest.fixture(scope="session")
def owner_database(postgres: Store) -> Iterator[Database]:
    """A pool past row security, to look at everything."""
    database = Database(postgres.owner_dsn, size=2)
    database.open()
    yield database
    database.close()


@pytest.fixture
def project(database: Database) -> ProjectScope:
    """A fresh project, so that tests never meet each other's rows."""
    return new_project(database)


def new_project(database: Database) -> ProjectScope:
    """A project of its own, for a fixture that lasts longer than a test."""
    scope = ProjectScope(uuid4())
    with database.transaction(scope) as connection:
        connection.execute("INSERT INTO projects (id, name) VALUES (%s, 'test')", (scope.project_id,))
    return scope


@pytest.fixture
def nothing_to_do(owner_database: Database) -> None:
    """An empty ledger: what other tests left undone would come first, and makes the pipeline look slow."""
    empty_ledger(owner_database)


def empty_ledger(owner_database: Database) -> None:
    """The same for a fixture that lasts longer than a test."""
    with owner_database.transaction(None) as connection:
        connection.execute("DELETE FROM work")


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    """A running Valkey, for tests that stop and start it."""
    with running_valkey() as server:
        yield server


@pytest.fixture(scope="session")
def valkey(valkey_server: Valkey) -> str:
    """Its URL, as REDIS_URL."""
    return valkey_server.url


@pytest.fixture(scope="session")
def model_dir(clean_environment: None) -> Path:
    """Where the encoder is exported, once for every run of this checkout."""
    from app.cli.model import is_exported  # noqa: PLC0415
    from app.inference.manifest import DEFAULT_MODEL  # noqa: PLC0415

    models = Path(os.environ["MNEME_MODEL_DIR"])
    if not is_exported(models, DEFAULT_MODEL):
        subprocess.run([sys.executable, "-m", "app.cli", "model", "export", "--directory", str(models)], check=True)
    return models


@pytest.fixture(scope="session")
def encoder(model_dir: Path):
    """The real encoder, as a serving process runs it."""
    from app.inference.select import load_encoder  # noqa: PLC0415

    encoder = load_encoder(Settings(mneme_model_dir=model_dir))
    yield encoder
    encoder.close()


@pytest.fixture(scope="session")
def index_files(encoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an index with an empty live collection, to be copied."""
    from tests.support.empty_index import make  # noqa: PLC0415

    return make(tmp_path_factory.mktemp("empty-index"), encoder)


@pytest.fixture
def edge_index(tmp_path: Path):
    """An empty in-process index."""
    from app.index.edge import EdgeIndex  # noqa: PLC0415

    index = EdgeIndex(tmp_path / "index")
    yield index
    index.close()


@pytest.fixture(scope="session")
def service(model_dir: Path) -> Iterator[Instance]:
    """A whole `mneme serve` in a process of its own: `url`, `key`, `home`."""
    directory = Path(tempfile.mkdtemp(prefix="mneme-test-"))
    instance = Instance(directory / "home")
    try:
        instance.start()
        yield instance
        instance.stop()
    finally:
        instance.end()
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def gateway(postgres: Store, model_dir: Path, tmp_path_factory: pytest.TempPathFactory):
    """The context of a gateway in this process, on the shared database, without Redis, with an index of its own."""
    from app.context import gateway_context  # noqa: PLC0415

    home = tmp_path_factory.mktemp("home")
    settings = Settings.model_validate(
        {"mneme_home": home, "mneme_model_dir": model_dir, "database_url": postgres.app_dsn}
    )
    context = gateway_context(settings)
    yield context
    context.close()


@pytest.fixture(scope="session")
def gateway_app(gateway):
    """Its ASGI app: putting the routes together takes longer than most tests."""
    from app.main import create_app  # noqa: PLC0415

    return create_app(gateway)


@pytest.fixture
def client(gateway, gateway_app, project: ProjectScope):
    """HTTP on an app in this process, with an admin key of a fresh project."""
    from starlette.testclient import TestClient  # noqa: PLC0415

    from app.clock import utc_now  # noqa: PLC0415
    from app.domain.access import KeyScope  # noqa: PLC0415
    from app.services.keys import KeyOrder, create  # noqa: PLC0415

    with gateway.db.transaction(project) as connection:
        _, token = create(connection, project, KeyOrder("test", frozenset(KeyScope)), utc_now())
    headers = {"Authorization": f"Bearer {token}"}
    with TestClient(gateway_app, headers=headers, raise_server_exceptions=False) as client:
        yield client
