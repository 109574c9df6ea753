"""Erasures in a file outside the database: one line of ids and times each. A database that is restored from an older
backup is brought up to it before it serves. Written after the erasure has committed, by gateways and workers.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

ERASURES = "erasures.log"  # in MNEME_HOME


class ErasureLog(Protocol):
    """Where erasures are noted."""

    def append(self, entry: Mapping[str, Any]) -> None:
        """Note one, durably."""

    def read(self) -> Iterator[dict[str, Any]]:
        """All that were noted, in order."""


class NoErasureLog:
    """Without a file (server mode: deploy/restore.sh takes them from an export)."""

    def append(self, entry: Mapping[str, Any]) -> None:
        """Nothing is kept."""

    def read(self) -> Iterator[dict[str, Any]]:
        """Nothing was kept."""
        return iter(())


class ErasureFile:
    """JSON lines in one file of mode 0600; a line is appended in one write, so that several processes may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, entry: Mapping[str, Any]) -> None:
        """Append and sync. A line that a crash has cut is ended first."""
        line = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode() + b"\n"
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self) -> Iterator[dict[str, Any]]:
        """All whole lines; what a crash has cut was written again at the next start."""
        if not self.path.exists():
            return
        for line in self.path.read_bytes().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and "id" in entry:
                yield entry


class ErasureList(ErasureFile):
    """A list that was made elsewhere: it is read only."""

    def append(self, entry: Mapping[str, Any]) -> None:
        """The list stays as it is."""


def erasure_log(path: Path | None) -> ErasureLog:
    """The log of this process."""
    return ErasureFile(path) if path is not None else NoErasureLog()
