"""How long `mneme serve` takes to be ready, the first and the second time, and what each process holds in memory.

python bench/start.py                 a temporary instance, started twice
python bench/start.py --memory HOME   resident memory of the instance that runs on HOME
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.support.instance import Instance, leftovers, part_of


def seconds_to_ready(instance: Instance) -> float:
    """Start it and measure until /health/ready is 200."""
    began = time.perf_counter()
    instance.start()
    return time.perf_counter() - began


def memory(processes: list[psutil.Process], supervisor: int) -> dict[str, tuple[int, int]]:
    """Resident and private (unique) bytes by part; shared pages of PostgreSQL count once in the second."""
    found: dict[str, tuple[int, int]] = {}
    for process in processes:
        part = part_of(process, supervisor)
        resident, unique = found.get(part, (0, 0))
        full = process.memory_full_info()
        found[part] = (resident + full.rss, unique + full.uss)
    return found


def report(found: dict[str, tuple[int, int]]) -> None:
    """A table in MB."""
    print(f"{'process':12} {'resident MB':>12} {'private MB':>12}")
    for part, (resident, unique) in sorted(found.items()):
        print(f"{part:12} {resident / 1e6:12.0f} {unique / 1e6:12.0f}")


def start_twice() -> None:
    """The run without arguments."""
    directory = Path(tempfile.mkdtemp(prefix="mneme-bench-"))
    instance = Instance(directory / "home")
    try:
        print(f"first start   {seconds_to_ready(instance):6.2f} s (encoder exported before)")
        print(f"stop          {instance.stop():6.2f} s")
        print(f"second start  {seconds_to_ready(instance):6.2f} s")
        report(memory([p for group in instance.parts().values() for p in group], instance.process.pid))
        print(f"stop          {instance.stop():6.2f} s")
    finally:
        instance.end()
        shutil.rmtree(directory, ignore_errors=True)


def main() -> int:
    """Choose by the arguments."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--memory", type=Path, metavar="HOME")
    chosen = options.parse_args()
    if chosen.memory is None:
        start_twice()
    else:
        processes = [p for p in leftovers(chosen.memory) if p.pid != psutil.Process().ppid()]
        supervisor = next((p.pid for p in processes if "serve" in p.cmdline()), 0)
        report(memory(processes, supervisor))
    return 0


if __name__ == "__main__":
    sys.exit(main())
