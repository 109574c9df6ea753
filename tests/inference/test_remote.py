"""The remote encoder against a local endpoint with good and bad days."""

import json
from typing import Any

import numpy as np
import pytest

from app.domain.tokens import count_tokens
from app.inference.protocol import EncoderUnavailableError
from app.inference.remote import Endpoint, RemoteEncoder
from app.inference.select import load_encoder
from app.settings import Settings
from tests.support.scripted_endpoint import Reply, endpoints, late, raw, status


def vector(text: str) -> list[float]:
    return [float(len(text)), 1.0, 2.0]


def good(body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    data = [{"object": "embedding", "index": i, "embedding": vector(text)} for i, text in enumerate(body["input"])]
    return 200, {}, json.dumps({"object": "list", "data": data, "model": body["model"], "usage": {}}).encode()


def shuffled(body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    status, headers, content = good(body)
    answer = json.loads(content)
    answer["data"].reverse()
    return status, headers, json.dumps(answer).encode()


def rows(*embeddings: list[Any]) -> Reply:
    return raw(json.dumps({"data": [{"index": i, "embedding": e} for i, e in enumerate(embeddings)]}).encode())


slow = late(good, 0.6)


@pytest.fixture
def endpoint():
    with endpoints(good) as running:
        yield running


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def remote(endpoint, pauses):
    settings = Endpoint(endpoint.url, model="text-embedder", dimension=3, api_key="sekret", timeout=0.3)
    with RemoteEncoder(settings, sleep=pauses.append) as encoder:
        yield encoder


def unit(text: str) -> np.ndarray:
    values = np.array(vector(text), dtype=np.float32)
    return values / np.linalg.norm(values)


def test_unit_rows_in_the_order_of_the_texts(remote, endpoint):
    texts = ["a" * n for n in range(1, 71)]
    np.testing.assert_allclose(remote.encode(texts), [unit(text) for text in texts], rtol=1e-5)
    assert [len(body["input"]) for body in endpoint.bodies] == [32, 32, 6]
    assert endpoint.bodies[0]["model"] == "text-embedder"
    assert endpoint.headers[0]["authorization"] == "Bearer sekret"
    assert set(endpoint.paths) == {"/v1/embeddings"}


def test_the_port(remote):
    assert remote.fingerprint == "text-embedder_remote_3"
    assert remote.dimension == 3
    assert remote.encode([]).shape == (0, 3)
    np.testing.assert_allclose(remote.encode_query("hello"), unit("hello"), rtol=1e-5)


def test_rows_are_put_in_order_by_index(remote, endpoint):
    endpoint.script = [shuffled]
    np.testing.assert_allclose(remote.encode(["a", "bbb"]), [unit("a"), unit("bbb")], rtol=1e-5)


def test_empty_texts_are_never_sent_empty(remote, endpoint):
    assert np.isfinite(remote.encode(["", "  "])).all()
    assert all(text for body in endpoint.bodies for text in body["input"])


def test_long_texts_are_sent_in_windows(remote, endpoint):
    remote.encode(["one two three " * 1_000, "short"])
    sent = [text for body in endpoint.bodies for text in body["input"]]
    assert all(count_tokens(text) <= 400 for text in sent)
    assert sum(len(text) for text in sent) == 14_000 + len("short")


@pytest.mark.parametrize("bad", [status(429), status(500), status(503), status(529), slow])
def test_a_bad_moment_is_waited_out(remote, endpoint, pauses, bad):
    endpoint.script = [bad, bad]
    np.testing.assert_allclose(remote.encode(["hello"]), [unit("hello")], rtol=1e-5)
    assert len(pauses) == 2
    assert 0 < pauses[0] <= 0.5 < 2 * pauses[1] <= 2


def test_retry_after_is_kept(remote, endpoint, pauses):
    endpoint.script = [status(429, retry_after="3")]
    remote.encode(["hello"])
    assert pauses == [3.0]


def test_a_long_retry_after_is_left_to_the_caller(remote, endpoint, pauses):
    endpoint.script = [status(429, retry_after="60")]
    with pytest.raises(EncoderUnavailableError, match="429"):
        remote.encode(["hello"])
    assert pauses == []


def test_a_bad_day_ends_in_a_clear_error(remote, endpoint):
    endpoint.script = [status(500)] * 9
    with pytest.raises(EncoderUnavailableError, match="status 500"):
        remote.encode(["hello"])
    assert len(endpoint.bodies) == 4


def test_a_query_waits_less(remote, endpoint):
    endpoint.script = [status(500)] * 9
    with pytest.raises(EncoderUnavailableError, match="status 500"):
        remote.encode_query("hello")
    assert len(endpoint.bodies) == 2


@pytest.mark.parametrize("code", [400, 401, 404, 422])
def test_a_refusal_is_not_repeated(remote, endpoint, code):
    endpoint.script = [status(code)]
    with pytest.raises(EncoderUnavailableError, match=str(code)):
        remote.encode(["hello"])
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (rows([1.0, 2.0]), "EMBEDDING_DIMENSION says 3"),
        (rows([1.0] * 3, [1.0] * 3), "each text once"),
        (rows(), "each text once"),
        (raw(b"<html>busy</html>"), "another format"),
        (raw(b'{"data": [{"index": 0, "embedding": "AAAA"}]}'), "another format"),
        (raw(b'{"data": [{"index": 0, "embedding": [1.0, NaN, 2.0]}]}'), "format|finite"),
        (raw(b'{"data": [{"index": 0, "embedding": [1.0, 1e999, 2.0]}]}'), "format|finite"),
    ],
)
def test_nonsense_is_refused(remote, endpoint, reply, says):
    endpoint.script = [reply]
    with pytest.raises(EncoderUnavailableError, match=says):
        remote.encode(["hello"])


def test_an_unreachable_endpoint(endpoint):
    gone = Endpoint("http://user:hidden@127.0.0.1:1/v1/embeddings?key=hidden", model="m", dimension=3, timeout=0.3)
    with RemoteEncoder(gone, sleep=lambda _seconds: None) as encoder:
        with pytest.raises(EncoderUnavailableError, match="EMBEDDING_URL") as caught:
            encoder.encode(["hello"])
        assert "hidden" not in str(caught.value)


def test_settings_choose_it(endpoint):
    encoder = load_encoder(Settings(embedding_url=endpoint.url, embedding_model="m", embedding_dimension=3))
    np.testing.assert_allclose(encoder.encode_query("hello"), unit("hello"), rtol=1e-5)
    encoder.close()
    with pytest.raises(EncoderUnavailableError, match="EMBEDDING_DIMENSION"):
        load_encoder(Settings(embedding_backend="remote"))
