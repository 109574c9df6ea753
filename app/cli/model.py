"""`mneme model export`: make the served encoder once, in a process of its own: a serving process has no torch."""

import importlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from app.cli.console import errors, progress
from app.cli.failure import CommandError
from app.inference.manifest import Manifest, model_slug
from app.inference.protocol import EncoderUnavailableError
from app.settings import Settings

commands = typer.Typer(help="The encoder.", no_args_is_help=True)
STEP = re.compile(r"step (\d+)/(\d+) (.*)")


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(commands, name="model")


@commands.callback()
def group() -> None:
    """The encoder."""


@commands.command("export")
def export(
    model: Annotated[str | None, typer.Argument(help="Name or path; EMBEDDING_MODEL by default.")] = None,
    directory: Annotated[Path | None, typer.Option(help="Where to; MNEME_MODEL_DIR or MNEME_HOME/models.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Also when it is there and sound.")] = False,
) -> None:
    """Export the encoder to ONNX and check it against torch. Does nothing when that is done already."""
    settings = Settings()
    name, models = model or settings.embedding_model, directory or settings.model_dir
    if not force and is_exported(models, name):
        errors.print(f"The encoder {escape(name)} is in {escape(str(models))} already.")
        return
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("sentence_transformers") is None:
        raise CommandError(
            "exporting a model needs torch and sentence-transformers: pip install 'mneme-server[model]'. "
            "(Serving does not; another machine's export can be copied into MNEME_MODEL_DIR.)"
        )
    exporting = importlib.import_module("app.inference.export")  # loads torch, so only here
    with progress() as bar:
        task = bar.add_task("Exporting the encoder", total=None)

        def show(line: str) -> None:
            step = STEP.fullmatch(line)
            if step is not None:
                bar.update(
                    task, description=f"Exporting the encoder: {step[3]}", completed=int(step[1]), total=int(step[2])
                )

        try:
            target = exporting.export_model(name, models, force=force, progress=show)
        except exporting.ExportError as error:
            raise CommandError(str(error)) from error
    made = Manifest.read(target)
    errors.print(
        f"Exported {escape(made.name)} as {made.back_end}: {made.dimension} dimensions, "
        f"cosine to torch {made.cosine_mean:.4f} (least {made.cosine_min:.4f}).",
    )


def is_exported(models: Path, name: str) -> bool:
    """Whether a sound export lies there."""
    try:
        Manifest.read(models / model_slug(name))
    except EncoderUnavailableError:
        return False
    return True


def ensure_model(settings: Settings) -> None:
    """Export the encoder that this service needs if it is not there; the first start does this."""
    if settings.embedding_backend != "onnx" or settings.embedding_url is not None:
        return
    if (settings.model_dir / model_slug(settings.embedding_model) / "manifest.json").exists():
        return  # the gateway checks its hashes
    done = subprocess.run([sys.executable, "-m", "app.cli", "model", "export"], check=False)
    if done.returncode != 0:
        raise CommandError("the encoder could not be exported (see above)")
