"""A file on its way in, in pieces of whole lines: written by the gateway or a clone, read by the job, then removed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from app.domain.scope import UserScope
from app.storage.db import Connection

PIECE = 1_048_576  # bytes, as near as whole lines come to it


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines of a file; `first_line` counts from 1."""

    seq: int
    first_line: int
    lines: int
    data: bytes


def pieces(lines: Iterable[bytes]) -> Iterator[Piece]:
    """The lines, each with its end, gathered into pieces."""
    held: list[bytes] = []
    size, seq, first = 0, 0, 1
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= PIECE:
            yield Piece(seq, first, len(held), b"".join(held))
            seq, first, size = seq + 1, first + len(held), 0
            held = []
    if held:
        yield Piece(seq, first, len(held), b"".join(held))


def add(conn: Connection, scope: UserScope, job_id: UUID, piece: Piece) -> None:
    """Store a piece; one that is there already stays."""
    conn.execute(
        "INSERT INTO cube_files (job_id, seq, project_id, user_id, first_line, lines, data)"
        " VALUES (%s, %s, %s, %s, %s, %s, %b) ON CONFLICT DO NOTHING",
        (job_id, piece.seq, scope.project_id, scope.user_id, piece.first_line, piece.lines, piece.data),
    )


def get(conn: Connection, scope: UserScope, job_id: UUID, seq: int) -> Piece | None:
    """One piece; None after the last."""
    row = conn.execute(
        "SELECT seq, first_line, lines, data FROM cube_files WHERE job_id = %s AND seq = %s AND project_id = %s"
        " AND user_id = %s",
        (job_id, seq, scope.project_id, scope.user_id),
        binary=True,
    ).fetchone()
    return Piece(**row) if row else None


def total_lines(conn: Connection, scope: UserScope, job_id: UUID) -> int:
    """How many lines the file has."""
    row = conn.execute(
        "SELECT coalesce(sum(lines), 0) AS n FROM cube_files WHERE job_id = %s AND project_id = %s AND user_id = %s",
        (job_id, scope.project_id, scope.user_id),
    ).fetchone()
    return int(row["n"]) if row else 0


def remove(conn: Connection, scope: UserScope, job_id: UUID) -> None:
    """The file is not needed any more."""
    conn.execute(
        "DELETE FROM cube_files WHERE job_id = %s AND project_id = %s AND user_id = %s",
        (job_id, scope.project_id, scope.user_id),
    )
