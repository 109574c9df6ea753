"""A cube at the gateway: what is checked before a file is accepted, and how it is kept for its job."""

from hashlib import sha256
from itertools import islice
from typing import IO
from uuid import UUID

from app.domain.cube_check import Columns, too_long
from app.domain.cubes import LINE_LIMIT
from app.domain.scope import UserScope
from app.errors import InvalidInputError
from app.services.cube_import import Reading, check_frame, check_lines
from app.storage import cube_files, cube_tables
from app.storage.db import Connection

FIRST_PIECES = 2  # that the gateway checks whole, about 2 MB: checking computes, and the job checks all of them


def needed(conn: Connection) -> tuple[Columns, bytes | None]:
    """What a check needs to know: the fields of each kind, and the installation's key."""
    return cube_tables.columns(conn), cube_tables.signing_key(conn)


def check(file: IO[bytes], columns: Columns, key: bytes | None) -> None:
    """Raises InvalidInputError for a file that is cut, changed, not ours to read, or wrong in its first lines."""
    file.seek(0)
    digest = sha256()
    first = last = b""
    number = 0
    while line := file.readline(LINE_LIMIT + 2):
        number += 1
        if errors := too_long(number, len(line.rstrip(b"\n"))):
            raise InvalidInputError("The file is not a cube.", errors=tuple(errors))
        first = first or line
        digest.update(last)
        last = line
    check_frame(first, last, digest.digest(), key)
    file.seek(0)
    reading = Reading()
    for piece in islice(cube_files.pieces(file), FIRST_PIECES):
        if errors := check_lines(piece, columns, reading):
            raise InvalidInputError("Some lines cannot be taken; `errors` says where.", errors=tuple(errors))


def keep(conn: Connection, scope: UserScope, job_id: UUID, file: IO[bytes]) -> None:
    """Store the file in pieces, beside its job."""
    file.seek(0)
    for piece in cube_files.pieces(file):
        cube_files.add(conn, scope, job_id, piece)
