"""The export, and the torch model that it comes from. Torch is loaded by the tests that need it: every process of a
parallel run imports every module.
"""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from app.inference.manifest import DEFAULT_MODEL, MANIFEST_FILE, Manifest, exported, model_slug
from app.inference.samples import SENTENCES
from app.inference.select import load_encoder
from app.settings import Settings

SLUG = model_slug(DEFAULT_MODEL)


@pytest.fixture(scope="module")
def torch_encoder():
    encoder = load_encoder(Settings(embedding_backend="torch", embedding_threads=2))
    yield encoder
    encoder.close()


def test_the_export_agrees_with_torch(encoder, torch_encoder):
    cosines = np.sum(encoder.encode(SENTENCES) * torch_encoder.encode(SENTENCES), axis=1)
    assert cosines.mean() > 0.985
    assert cosines.min() > 0.97


def test_torch_chunks_long_texts_alike(encoder, torch_encoder):
    long = "We walked along the river and talked about the harvest. " * 150
    fact = "In the evening my aunt showed us her collection of antique clocks. " * 6
    assert np.sum(encoder.encode([long + fact]) * torch_encoder.encode([long + fact])) > 0.985
    assert torch_encoder.encode([long])[0] @ torch_encoder.encode([long + fact])[0] < 0.999


def test_the_torch_encoder_keeps_the_port(torch_encoder):
    assert torch_encoder.fingerprint == "all-minilm-l6-v2_torch_384"
    assert torch_encoder.encode([]).shape == (0, torch_encoder.dimension)
    np.testing.assert_allclose(torch_encoder.encode_query("hello"), torch_encoder.encode(["hello"])[0], atol=1e-5)


@pytest.mark.long
def test_an_intact_export_is_left_alone_and_a_damaged_one_made_again(model_dir, tmp_path):
    from app.inference.export import export_model  # noqa: PLC0415 - as above

    target = tmp_path / SLUG
    shutil.copytree(model_dir / SLUG, target)
    before = {path.name: path.stat().st_mtime_ns for path in target.iterdir()}

    lines: list[str] = []
    assert export_model(DEFAULT_MODEL, tmp_path, progress=lines.append) == target
    assert lines == [f"ready {target}"]
    assert {path.name: path.stat().st_mtime_ns for path in target.iterdir()} == before

    (target / "model.onnx").write_bytes(b"cut short")
    assert not exported(DEFAULT_MODEL, tmp_path)
    command = [sys.executable, "-W", "error", "-m", "app.inference.export", "--out", str(tmp_path)]
    mended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert (mended.returncode, mended.stderr) == (0, "")
    steps = [line.split()[1:] for line in mended.stdout.splitlines() if line.startswith("step ")]
    assert steps == [[f"{n}/5", name] for n, name in enumerate(("load", "trace", "quantise", "verify", "publish"), 1)]
    assert Manifest.read(target).hashes == Manifest.read(model_dir / SLUG).hashes
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", SLUG]
    assert sorted(path.name for path in target.iterdir()) == [MANIFEST_FILE, "model.onnx", "tokenizer.json"]


def test_an_unknown_model_fails_in_one_line_and_leaves_nothing(tmp_path, capsys):
    from app.inference.export import main  # noqa: PLC0415 - as above

    assert main(["--model", str(tmp_path / "no-such-model"), "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("failed ")
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
