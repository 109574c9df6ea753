"""Files that commands write: for their owner alone, since they hold what people have said; whole, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def written(file: Path) -> Iterator[IO[bytes]]:
    """A file beside `file` that takes its place when the block has ended well."""
    part = file.with_name(file.name + ".part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
            yield target
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
