"""An in-process index with an empty live collection, made once a process and copied: making one takes far longer.
With a fresh one for every test, more time went into reserving files than into tests.
"""

import os
from pathlib import Path

from app.index.edge import EdgeIndex
from app.inference.protocol import Encoder
from app.services.collections import next_name


def make(directory: Path, encoder: Encoder) -> Path:
    """The files of such an index, for an encoder; nobody may open them."""
    index = EdgeIndex(directory)
    index.ensure(next_name([], encoder.fingerprint), encoder.dimension)
    index.close()
    return directory


def copy(source: Path, target: Path) -> None:
    """Copy the files with their holes: the engine reserves 200 MB and writes to 400 KB of them."""
    for folder, _, names in os.walk(source):
        into = target / Path(folder).relative_to(source)
        into.mkdir(parents=True)
        for name in names:
            copy_sparse(Path(folder) / name, into / name)


def copy_sparse(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("wb") as write:
        size = os.fstat(read.fileno()).st_size
        write.truncate(size)
        place = 0
        while place < size:
            try:
                begin = os.lseek(read.fileno(), place, os.SEEK_DATA)
            except OSError:  # a hole up to the end
                break
            place = os.lseek(read.fileno(), begin, os.SEEK_HOLE)
            os.pwrite(write.fileno(), os.pread(read.fileno(), place - begin, begin), begin)
