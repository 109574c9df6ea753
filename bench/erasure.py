"""How long the answer to an erasure takes: one session with so many turns, each with a memory of its own, over HTTP.

python bench/erasure.py [--turns 1000 10000]
"""

import argparse
import tempfile
import time
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from bench import scale_seed
from tests.support.instance import Instance


def erase(home: Path, turns: int) -> float:
    """Seconds until the session is gone from every route."""
    scale_seed.SESSION, scale_seed.MEMORY_EVERY = turns, 1
    said = scale_seed.pool(turns)
    instance = Instance(home)
    instance.start()
    instance.stop()
    with scale_seed.opened(home, said, seed=1) as store:
        store.add([("big", turns)], f"filling {turns:,} turns")
    instance.start()
    try:
        headers = {"Authorization": f"Bearer {instance.key}"}
        with httpx.Client(base_url=instance.url, headers=headers, timeout=600) as http:
            begin = time.perf_counter()
            http.delete("/v1/sessions/s0", params={"user_id": "big"}).raise_for_status()
            return time.perf_counter() - begin
    finally:
        instance.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, nargs="+", default=[1_000, 10_000])
    table = Table("turns", "seconds", "ms a turn")
    for turns in parser.parse_args().turns:
        with tempfile.TemporaryDirectory(prefix="mneme-erasure-") as folder:
            seconds = erase(Path(folder) / "home", turns)
        table.add_row(f"{turns:,}", f"{seconds:.2f}", f"{1e3 * seconds / turns:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
