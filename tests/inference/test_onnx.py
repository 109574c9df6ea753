"""The served encoder on the real model."""

import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from app.inference.manifest import DEFAULT_MODEL, Manifest, exported, model_slug
from app.inference.onnx import OnnxEncoder, _batches
from app.inference.protocol import EncoderUnavailableError
from app.inference.samples import SENTENCES
from app.inference.select import load_encoder
from app.settings import Settings

FILLER = "The committee discussed the budget of the annual conference and postponed the decision once more. "


@pytest.fixture
def copy(model_dir, tmp_path) -> Path:
    """A copy of the exported model, to be damaged."""
    return Path(shutil.copytree(model_dir / model_slug(DEFAULT_MODEL), tmp_path / model_slug(DEFAULT_MODEL)))


def test_vectors_are_unit_rows_of_the_models_dimension(encoder):
    vectors = encoder.encode(SENTENCES)
    assert vectors.shape == (len(SENTENCES), encoder.dimension) == (64, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_fingerprint_names_model_back_end_and_dimension(encoder, model_dir):
    # A processor without 8-bit dot products loses too much in int8: the export keeps fp32 there.
    back_end = Manifest.read(model_dir / model_slug(DEFAULT_MODEL)).back_end
    assert back_end in {"onnx-int8", "onnx-fp32"}
    assert encoder.fingerprint == f"all-minilm-l6-v2_{back_end}_384"


def test_like_meanings_are_near(encoder):
    cat, kitten, invoice = encoder.encode(["I bought a cat.", "We adopted a kitten.", "The invoice is overdue."])
    assert cat @ kitten > 0.5 > cat @ invoice


def test_no_texts_and_empty_texts(encoder):
    assert encoder.encode([]).shape == (0, 384)
    assert np.isfinite(encoder.encode(["", " ", "\n"])).all()
    assert np.isfinite(encoder.encode_query("")).all()


def test_rows_follow_the_texts_whatever_their_order(encoder):
    texts = [*SENTENCES, FILLER * 20, ""]
    straight = encoder.encode(texts)
    order = list(range(len(texts)))
    random.Random(7).shuffle(order)
    shuffled = encoder.encode([texts[i] for i in order])
    # int8 scales activations by run, so a text's neighbours in a run move it a little.
    assert (np.sum(shuffled * straight[order], axis=1) > 0.98).all()


def test_alone_or_in_a_batch_is_nearly_the_same(encoder):
    together = encoder.encode(SENTENCES)
    alone = np.stack([encoder.encode_query(text) for text in SENTENCES])
    cosines = np.sum(together * alone, axis=1)
    assert cosines.mean() > 0.99
    assert cosines.min() > 0.96


def test_several_questions_are_one_batch(encoder):
    np.testing.assert_allclose(encoder.encode_queries(SENTENCES), encoder.encode(SENTENCES), atol=1e-5)
    assert encoder.encode_queries([]).shape == (0, encoder.dimension)


def test_a_fact_at_the_end_of_a_long_text_counts(encoder):
    long = FILLER * 143  # 2,002 words
    fact = "My daughter Wilhelmina plays the bassoon in the youth orchestra. "
    question = encoder.encode_query("Which instrument does Wilhelmina play?")
    plain, with_fact, with_more, cut = encoder.encode([long, long + fact, long + fact * 8, long[:4000]])
    assert question @ plain < question @ with_fact < question @ with_more
    assert question @ with_more > question @ plain + 0.02
    assert plain @ with_more < 0.999
    assert plain @ cut > 0.99


def test_a_text_of_the_largest_size_is_encoded_whole(encoder):
    assert np.isfinite(encoder.encode(["word " * 13_107])).all()


@pytest.mark.parametrize("lengths", [[], [5], [3] * 100, [256] * 9, [*range(2, 256)]])
def test_batches_hold_every_position_once_and_keep_their_bounds(lengths):
    batches = list(_batches(lengths))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        sizes = [lengths[i] for i in batch]
        assert len(batch) <= 32
        assert len(batch) * max(sizes) <= 1024
        assert min(sizes) >= 0.8 * max(sizes)


def test_concurrent_queries_get_their_own_vectors(encoder):
    queries = [
        f"What did {name} say about the {topic}?" for name in ("Anna", "Tom", "Ines") for topic in SENTENCES[:20]
    ]
    expected = encoder.encode(queries)
    found: dict[int, np.ndarray] = {}

    def ask(start: int) -> None:
        for i in range(start, len(queries), 8):
            found[i] = encoder.encode_query(queries[i])

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(found) == len(queries)
    vectors = np.stack([found[i] for i in range(len(queries))])
    assert (np.argmax(vectors @ expected.T, axis=1) == np.arange(len(queries))).mean() > 0.9
    assert (np.sum(vectors * expected, axis=1) > 0.95).all()


def test_a_missing_model_says_what_to_run(tmp_path):
    with pytest.raises(EncoderUnavailableError, match="mneme model export"):
        load_encoder(Settings(mneme_model_dir=tmp_path))


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json"])
def test_a_damaged_file_is_refused(copy, file):
    content = bytearray((copy / file).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / file).write_bytes(content)
    assert not exported(DEFAULT_MODEL, copy.parent)
    with pytest.raises(EncoderUnavailableError, match=f"{file} is missing or damaged"):
        OnnxEncoder(copy)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"format": 1', b"\xff"])
def test_a_damaged_manifest_is_refused(copy, content):
    (copy / "manifest.json").write_bytes(content)
    with pytest.raises(EncoderUnavailableError, match="mneme model export"):
        OnnxEncoder(copy)


def test_an_export_of_another_format_is_refused(copy):
    manifest = Manifest.read(copy).model_copy(update={"format": 0})
    (copy / "manifest.json").write_text(manifest.model_dump_json())
    with pytest.raises(EncoderUnavailableError, match="another version"):
        OnnxEncoder(copy)


def test_a_serving_process_loads_no_torch(model_dir):
    code = (
        "import sys; from app.inference.select import load_encoder; from app.settings import Settings; "
        "load_encoder(Settings()).encode_query('hello'); "
        "print(sorted({'torch', 'transformers', 'sentence_transformers', 'onnx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("all-MiniLM-L6-v2", "all-minilm-l6-v2"),
        ("sentence-transformers/all-MiniLM-L6-v2", "all-minilm-l6-v2"),
        ("BAAI/bge-small-en-v1.5", "baai-bge-small-en-v1-5"),
        ("./models/mine", "models-mine"),
    ],
)
def test_slugs(name, slug):
    assert model_slug(name) == slug
