"""Under which account the servers run. PostgreSQL refuses to be root, so root starts them as an unprivileged account.

The home (0700, root's) and the binaries may lie where that account cannot go. No directory is ever widened for it: the
server gets the one capability that lets it pass (`setpriv` of util-linux), and nothing else of root.
"""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.embedded.home import EmbeddedError

# Bits of CapEff in /proc/self/status (linux/capability.h). The first only reads and searches; containers often lack it.
CAPABILITIES = (("dac_read_search", 2), ("dac_override", 1))
CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged account of the machine."""

    uid: int
    gid: int


def service_account(data: Path) -> Account | None:
    """None for an ordinary user (servers run as that user); for root, the owner of `data`, or an account to own it."""
    if os.geteuid() != 0:
        if data.exists() and data.stat().st_uid != os.geteuid():
            raise EmbeddedError(f"{data} belongs to another user. Start Mneme as that user, or set another MNEME_HOME.")
        return None
    if data.exists():
        status = data.stat()
        if status.st_uid == 0:
            raise EmbeddedError(
                f"{data} belongs to root, and PostgreSQL does not run as root. "
                "Restore its owner, or set another MNEME_HOME."
            )
        return Account(status.st_uid, status.st_gid)
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(
        "PostgreSQL does not run as root, and there is neither an account `postgres` nor `nobody`. "
        "Start Mneme as an ordinary user."
    )


def give(path: Path, account: Account | None) -> None:
    """Hand a file or directory that we have just made to the account."""
    if account is not None:
        os.chown(path, account.uid, account.gid)


def command(
    argv: list[str], account: Account | None, *, reach: tuple[Path, ...], death_signal: str | None
) -> list[str]:
    """`argv` as it must be executed: as `account`, able to reach the paths, ended with us where Linux can do that.

    setpriv replaces itself by the program, so the process id is the program's own.
    """
    setpriv = shutil.which("setpriv")
    prefix: list[str] = []
    if death_signal is not None and setpriv is not None and _knows_death_signal(setpriv):
        prefix += ["--pdeathsig", death_signal]
    if account is not None:
        if setpriv is None:
            raise EmbeddedError(
                "as root, Mneme needs `setpriv` (package util-linux) to start PostgreSQL as an unprivileged account. "
                "Install it, or start Mneme as an ordinary user."
            )
        prefix += ["--reuid", str(account.uid), "--regid", str(account.gid), "--clear-groups"]
        if not all(_reachable(path, account) for path in (Path(argv[0]), *reach)):
            capability = _capability()
            prefix += ["--inh-caps", f"+{capability}", "--ambient-caps", f"+{capability}"]
            # Without this bit access(2) forgets capabilities, and initdb asks it about its own binary.
            prefix += ["--securebits", "+no_setuid_fixup"]
    return [setpriv, *prefix, "--", *argv] if setpriv and prefix else argv


def _reachable(path: Path, account: Account) -> bool:
    """Whether the account may pass through every directory above `path` and read `path` itself."""
    resolved = path.resolve()
    return all(_permitted(part, account, bit) for part, bit in [(resolved, 5), *((p, 1) for p in resolved.parents)])


def _permitted(path: Path, account: Account, bits: int) -> bool:
    if not path.exists():
        return True
    status = path.stat()
    if status.st_uid == account.uid:
        return status.st_mode >> 6 & bits == bits
    if status.st_gid == account.gid:
        return status.st_mode >> 3 & bits == bits
    return status.st_mode & bits == bits


def _capability() -> str:
    lines = Path("/proc/self/status").read_text().splitlines()
    effective = int(next(line.split()[1] for line in lines if line.startswith("CapEff:")), 16)
    for name, bit in CAPABILITIES:
        if effective >> bit & 1:
            return name
    raise EmbeddedError(
        "this root has no capability (dac_read_search or dac_override) for PostgreSQL, whose account "
        "cannot reach the home or the installation. Start Mneme as an ordinary user, or keep both where every "
        "account may pass."
    )


@cache
def _knows_death_signal(setpriv: str) -> bool:
    answer = subprocess.run([setpriv, "--help"], capture_output=True, text=True, check=False)  # noqa: S603 - a fixed program
    return "--pdeathsig" in answer.stdout
