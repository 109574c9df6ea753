"""Restarts after crashes, logs that stay small, and a listening socket that explains itself."""

import signal
import socket
import subprocess
import sys
import time

import pytest

from app.embedded import gateway, logs, stopping
from app.embedded.home import EmbeddedError
from app.embedded.part import LONGEST_PAUSE, Part

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]


def test_a_crashed_part_starts_again_after_a_growing_pause():
    lines = []
    part = Part("gateway", lambda: subprocess.Popen(SLEEP), stopping.PYTHON)
    part.run()
    first = part.process
    first.kill()
    first.wait()
    until = time.monotonic() + 5
    while part.process is first:
        part.check(lines.append)
        assert time.monotonic() < until
        time.sleep(0.01)
    assert lines == ["gateway ended (signal SIGKILL); it starts again in 0.2 s."]
    part.process.kill()
    part.process.wait()
    part.check(lines.append)
    assert "starts again in 0.4 s" in lines[1]
    assert part.crashes == 2


def test_a_part_that_cannot_be_started_again_is_tried_again():
    lines = []

    def fail():
        raise EmbeddedError("files are held")

    part = Part("postgres", fail, stopping.POSTGRES, process=subprocess.Popen([sys.executable, "-c", ""]))
    part.process.wait()
    until = time.monotonic() + 5
    while len(lines) < 3:
        part.check(lines.append)
        assert time.monotonic() < until
        time.sleep(0.01)
    assert "files are held" in lines[1]
    assert part.crashes == 3
    assert LONGEST_PAUSE < 10


def test_who_does_not_hear_is_killed_and_nobody_waits_for_the_others():
    deaf = subprocess.Popen(DEAF, stdout=subprocess.PIPE)
    with deaf.stdout as output:
        assert output.readline() == b"up\n"
    others = [subprocess.Popen(SLEEP) for _ in range(3)]
    began = time.monotonic()
    stopping.stop_together([deaf, *others], ((signal.SIGTERM, 0.5),))
    assert time.monotonic() - began < 3
    assert deaf.returncode == -signal.SIGKILL
    assert [p.returncode for p in others] == [-signal.SIGTERM] * 3


def test_stopping_everything_fits_into_ten_seconds():
    total = sum(seconds for asks in (stopping.PYTHON, stopping.VALKEY, stopping.POSTGRES) for _, seconds in asks)
    assert total < 10


def test_a_log_is_cut_under_its_writer(tmp_path):
    file = tmp_path / "gateway.log"
    with file.open("ab", buffering=0) as writer:
        writer.write(b"old\n" * 100)
        logs.trim(tmp_path, limit=50)
        assert file.stat().st_size == 0
        writer.write(b"new\n")
    assert file.read_bytes() == b"new\n"
    assert (tmp_path / "gateway.log.1").read_bytes() == b"old\n" * 100
    logs.trim(tmp_path, limit=50)
    assert file.read_bytes() == b"new\n"


def test_a_taken_port_and_a_strange_host_are_explained():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(EmbeddedError, match=r"in use.*MNEME_PORT"):
        gateway.listen("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(EmbeddedError, match="cannot listen"):
        gateway.listen("192.0.2.1", 0)


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "http://127.0.0.1:"), ("0.0.0.0", "http://127.0.0.1:")])
def test_the_address_is_one_that_callers_reach(host, shown):
    with gateway.listen(host, 0) as listener:
        assert gateway.address(listener).startswith(shown)
        assert not gateway.is_ready(gateway.address(listener), timeout=0.1)
