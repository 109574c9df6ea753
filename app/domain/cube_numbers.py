"""Which numbers and vectors a line of a cube may hold: those that this service writes. Pure; used by `cube_check`.

One vector that is not finite would stop the index of its user, and every rewrite of the index with it.
"""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from app.errors import FieldError

SHARE = (0.0, 1.0)
MOST = float(2**31 - 2)  # the next version must fit, too
RANGES: dict[tuple[str, str], tuple[float, float]] = {
    ("memory", "importance"): SHARE,
    ("memory", "confidence"): SHARE,
    ("memory", "stability"): (0.0, 1e6),
    ("memory", "use_count"): (0.0, 1e9),
    ("memory", "layer"): (0, 2),
    ("memory", "version"): (1, MOST),
    ("version", "importance"): SHARE,
    ("version", "confidence"): SHARE,
    ("version", "version"): (1, MOST),
    ("event", "version"): (0, MOST),
    ("event", "place"): (0, MOST),
    ("session", "events"): (0, MOST),
    ("link", "weight"): (-1.0, 1.0),
    ("scene", "visits"): (0.0, 1e9),
    ("block", "version"): (0, MOST),
    ("artefact", "version"): (1, MOST),
}
DENSE = {"vector": "dense", "segment": "dense", "candidate": "dense", "scene": "centroid"}


def check_numbers(number: int, kind: str, line: Mapping[str, Any]) -> list[FieldError]:
    """The numbers of a line that lie where none of ours does; each is known to be a number."""
    errors = []
    for (of, name), (low, high) in RANGES.items():
        if of == kind and line.get(name) is not None and not low <= line[name] <= high:
            errors.append(FieldError(f"line {number}: /{name}", f"lies between {low:g} and {high:g}", "invalid"))
    return errors


def check_vectors(number: int, kind: str, line: Mapping[str, Any], model: str, dimension: int) -> list[FieldError]:
    """What is wrong with the vectors of a line; `dimension` is that of the file's own `model`. All are known base64."""
    name = DENSE.get(kind, "")
    raw = line.get(name)
    ours = kind == "vector" or line.get("model") == model
    if kind == "vector" and line["dimension"] != dimension:
        return [_no_vector(number, name, dimension)]
    if raw is not None:
        data = base64.b64decode(raw)
        if len(data) % 2 or (ours and len(data) != 2 * dimension):
            return [_no_vector(number, name, dimension)]
        if not np.isfinite(np.frombuffer(data, dtype="<f2")).all():
            return [FieldError(f"line {number}: /{name}", "has numbers that are not finite", "invalid")]
    for name in ("sparse", "sparse_window") if kind == "vector" else ():
        problem = None if line.get(name) is None else _sparse(base64.b64decode(line[name]))
        if problem:
            return [FieldError(f"line {number}: /{name}", problem, "invalid")]
    return []


def _no_vector(number: int, name: str, dimension: int) -> FieldError:
    return FieldError(f"line {number}: /{name}", f"is not {dimension} float16 numbers", "dimension")


def _sparse(data: bytes) -> str | None:
    if len(data) % 8:
        return "is not pairs of a term and its weight"
    terms, weights = np.frombuffer(data[: len(data) // 2], dtype="<u4"), np.frombuffer(data[len(data) // 2 :], "<f4")
    if len(np.unique(terms)) != len(terms):
        return "names a term twice"
    return None if np.isfinite(weights).all() else "has numbers that are not finite"
