"""Callers share runs, in order, and one caller's bad text hurts nobody else."""

import threading
import time

import numpy as np
import pytest

from app.inference.microbatch import MicroBatcher
from app.inference.protocol import EncoderUnavailableError


class Model:
    """Encodes a text as its length, slowly, and notes the batches."""

    def __init__(self, seconds: float = 0.02) -> None:
        self.seconds = seconds
        self.batches: list[list[str]] = []

    def __call__(self, texts):
        self.batches.append(list(texts))
        time.sleep(self.seconds)
        if "bad" in texts:
            raise ValueError("bad text")
        if "down" in texts:
            raise EncoderUnavailableError("down")
        return np.array([[len(text)] for text in texts], dtype=np.float32)


def ask_all(batcher, texts):
    answers: dict[int, float | str] = {}

    def ask(i: int) -> None:
        try:
            answers[i] = float(batcher.encode(texts[i])[0])
        except (ValueError, EncoderUnavailableError) as error:
            answers[i] = str(error)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(answers) == len(texts)
    return [answers[i] for i in range(len(texts))]


def test_an_idle_caller_runs_at_once_and_alone():
    model = Model(0)
    batcher = MicroBatcher(model)
    assert [float(batcher.encode(text)[0]) for text in ("a", "bb")] == [1, 2]
    assert model.batches == [["a"], ["bb"]]


def test_those_who_wait_share_the_next_run():
    model = Model()
    texts = ["x" * n for n in range(1, 41)]
    assert ask_all(MicroBatcher(model, largest=16), texts) == list(range(1, 41))
    assert len(model.batches) < 20
    assert max(len(batch) for batch in model.batches) <= 16
    assert sorted(len(text) for batch in model.batches for text in batch) == list(range(1, 41))


def test_an_encoder_that_is_down_is_asked_once_a_batch():
    model = Model()
    assert ask_all(MicroBatcher(model), ["down"] * 20) == ["down"] * 20
    assert len(model.batches) < 10


def test_a_bad_text_fails_few():
    texts = ["ok"] * 10 + ["bad"] + ["fine"] * 10
    batcher = MicroBatcher(Model())
    answers = ask_all(batcher, texts)
    assert answers[10] == "bad text"
    assert answers.count("bad text") <= 2  # its own caller, and the one who led its batch
    assert answers.count(2) + answers.count(4) >= 19
    with pytest.raises(ValueError, match="bad text"):
        batcher.encode("bad")
    assert float(batcher.encode("after")[0]) == 5
