"""An exported model's directory, `<models>/<slug>/{model.onnx, tokenizer.json, manifest.json}`: written by `export`,
read by `onnx`. Needs neither torch nor onnxruntime, so that the CLI can look, too.
"""

import hashlib
import re
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from app.inference.protocol import EncoderUnavailableError

DEFAULT_MODEL = "all-MiniLM-L6-v2"

FORMAT = 1  # raised when the meaning of a manifest's fields changes: an older export is then made again

MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
MANIFEST_FILE = "manifest.json"

_HINT = "Run `mneme model export`."


def model_slug(name: str) -> str:
    """A model's name as `[a-z0-9-]+`, for directories and fingerprints, without the default model's publisher."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.removeprefix("sentence-transformers/").lower()).strip("-")
    if not slug:
        raise ValueError(f"{name!r} is not the name of a model")
    return slug


def fingerprint(name: str, back_end: str, dimension: int) -> str:
    """See `Encoder.fingerprint`."""
    return f"{model_slug(name)}_{back_end}_{dimension}"


def file_hash(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Manifest(BaseModel):
    """What a serving process must know about an exported model."""

    model_config = ConfigDict(frozen=True)

    format: int
    name: str
    back_end: str  # "onnx-int8" or "onnx-fp32"
    dimension: int
    max_tokens: int  # of one window, with its special tokens
    pooling: str  # for people: pooling is part of the graph
    query_prompt: str
    document_prompt: str
    cosine_mean: float  # to the torch model, over the bundled sentences
    cosine_min: float
    hashes: dict[str, str]  # file name -> SHA-256

    @classmethod
    def read(cls, directory: Path) -> Self:
        """The manifest of `directory`, whose files are all there and unchanged; raises EncoderUnavailableError."""
        try:
            manifest = cls.model_validate_json((directory / MANIFEST_FILE).read_bytes())
        except FileNotFoundError:
            raise EncoderUnavailableError(f"No exported encoder in {directory}. {_HINT}") from None
        except ValidationError as error:
            raise EncoderUnavailableError(f"{directory / MANIFEST_FILE} cannot be read. {_HINT}") from error
        if manifest.format != FORMAT:
            raise EncoderUnavailableError(f"The encoder in {directory} is of another version of Mneme. {_HINT}")
        for name, expected in manifest.hashes.items():
            path = directory / name
            if not path.is_file() or file_hash(path) != expected:
                raise EncoderUnavailableError(f"{path} is missing or damaged. {_HINT}")
        return manifest

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.name, self.back_end, self.dimension)


def exported(name: str, models: Path) -> bool:
    """Whether `models` holds an intact export of model `name`."""
    try:
        Manifest.read(models / model_slug(name))
    except EncoderUnavailableError:
        return False
    return True
