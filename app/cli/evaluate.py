"""`mneme eval`: measure a memory on LoCoMo, LongMemEval, scenarios or generated conversations, without a judge."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from app.cli.client import Service, find_key, running_url
from app.cli.console import errors, out, progress
from app.cli.demo import temporary_service
from app.cli.failure import CommandError
from app.cli.model import ensure_model
from app.evaluation import ablation, curves, report, suites
from app.evaluation.baseline import Bm25
from app.evaluation.dataset import OVERALL
from app.evaluation.from_file import Results
from app.evaluation.over_http import Mneme
from app.evaluation.report import Report
from app.evaluation.running import Advance, Step, feed
from app.evaluation.suites import Suite
from app.evaluation.systems import System
from app.settings import Settings

commands = typer.Typer(help="Measure a memory on data with known evidence.", no_args_is_help=True)

Data = Annotated[Path, typer.Option("--data", help="The data set's file.", exists=True, dir_okay=False)]
Limit = Annotated[int | None, typer.Option(help="Items a recall asks for (20; longmemeval 100).", min=1, max=100)]
Questions = Annotated[int | None, typer.Option(help="Ask at most so many, spread over the data.", min=1)]
Suffix = Annotated[str, typer.Option(help="Added to ids of users and events: a run of its own on the same service.")]
Out = Annotated[Path | None, typer.Option(help="Write all figures to this JSON file.")]
Curve = Annotated[
    Path | None, typer.Option(help="Measure evidence in context for budgets of 100 to 4000 tokens; plot it here.")
]
Which = Annotated[str, typer.Option("--system", help="mneme, bm25, or file:PATH with another system's results.")]
Ablate = Annotated[bool, typer.Option("--ablate", help="Also ask with each recall weight of the policy at 0.")]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run is to do beside measuring."""

    system: str
    out: Path | None
    curve: Path | None
    ablate: bool


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(commands, name="eval")


@commands.callback()
def group() -> None:
    """Measure a memory on data with known evidence. Nothing is judged by a model."""


@commands.command("locomo")
def locomo(  # noqa: PLR0913, PLR0917 - a command's options are its parameters
    data: Data,
    limit: Limit = None,
    questions: Questions = None,
    suffix: Suffix = "",
    out: Out = None,
    curve: Curve = None,
    system: Which = "mneme",
    ablate: Ablate = False,
) -> None:
    """Evidence turns of LoCoMo (locomo10.json): recall, hit, NDCG by category; adversarial questions refused."""
    suite = suites.of_locomo(data, suffix=suffix, limit=limit, questions=questions)
    evaluate(suite, Wanted(system, out, curve, ablate))


@commands.command("longmemeval")
def longmemeval(  # noqa: PLR0913, PLR0917 - options, as those of `locomo`
    data: Data,
    limit: Limit = None,
    questions: Questions = None,
    user_turns_only: Annotated[
        bool, typer.Option("--user-turns-only", help="Send what the official corpus holds: no assistant turns.")
    ] = False,
    suffix: Suffix = "",
    out: Out = None,
    curve: Curve = None,
    system: Which = "mneme",
    ablate: Ablate = False,
) -> None:
    """Sessions and turns of LongMemEval (S, M or oracle) by its official definition, and by ours over all turns."""
    suite = suites.of_longmemeval(
        data, suffix=suffix, limit=limit, questions=questions, user_turns_only=user_turns_only
    )
    evaluate(suite, Wanted(system, out, curve, ablate))


@commands.command("scenarios")
def scenarios(  # noqa: PLR0913, PLR0917 - options, as those of `locomo`
    data: Data,
    limit: Limit = None,
    questions: Questions = None,
    suffix: Suffix = "",
    out: Out = None,
    curve: Curve = None,
    system: Which = "mneme",
    ablate: Ablate = False,
) -> None:
    """What was understood of small conversations: extraction, updates, time, abstention."""
    suite = suites.of_scenarios(data, suffix=suffix, limit=limit, questions=questions)
    evaluate(suite, Wanted(system, out, curve, ablate))


@commands.command("synthetic")
def synthetic(  # noqa: PLR0913, PLR0917 - options, as those of `locomo`
    seed: Annotated[int, typer.Option(help="The same seed makes the same data.")] = 1,
    users: Annotated[int, typer.Option(help="How many users.", min=1)] = 5,
    size: Annotated[int, typer.Option(help="Turns of each user.", min=2)] = 200,
    limit: Limit = None,
    questions: Questions = None,
    suffix: Suffix = "",
    out: Out = None,
    curve: Curve = None,
    system: Which = "mneme",
    ablate: Ablate = False,
) -> None:
    """Generated conversations: facts, changed facts, dated purchases, distractors, questions without an answer."""
    suite = suites.of_synthetic(seed=seed, users=users, size=size, suffix=suffix, limit=limit, questions=questions)
    evaluate(suite, Wanted(system, out, curve, ablate))


def evaluate(suite: Suite, wanted: Wanted) -> None:
    """Run one suite on one system and show what was found."""
    if wanted.curve is not None:
        curves.need_matplotlib()
    if wanted.ablate and wanted.system != "mneme":
        raise CommandError("--ablate switches recall weights of Mneme's policy: it needs --system mneme")
    with chosen(wanted.system) as (system, service), progress() as bar:
        step = steps(bar)
        fed = feed(system, suite.conversations, step)
        figures, counts = suite.measure(system, step)
        found = Report(suite.name, system.name, figures, counts, fed)
        if wanted.ablate and service is not None:
            found.ablation = ablation.ablate(
                service, lambda name: suite.measure(system, step, name=f"Without {name}")[0][OVERALL]
            )
        if wanted.curve is not None:
            found.curve = curves.curve(system, suite.conversations, step, limit=suite.limit)
    show(found, wanted)


def show(found: Report, wanted: Wanted) -> None:
    """Tables to the terminal, figures and plot to their files."""
    out.print(report.figures_table(found))
    rates = report.rates(found.fed)
    out.print(
        f"{found.fed.events} events, {rates['accepted']:,.0f} a second accepted, {rates['processed']:,.1f} processed."
    )
    if found.ablation:
        out.print(report.ablation_table(found))
    if wanted.curve is not None:
        out.print(report.curve_table(found))
        for file in curves.draw(found.curve, wanted.curve, f"{found.dataset}, {found.system}"):
            errors.print(f"Wrote {file}", markup=False)
    if wanted.out is not None:
        report.write(wanted.out, found.as_json())
        errors.print(f"Wrote {wanted.out}", markup=False)


@contextmanager
def chosen(name: str) -> Iterator[tuple[System, Service | None]]:
    """The system under test, and the service behind it where it is Mneme."""
    kind, _, place = name.partition(":")
    if name == "bm25":
        yield Bm25(), None
    elif kind == "file" and place:
        yield Results(Path(place)), None
    elif name == "mneme":
        with running_or_temporary(Settings()) as service:
            yield Mneme(service), service
    else:
        raise CommandError(f"unknown system {name!r}: mneme, bm25 or file:PATH")


@contextmanager
def running_or_temporary(settings: Settings) -> Iterator[Service]:
    """The running service; with none, one in a home that is gone afterwards, so that no data set stays behind."""
    url = settings.mneme_url or running_url(settings)
    if url is not None:
        with Service(url, find_key(settings)) as service:
            yield service
        return
    ensure_model(settings)
    with temporary_service(settings) as service:
        yield service


def steps(bar: Progress) -> Step:
    """A task of the progress bar for each step."""

    @contextmanager
    def step(name: str, total: int) -> Iterator[Advance]:
        task = bar.add_task(name, total=total)
        yield lambda done: bar.update(task, completed=done)

    return step
