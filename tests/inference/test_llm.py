"""The chat client against an endpoint with bad days: retries, limits, dialects, and never longer than it may take."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from app.errors import MnemeError
from app.inference.llm import ChatModel, ModelEndpoint, ModelFailedError, Question, _Clocks, chat_model
from app.settings import Settings
from app.telemetry.metrics import Metrics
from tests.support.scripted_llm import scripted_llm

ASKED = Question(
    [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": '{"turn": 1, "new": true, "by": "user", "text": "x"}'},
    ],
    "answer",
    {"type": "object"},
)


class Time:
    """A clock that moves when somebody sleeps."""

    def __init__(self):
        self.slept = []
        self.at = 0.0

    def monotonic(self):
        return self.at

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.at += seconds

    def now(self):
        return datetime(2025, 5, 1, tzinfo=UTC) + timedelta(seconds=self.at)


@pytest.fixture
def model():
    """Makes clients, and closes them."""
    made = []

    def make(script, clock=None, **given):
        clocks = _Clocks(clock.monotonic, clock.sleep, clock.now) if clock else None
        endpoint = ModelEndpoint(script.url, "some-model", "key", **{"timeout": 20.0, **given})
        made.append(ChatModel(endpoint, Metrics(), clocks))
        return made[-1]

    yield make
    for client in made:
        client.close()


def count(asked, name, **labels):
    return asked._metrics.registry.get_sample_value(f"mneme_llm_{name}_total", labels) or 0.0


def failure(asked, seconds=20.0):
    with pytest.raises(ModelFailedError) as caught:
        asked.ask(ASKED, seconds=seconds)
    return caught.value.kind


def test_an_answer_with_its_cost(model):
    with scripted_llm() as script:
        asked = model(script)
        assert '"statements"' in asked.ask(ASKED, seconds=5)
        (body,) = script.requests
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert (body["model"], body["temperature"], body["stream"]) == ("some-model", 0, False)
    assert count(asked, "tokens", direction="in") == 1200
    assert count(asked, "tokens", direction="out") == 80
    assert count(asked, "calls", outcome="ok") == 1


@pytest.mark.parametrize("bad", ["error", "reset", "status_503", "status_529", "not_http"])
def test_it_tries_again_with_growing_pauses(model, bad):
    clock = Time()
    with scripted_llm(bad, bad, "good") as script:
        assert model(script, clock).ask(ASKED, seconds=20)
        assert len(script.requests) == 3
    first, second = clock.slept
    assert 0.25 <= first <= 0.5 <= second <= 1.0


def test_it_waits_as_long_as_it_is_told(model):
    clock = Time()
    with scripted_llm("limited_shortly", "good") as script:
        model(script, clock).ask(ASKED, seconds=20)
    assert clock.slept == [2.0]


def test_a_wait_beyond_its_time_ends_it_and_is_respected_afterwards(model):
    clock = Time()
    with scripted_llm("limited", "good") as script:
        asked = model(script, clock)
        assert failure(asked) == "status_429"
        assert failure(asked) == "resting"
        assert len(script.requests) == 1
        clock.at += 31
        assert asked.ask(ASKED, seconds=20)
    assert clock.slept == []


HOPELESS = {
    "forbidden": "status_401", "status_404": "status_404", "huge": "too_large", "html": "invalid",
    "no_choices": "invalid", "empty": "empty", "null_content": "empty",
}  # fmt: skip


@pytest.mark.parametrize(("bad", "kind"), HOPELESS.items())
def test_what_would_not_get_better_is_not_repeated(model, bad, kind):
    with scripted_llm(bad) as script:
        asked = model(script)
        assert failure(asked) == kind
        assert len(script.requests) == 1
        assert count(asked, "calls", outcome=kind) == 1


@pytest.mark.parametrize("bad", ["slow", "drip"])
def test_an_answer_that_takes_too_long_is_cut(model, bad):
    with scripted_llm(bad) as script:
        began = time.monotonic()
        assert failure(model(script), seconds=0.5) == "timeout"
        assert time.monotonic() - began < 1.5


def test_nobody_at_home(model):
    with scripted_llm() as script:
        pass
    assert failure(model(script, Time())) == "unreachable"


@pytest.mark.parametrize(
    ("server", "formats"),
    [
        ("no_schema", ["json_schema", "json_object", "json_object"]),
        ("no_format", ["json_schema", "json_object", None, None]),
    ],
)
def test_it_learns_what_the_server_does_not_take(model, server, formats):
    with scripted_llm(server) as script:
        asked = model(script)
        asked.ask(ASKED, seconds=5)
        asked.ask(ASKED, seconds=5)
        assert [r.get("response_format", {}).get("type") for r in script.requests] == formats


def test_it_learns_that_a_server_takes_no_temperature(model):
    with scripted_llm("no_temperature") as script:
        asked = model(script)
        asked.ask(ASKED, seconds=5)
        asked.ask(ASKED, seconds=5)
        assert ["temperature" in r for r in script.requests] == [True, False, False]
        assert {r["response_format"]["type"] for r in script.requests} == {"json_schema"}


def test_a_request_that_is_refused_in_every_form_teaches_nothing(model):
    with scripted_llm(*["status_400"] * 4, "good") as script:
        asked = model(script)
        assert failure(asked) == "refused"
        asked.ask(ASKED, seconds=5)
        assert script.requests[-1]["response_format"]["type"] == "json_schema"


def test_after_several_failures_it_leaves_the_provider_alone_for_a_while(model):
    clock = Time()
    with scripted_llm(*["forbidden"] * 4, "good") as script:
        asked = model(script, clock)
        assert [failure(asked) for _ in range(6)] == ["status_401"] * 4 + ["resting"] * 2
        clock.at += 11
        assert asked.ask(ASKED, seconds=5)
        assert len(script.requests) == 5


def test_the_budget_of_a_day_ends_at_midnight(model):
    clock = Time()
    with scripted_llm() as script:
        asked = model(script, clock, tokens_per_day=2000)
        asked.ask(ASKED, seconds=5)
        assert failure(asked) == "daily_budget"
        clock.at += 86_400
        assert asked.ask(ASKED, seconds=5)


def test_the_budget_of_a_minute_is_waited_for_where_there_is_time(model):
    clock = Time()
    with scripted_llm() as script:
        asked = model(script, clock, tokens_per_minute=2000, timeout=100.0)
        asked.ask(ASKED, seconds=100)
        assert failure(asked, seconds=10) == "minute_budget"
        asked.ask(ASKED, seconds=100)
        assert sum(clock.slept) == pytest.approx(60)


def test_no_more_calls_at_once_than_allowed(model):
    with scripted_llm("pause") as script:
        asked = model(script, concurrency=2)
        threads = [threading.Thread(target=asked.ask, args=(ASKED,), kwargs={"seconds": 5}) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert script.most_at_once == 2
        assert count(asked, "calls", outcome="ok") == 6


def test_whoever_waits_may_stop_it_between_attempts(model):
    class StoppedError(Exception):
        pass

    def check():
        if script.requests:
            raise StoppedError

    with scripted_llm("error") as script:
        asked = model(script, Time(), concurrency=1)
        for _ in range(2):
            script.requests.clear()
            with pytest.raises(StoppedError):
                asked.ask(ASKED, seconds=20, check=check)


def test_settings_make_a_model_only_with_an_address_and_a_name():
    assert chat_model(Settings(), Metrics()) is None
    assert chat_model(Settings(llm_base_url="http://localhost:1/v1"), Metrics()) is None
    made = chat_model(Settings(llm_base_url="http://localhost:1/v1/", llm_model="m"), Metrics())
    assert (str(made._url), made.name) == ("http://localhost:1/v1/chat/completions", "m")
    made.close()
    for wrong in ("localhost:1", "http://host:port/v1", "v1"):
        with pytest.raises(MnemeError):
            chat_model(Settings(llm_base_url=wrong, llm_model="m"), Metrics())
