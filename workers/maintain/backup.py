"""The handler of jobs of kind `backup`: the whole database of the embedded stack in a file under MNEME_HOME/backups, by
`mneme backup` in a process of its own. The file appears under its name when it is whole, so a run that was killed
begins anew, and one that was only not noted is found done.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from app.context import ProcessContext
from app.domain.job import Slice
from app.domain.scope import ProjectScope
from app.errors import MnemeError
from app.ledger.lease import Lease
from app.storage import job_progress
from app.storage.jobs import Job

FOLDER = "backups"
OF_SERVER = ("DATABASE_URL", "REDIS_URL", "QDRANT_URL")  # by which a command would take the stores for its own


class BackupFailedError(MnemeError):
    """The file could not be written; the message says why."""

    code = "backup_failed"


def run(context: ProcessContext, scope: ProjectScope, job: Job, lease: Lease) -> Slice:
    """Write the file; all of it is one slice."""
    folder = context.settings.mneme_home / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / f"{job.created_at:%Y%m%dT%H%M%SZ}-{job.id}.mneme"
    told: dict[str, Any] = {}
    if not file.exists():
        told = _write(context, scope, job, lease, file)
    counts = {"file": f"{FOLDER}/{file.name}", "bytes": file.stat().st_size, **told}
    total = told.get("tables", job.total or 0)
    return Slice(total, total, counts, {}, finished=True)


def _write(context: ProcessContext, scope: ProjectScope, job: Job, lease: Lease, file: Path) -> dict[str, Any]:
    """Tables, rows and revision of what the command wrote."""
    environment = {name: value for name, value in os.environ.items() if name not in OF_SERVER}
    command = [sys.executable, "-m", "app.cli", "backup", str(file), "--lines"]
    told: dict[str, Any] = {}
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(  # noqa: S603 - our own command
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        is_over = False
        try:
            for line in process.stdout or ():
                lease.check()
                told = json.loads(line)
                if "done" in told:
                    with context.db.transaction(scope) as conn:
                        job_progress.reached(conn, scope, job.id, told["done"], told["total"])
            is_over = True
        finally:
            if not is_over:
                process.kill()
        process.wait()
        errors.seek(0)
        error = errors.read()
    if process.returncode:
        raise BackupFailedError(error.strip()[-500:])
    return told
