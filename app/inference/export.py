"""`python -m app.inference.export`: a sentence-transformers model to ONNX Runtime, in a process of its own.

This module imports torch: nothing that serves may import it. The CLI starts it as a child and shows its lines.
"""

import argparse
import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from sentence_transformers import SentenceTransformer

from app.inference.manifest import (
    DEFAULT_MODEL,
    FORMAT,
    MANIFEST_FILE,
    MODEL_FILE,
    TOKENIZER_FILE,
    Manifest,
    exported,
    file_hash,
    model_slug,
)
from app.inference.onnx import OnnxEncoder
from app.inference.pooling import Matrix
from app.inference.samples import SENTENCES
from app.inference.torch import load_source

Progress = Callable[[str], None]

STEPS = ("load", "trace", "quantise", "verify", "publish")

# int8 per channel of the default model: mean 0.991 over the samples, and 0.977 for the worst of them, an ellipsis; its
# recall@10 on dialogue is within a point of fp32 at twice the speed. Per tensor the mean is 0.953 and recall suffers.
INT8_COSINE_MIN = 0.97
INT8_COSINE_MEAN = 0.985
FP32_COSINE_MIN = 0.999

_OPSET = 17


class ExportError(Exception):
    """The model cannot be exported; `str()` says why."""


def export_model(name: str, models: Path, *, force: bool = False, progress: Progress = print) -> Path:
    """Export model `name` into `models/<slug>` and return that directory; an intact export is left alone.

    The directory appears complete or not at all. Progress lines are `step k/n name`.
    """
    models.mkdir(parents=True, exist_ok=True)
    target = models / model_slug(name)
    with _only_one(models):
        if not force and exported(name, models):
            progress(f"ready {target}")
            return target
        workshop = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=models))
        try:
            _build(name, workshop, progress)
            _step("publish", progress)
            _publish(workshop, target)
        finally:
            shutil.rmtree(workshop, ignore_errors=True)
    progress(f"ready {target}")
    return target


def _build(name: str, workshop: Path, progress: Progress) -> None:
    """Fill `workshop` with the best export that agrees with its source."""
    _step("load", progress)
    source = load_source(name)
    source.tokenizer.backend_tokenizer.save(str(workshop / TOKENIZER_FILE))
    _step("trace", progress)
    traced = workshop / "fp32.onnx"
    _trace(source, traced)
    _step("quantise", progress)
    _quantise(traced, workshop / MODEL_FILE)
    _step("verify", progress)
    expected = _torch_vectors(source)
    mean, least = _verify(name, source, workshop, "onnx-int8", expected)
    if mean < INT8_COSINE_MEAN or least < INT8_COSINE_MIN:
        progress(f"int8 differs from torch (cosine {mean:.4f}, at least {least:.4f}): keeping fp32")
        traced.replace(workshop / MODEL_FILE)
        mean, least = _verify(name, source, workshop, "onnx-fp32", expected)
        if least < FP32_COSINE_MIN:
            raise ExportError(f"The exported model differs from torch: cosine {mean:.4f}, at least {least:.4f}.")
    traced.unlink(missing_ok=True)
    progress(f"cosine to torch: mean {mean:.4f}, least {least:.4f}")


class _Graph(torch.nn.Module):  # type: ignore[misc]  # torch is not followed: its stubs take minutes
    """The whole pipeline, pooling included, with tensors as arguments."""

    def __init__(self, source: SentenceTransformer, inputs: list[str]) -> None:
        super().__init__()
        self._source = source
        self._inputs = inputs

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        features = dict(zip(self._inputs, tensors, strict=True))
        vectors: torch.Tensor = self._source(features)["sentence_embedding"]
        return vectors


def _trace(source: SentenceTransformer, path: Path) -> None:
    sample = source.tokenizer(["a short text", "another one, which is longer"], padding=True, return_tensors="pt")
    inputs = [key for key in ("input_ids", "attention_mask", "token_type_ids") if key in sample]
    with torch.no_grad(), warnings.catch_warnings():
        # Known and without effect here: the exporter is the legacy one, tracing fixes Python values, and the indices
        # of the attention mask are never negative. The result is compared with torch in any case.
        warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*legacy TorchScript-based ONNX")
        warnings.filterwarnings("ignore", category=DeprecationWarning, message="The feature will be removed")
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        warnings.filterwarnings("ignore", category=UserWarning, message="Exporting aten::index operator")
        torch.onnx.export(
            _Graph(source, inputs),
            tuple(sample[key] for key in inputs),
            str(path),
            dynamo=False,
            opset_version=_OPSET,
            input_names=inputs,
            output_names=["sentence_embedding"],
            dynamic_axes={**{key: {0: "texts", 1: "tokens"} for key in inputs}, "sentence_embedding": {0: "texts"}},
        )


def _quantise(traced: Path, path: Path) -> None:
    """Weights to int8, each output channel with its own scale; activations are scaled as they come."""
    shaped = traced.with_name("shaped.onnx")
    quant_pre_process(traced, shaped, skip_optimization=True, skip_symbolic_shape=True)
    quantize_dynamic(shaped, path, per_channel=True, weight_type=QuantType.QInt8)
    shaped.unlink()


def _torch_vectors(source: SentenceTransformer) -> Matrix:
    vectors: Matrix = source.encode(list(SENTENCES), batch_size=16, normalize_embeddings=True, show_progress_bar=False)
    return vectors


def _verify(
    name: str, source: SentenceTransformer, workshop: Path, back_end: str, expected: Matrix
) -> tuple[float, float]:
    """Write the manifest, load the result as a serving process does, and compare: mean and least cosine."""
    manifest = _manifest(name, source, workshop, back_end)
    (workshop / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2))
    cosines = np.sum(OnnxEncoder(workshop, threads=os.cpu_count() or 1).encode(SENTENCES) * expected, axis=1)
    mean, least = float(cosines.mean()), float(cosines.min())
    measured = manifest.model_copy(update={"cosine_mean": round(mean, 5), "cosine_min": round(least, 5)})
    (workshop / MANIFEST_FILE).write_text(measured.model_dump_json(indent=2))
    return mean, least


def _manifest(name: str, source: SentenceTransformer, workshop: Path, back_end: str) -> Manifest:
    prompts: dict[str, str] = source.prompts or {}
    return Manifest(
        format=FORMAT,
        name=name,
        back_end=back_end,
        dimension=source.get_embedding_dimension(),
        max_tokens=source.max_seq_length,
        pooling=_pooling(source),
        query_prompt=prompts.get("query") or "",
        document_prompt=prompts.get("document") or "",
        cosine_mean=0,
        cosine_min=0,
        hashes={file: file_hash(workshop / file) for file in (MODEL_FILE, TOKENIZER_FILE)},
    )


def _pooling(source: SentenceTransformer) -> str:
    modes = [getattr(module, "pooling_mode", None) for module in source]
    return next((str(mode) for mode in modes if mode), "model")


def _publish(workshop: Path, target: Path) -> None:
    """Put the finished directory in place; a damaged or outdated one makes room first."""
    for path in workshop.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    workshop.chmod(0o755)
    if target.exists():
        retired = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
        target.rename(retired / target.name)
        workshop.rename(target)
        shutil.rmtree(retired)
    else:
        workshop.rename(target)


@contextlib.contextmanager
def _only_one(models: Path) -> Iterator[None]:
    """Exports into one directory wait for each other; the lock ends with the process."""
    with (models / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _step(name: str, progress: Progress) -> None:
    progress(f"step {STEPS.index(name) + 1}/{len(STEPS)} {name}")


def main(arguments: list[str] | None = None) -> int:
    """The command line of the child process."""
    parser = argparse.ArgumentParser(prog="python -m app.inference.export", description="Export an encoder.")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="a sentence-transformers name or path")
    parser.add_argument("--out", type=Path, required=True, help="the directory of exported models")
    parser.add_argument("--force", action="store_true", help="export again even if an intact export is there")
    options: Any = parser.parse_args(arguments)
    try:
        export_model(options.model, options.out, force=options.force, progress=_say)
    except (ExportError, OSError, ValueError) as error:
        _say(f"failed {error}")
        return 1
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
