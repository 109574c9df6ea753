"""Backups of the embedded database: one tar file with a manifest and what `pg_dump` writes, all of one moment.

The index is not in it (PostgreSQL fills it), nor are passwords and API keys of the home.
"""

import hashlib
import json
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from app.clock import utc_now
from app.embedded import leftovers, stopping
from app.embedded.home import EmbeddedError, Home
from app.embedded.logs import tail
from app.embedded.postgres import ADMIN, DATABASE, PORT, Postgres, binaries, environment
from app.settings import Settings
from app.storage import dumping

FORMAT = 1
MANIFEST, DUMP = "manifest.json", "database.dump"
DERIVED = frozenset({"index_collections"})  # the index is made anew, and so are its rows
START_SECONDS = 120.0  # for PostgreSQL to recover on a slow machine
PIECE = 1 << 20  # bytes

Report = Callable[[int, int], None]  # tables done, tables in all


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in a backup. `sha256` and `size` are those of the dump."""

    format: int
    revision: str
    created_at: str
    rows: dict[str, int]
    sha256: str
    size: int


def write(settings: Settings, file: Path, report: Report) -> Manifest:
    """Back the database of MNEME_HOME up to `file`, whole or not at all; raises EmbeddedError."""
    if settings.database_url is not None:
        raise EmbeddedError("DATABASE_URL is set: back up a database of your own with deploy/backup.sh")
    if file.exists():
        raise EmbeddedError(f"{file} is there already")
    home = Home.open(settings.mneme_home)
    dump, part = home.path / "backup.dump", file.with_name(f".{file.name}.part")
    try:
        with running(home) as server, dumping.view(admin_dsn(server)) as seen:
            dump.touch(mode=0o600)
            arguments = ["--format=custom", f"--snapshot={seen.snapshot}", f"--file={dump}", "--verbose"]
            arguments += [f"--exclude-table-data=public.{name}" for name in DERIVED]
            rows = {name: n for name, n in seen.rows.items() if name not in DERIVED}
            run_tool(server, "pg_dump", [*arguments, DATABASE], "dumping contents of table", report, len(rows))
        digest, size = digest_of(dump)
        manifest = Manifest(FORMAT, seen.revision, utc_now().isoformat(), rows, digest, size)
        _pack(part, manifest, dump)
        part.replace(file)
    finally:
        dump.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
    return manifest


def read(file: Path, dump: Path) -> Manifest:
    """Take a backup apart: the dump goes to `dump`. Raises EmbeddedError for what is no whole backup."""
    try:
        with tarfile.open(file, "r:") as packed:
            manifest = Manifest(**json.loads(_member(packed, MANIFEST).read()))
            dump.touch(mode=0o600)
            with dump.open("wb") as target, _member(packed, DUMP) as source:
                while piece := source.read(PIECE):
                    target.write(piece)
    except (OSError, tarfile.TarError, ValueError, TypeError, KeyError) as error:
        raise EmbeddedError(f"{file} is no backup of `mneme backup`: {error}") from error
    if manifest.format != FORMAT:
        raise EmbeddedError(f"{file} is of format {manifest.format}; this version reads {FORMAT}")
    if digest_of(dump) != (manifest.sha256, manifest.size):
        raise EmbeddedError(f"{file} is damaged: its content does not match its manifest")
    return manifest


@contextmanager
def running(home: Home) -> Iterator[Postgres]:
    """The home's PostgreSQL: that of the service which runs, or one that is started for the time of the block."""
    server = Postgres(home)
    if (home.data / "postmaster.pid").exists() and home.address_file.exists():
        server.sockets = home.run.resolve()
        yield server
        return
    if not (home.data / "PG_VERSION").exists():
        raise EmbeddedError(f"there is no database in {home.path}")
    with home.locked():
        leftovers.stop_leftovers(home, lambda _text: None)
        with started(server, home) as ready:
            yield ready


@contextmanager
def started(server: Postgres, home: Home) -> Iterator[Postgres]:
    """This server, started alone under the home's lock, which the caller holds; made first where there is none."""
    server.prepare(home.secrets().admin_password)
    process = server.start()
    try:
        server.wait(START_SECONDS)
        yield server
    finally:
        stopping.stop(process, *stopping.POSTGRES)
        server.release()


def admin_dsn(server: Postgres) -> str:
    """As the superuser, who sees all rows."""
    return server.dsn(ADMIN, server.home.secrets().admin_password)


def run_tool(  # noqa: PLR0913, PLR0917 - a program, and how its progress shows
    server: Postgres, name: str, arguments: Sequence[str], mark: str, report: Report, total: int
) -> None:
    """Run a program of PostgreSQL against the server; a line with `mark` is one table. Raises EmbeddedError."""
    program = binaries() / "bin" / name
    where = [f"--host={server.sockets}", f"--port={PORT}", f"--username={ADMIN}", "--no-password"]
    secret = {"PGPASSWORD": server.home.secrets().admin_password}
    log = server.home.log(name)
    done = 0
    with (
        log.open("w") as kept,
        subprocess.Popen(  # noqa: S603 - our own binary
            [str(program), *where, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=environment() | secret,
        ) as process,
    ):
        for line in process.stderr or ():
            kept.write(line)
            if mark in line:
                done += 1
                report(min(done, total), total)
    if process.returncode != 0:
        raise EmbeddedError(f"{name} failed. The end of {log}:\n{tail(log)}")
    log.unlink()


def digest_of(file: Path) -> tuple[str, int]:
    """SHA-256 and size."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while piece := stream.read(PIECE):
            digest.update(piece)
    return digest.hexdigest(), file.stat().st_size


def _pack(part: Path, manifest: Manifest, dump: Path) -> None:
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    about = dump.with_name("backup.json")
    try:
        about.write_text(json.dumps(asdict(manifest), indent=1, sort_keys=True) + "\n")
        with os.fdopen(descriptor, "wb") as stream:
            with tarfile.open(fileobj=stream, mode="w") as packed:
                packed.add(about, MANIFEST)
                packed.add(dump, DUMP)
            stream.flush()
            os.fsync(stream.fileno())
    finally:
        about.unlink(missing_ok=True)


def _member(packed: tarfile.TarFile, name: str) -> IO[bytes]:
    found = packed.extractfile(name)
    if found is None:
        raise KeyError(name)
    return found
