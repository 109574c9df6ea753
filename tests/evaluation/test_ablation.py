"""Every weight of the policy is switched off once, and the policy is put back whatever happens."""

from types import SimpleNamespace

import pytest

from app.domain.policy import DEFAULT, PRESETS, Preset, parse_policy
from app.errors import InvalidInputError, UnavailableError
from app.evaluation.ablation import ablate, weights, without


class Api:
    """A service that holds a policy and judges what is written as the real one does."""

    def __init__(self, preset="default", policy=None):
        self.preset, self.policy = preset, policy or DEFAULT.model_dump(mode="json")
        self.written = []

    def get(self, path):
        assert path == "/v1/policy"
        return {"preset": self.preset, "policy": self.policy}

    def attempt(self, method, path, *, json, headers):
        assert (method, path) == ("PUT", "/v1/policy")
        assert headers["Idempotency-Key"]
        self.written.append(json)
        try:
            written = parse_policy(json["policy"]) if "policy" in json else PRESETS[Preset(json["preset"])]
        except InvalidInputError:
            return SimpleNamespace(is_success=False, status_code=422)
        self.preset, self.policy = json.get("preset", "custom"), written.model_dump(mode="json")
        return SimpleNamespace(is_success=True, status_code=200, json=lambda: self.get(path))


def test_weights_are_read_from_the_policy():
    policy = {
        "recall": {
            "dense": 1.0, "off": 0.0, "candidates": 100, "first": True, "neighbour_share": 0.3, "words": "x",
            "signals": {"late": 0.5, "echo": -1.5},
        },
        "retention": {"gain": 1.0},
    }  # fmt: skip
    assert weights(policy) == [("recall", "dense"), ("recall", "signals", "late"), ("recall", "signals", "echo")]
    changed = without(policy, ("recall", "signals", "late"))
    assert changed["recall"]["signals"]["late"] == 0.0
    assert policy["recall"]["signals"]["late"] == 0.5


def test_every_weight_of_our_policy_can_be_switched_off():
    for path in weights(DEFAULT.model_dump(mode="json")):
        parse_policy(without(DEFAULT.model_dump(mode="json"), path))


def test_each_signal_is_off_once_and_the_preset_comes_back():
    api = Api()
    off = []

    def measure(name):
        off.append(
            [path[-1] for path in weights(DEFAULT.model_dump(mode="json")) if api.policy["recall"][path[-1]] == 0]
        )
        return {"recall@5": 0.1}

    found = ablate(api, measure)
    assert off == [[name] for name in found]
    assert len(found) == len(weights(DEFAULT.model_dump(mode="json"))) > 3
    assert (api.preset, api.policy) == ("default", DEFAULT.model_dump(mode="json"))


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_the_policy_comes_back_after_an_interruption(error):
    custom = DEFAULT.model_dump(mode="json")
    custom["recall"]["dense"] = 0.25
    api = Api("custom", custom)

    def measure(name):
        raise error

    with pytest.raises(error):
        ablate(api, measure)
    assert (api.preset, api.policy) == ("custom", custom)


def test_a_preset_that_means_something_else_now_is_put_back_whole():
    older = DEFAULT.model_dump(mode="json")
    older["recall"]["dense"] = 0.25
    api = Api("default", older)
    ablate(api, lambda name: {})
    assert api.policy == older


def test_a_zero_that_the_service_refuses_is_told():
    api = Api()
    asked = []

    def attempt(method, path, *, json, headers):
        if json.get("policy", {}).get("recall", {}).get("dense") == 0.0:
            return SimpleNamespace(is_success=False, status_code=422)
        return Api.attempt(api, method, path, json=json, headers=headers)

    api.attempt = attempt
    found = ablate(api, lambda name: asked.append(name) or {})
    assert found["dense"] is None
    assert set(found) - set(asked) == {"dense"}


def test_a_policy_that_cannot_be_put_back_is_shown():
    held = DEFAULT.model_dump(mode="json")
    held["recall"]["invented"] = 1.0
    with pytest.raises(UnavailableError, match="invented"):
        ablate(Api("custom", held), lambda name: {})
