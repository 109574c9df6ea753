"""Logs of the children stay small: one older copy is kept. The children append, so a file can be cut under them."""

import shutil
from pathlib import Path

LIMIT = 16 * 1024 * 1024  # bytes; with the older copy and four children at most 128 MiB on disk


def trim(directory: Path, limit: int = LIMIT) -> None:
    """Move the content of every log past the limit to `<name>.log.1`, replacing what was there."""
    for file in directory.glob("*.log"):
        if file.stat().st_size > limit:
            shutil.copyfile(file, file.with_suffix(".log.1"))
            with file.open("r+b") as stream:
                stream.truncate()


def tail(file: Path, lines: int = 12) -> str:
    """The last lines, for a message about a failed start."""
    try:
        return "\n".join(file.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
