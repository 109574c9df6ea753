"""Children end with their supervisor, also when it is killed. Called first thing by `mneme api` and `mneme worker`."""

import ctypes
import os
import signal
import sys
import threading
import time

VARIABLE = "MNEME_SUPERVISOR"  # process id of the supervisor; also marks a process as a child of an embedded home
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent() -> None:
    """Make the kernel kill this process when its supervisor is gone; nothing to do for a process that has none.

    A kill is safe at any moment (every stage is), and nothing else is sure to end a process that hangs.
    """
    parent = int(os.environ.get(VARIABLE, "0"))
    if parent == 0:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True, name="parent-watch").start()
    if os.getppid() != parent:  # it went before the call
        os.kill(os.getpid(), signal.SIGKILL)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)
