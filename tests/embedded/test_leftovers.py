"""Servers that a killed instance left behind are found by executable and data directory, and ended."""

import os
import signal

import psutil
import pytest

from app.embedded import leftovers, stopping
from app.embedded.home import Home
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey, binary
from tests.support.stack import temporary_home


@pytest.fixture
def home():
    with temporary_home() as home:
        yield home
        leftovers.stop_leftovers(home, print)


def start(home: Home) -> Postgres:
    server = Postgres(home)
    server.prepare(home.secrets().admin_password)
    server.start(die_with_us=False)
    server.wait(30)
    return server


def backends(home: Home) -> list[psutil.Process]:
    return [p for p in psutil.process_iter() if leftovers._serves(p, home.data)]


def test_a_running_leftover_is_stopped_and_the_next_start_works(home):
    left = start(home)
    valkey = Valkey(home, binary(), left.account, home.secrets().valkey_password)
    valkey.start(die_with_us=False)
    valkey.wait(10)
    leftovers.stop_leftovers(home, print)
    assert left.process.wait(1) == 0
    assert valkey.process.wait(1) == 0
    again = start(home)
    stopping.stop(again.process, *stopping.POSTGRES)


def test_orphan_backends_of_a_killed_postmaster_are_ended(home):
    left = start(home)
    workers = [p for p in backends(home) if p.pid != left.process.pid]
    stuck = workers[0]
    stuck.suspend()  # a backend that cannot notice that its postmaster is gone
    left.process.kill()
    left.process.wait()
    leftovers.stop_leftovers(home, print)
    assert backends(home) == []
    assert not (home.data / "postmaster.pid").exists()
    again = start(home)
    stopping.stop(again.process, *stopping.POSTGRES)


def test_a_stale_pid_file_that_names_a_living_stranger_is_no_obstacle(home):
    first = start(home)
    lines = (home.data / "postmaster.pid").read_text().splitlines()
    stopping.stop(first.process, *stopping.POSTGRES)
    lines[0] = str(os.getppid())
    (home.data / "postmaster.pid").write_text("\n".join(lines) + "\n")
    leftovers.stop_leftovers(home, print)
    again = start(home)
    stopping.stop(again.process, *stopping.POSTGRES)


def test_servers_of_another_home_are_left_alone(home):
    with temporary_home() as other:
        neighbour = start(other)
        leftovers.stop_leftovers(home, print)
        assert neighbour.process.poll() is None
        neighbour.process.send_signal(signal.SIGINT)
        assert neighbour.process.wait(10) == 0


def test_a_server_ends_with_the_process_that_started_it(home):
    pid = os.fork()
    if pid == 0:
        start_and_die(home)
    os.waitpid(pid, 0)
    alive = psutil.wait_procs(backends(home), timeout=10)[1]
    assert not alive


def start_and_die(home: Home) -> None:
    server = Postgres(home)
    server.prepare(home.secrets().admin_password)
    server.start()
    server.wait(30)
    os.kill(os.getpid(), signal.SIGKILL)
