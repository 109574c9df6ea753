"""The first start's project and admin key, kept in MNEME_HOME/api_key; later starts check that the file still fits."""

import re
import secrets
import string
from hashlib import sha256
from pathlib import Path

from app.clock import new_id, utc_now
from app.domain.access import KeyScope, StoredKey
from app.domain.scope import ProjectScope
from app.embedded.home import EmbeddedError, Home, write_private
from app.storage import bootstrap, keys
from app.storage.db import Database

ALPHABET = string.ascii_letters + string.digits
SECRET_LENGTH = 43  # of 62 letters and digits: 256 bits
ID_LENGTH = 12
FORM = re.compile(r"mneme_([A-Za-z0-9]+)_([A-Za-z0-9]+)", re.ASCII)


def ensure_key(home: Home, admin_dsn: str) -> bool:
    """Make sure that the key in the home's file opens the first project; true when the key was made just now.

    The file is written first: a start killed in between finds a key without a row and stores exactly that one.
    """
    made = not home.key_file.exists()
    if made:
        write_private(home.key_file, f"mneme_{_random(ID_LENGTH)}_{_random(SECRET_LENGTH)}\n")
    key_id, secret = _parse(home.key_file)
    _store(admin_dsn, key_id, secret)
    return made


def create_key(admin_dsn: str) -> str:
    """A new admin key of the first project, for a database of one's own (server mode); nobody else keeps it."""
    key_id, secret = _random(ID_LENGTH), _random(SECRET_LENGTH)
    _store(admin_dsn, key_id, secret)
    return f"mneme_{key_id}_{secret}"


def _store(admin_dsn: str, key_id: str, secret: str) -> None:
    database = Database(admin_dsn, size=1)
    database.open()
    try:
        with database.transaction(None) as connection:
            stored = keys.find(connection, key_id)
            if stored is None:
                project = ProjectScope(bootstrap.first_project(connection, new_id(), "default"))
                scopes = frozenset(scope.value for scope in KeyScope)
                key = StoredKey(
                    id=key_id,
                    project_id=project.project_id,
                    name="first",
                    secret_hash=sha256(secret.encode()).digest(),
                    scopes=scopes,
                    user_id=None,
                    session_id=None,
                    expires_at=None,
                    revoked_at=None,
                    last_used_at=None,
                    created_at=utc_now(),
                )
                keys.insert(connection, project, key)
    finally:
        database.close()


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _parse(file: Path) -> tuple[str, str]:
    match = FORM.fullmatch(file.read_text().strip())
    if match is None:
        raise EmbeddedError(f"{file} does not hold an API key. Remove it, and the next start makes a new one.")
    return match[1], match[2]
