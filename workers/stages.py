"""Which stage runs which kind of work in this process. With the index in a server, workers write to it too."""

from app.context import ProcessContext
from app.domain.work import WorkKind
from app.ledger import erasing, jobs
from app.ledger.jobs import JobHandler
from app.ledger.runner import Stage
from workers.consolidate.asleep import run as wake
from workers.consolidate.stage import run as consolidate
from workers.extract.stage import run as extract
from workers.index.stage import STAGES as INDEX_STAGES
from workers.lifecycle.decay import run as decay
from workers.lifecycle.evolve import run as evolve
from workers.lifecycle.rollback_all import run as rollback
from workers.lifecycle.sleep import run as sleep
from workers.lifecycle.tidy import run as tidy
from workers.maintain import cubes
from workers.maintain.backup import run as backup

JOB_SECONDS = 3_600.0  # a slice of a job takes seconds, but for a backup, which is one

HANDLERS: dict[str, JobHandler] = {  # by the kind of job
    "backup": backup,
    "clone": cubes.clone,
    "decay": decay,
    "erase": erasing.run,
    "fuse": cubes.fuse,
    "import": cubes.import_file,
    "rollback": rollback,
    "sleep": sleep,
}


def stages_for(context: ProcessContext) -> dict[str, Stage]:
    """The stages of a worker; those of the index belong to the gateway when the index is inside it."""
    stages = {
        WorkKind.EXTRACT.value: Stage(extract),
        WorkKind.EVOLVE.value: Stage(evolve),
        WorkKind.TIDY.value: Stage(lambda context, item, _lease: tidy(context, item)),
        WorkKind.WAKE.value: Stage(lambda context, item, _lease: wake(context, item)),
        WorkKind.JOB.value: Stage(jobs.runner(HANDLERS), deadline=JOB_SECONDS),
        WorkKind.CONSOLIDATE.value: Stage(lambda context, item, _lease: consolidate(context, item)),
    }
    return stages | INDEX_STAGES if context.index is not None else stages
