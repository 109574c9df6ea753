import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from app.domain.memory import MemoryType
from app.domain.policy import DEFAULT, PRESETS, Policy, Preset, load_policy, parse_policy, preset_policy
from app.errors import InvalidInputError

ROOT = Path(__file__).parents[2]


def test_every_preset_but_custom_has_a_policy():
    assert set(PRESETS) == set(Preset) - {Preset.CUSTOM}
    assert preset_policy("default") == DEFAULT


def test_presets_differ_from_each_other():
    bodies = {preset: policy.model_dump_json() for preset, policy in PRESETS.items()}
    assert len(set(bodies.values())) == len(bodies)


@pytest.mark.parametrize("policy", PRESETS.values(), ids=list(PRESETS))
def test_a_policy_survives_its_own_json(policy):
    assert parse_policy(policy.model_dump(mode="json")) == policy
    assert load_policy(policy.model_dump(mode="json")) == policy


@pytest.mark.parametrize("name", ["custom", "nope", ""])
def test_an_unknown_preset_is_refused_with_the_known_ones(name):
    with pytest.raises(InvalidInputError, match="engram"):
        preset_policy(name)


def test_each_refused_field_has_its_pointer():
    body = DEFAULT.model_dump(mode="json")
    body["segment"]["max_events"] = 0
    body["recall"]["dense"] = "much"
    body["nonsense"] = 1
    del body["secrets"]
    with pytest.raises(InvalidInputError) as refused:
        parse_policy(body, pointer="/policy")
    pointers = {error.pointer for error in refused.value.errors}
    assert pointers == {"/policy/segment/max_events", "/policy/recall/dense", "/policy/nonsense", "/policy/secrets"}


def test_a_stored_policy_from_before_a_setting_existed_takes_its_default():
    body = DEFAULT.model_dump(mode="json")
    del body["blocks"]
    del body["segment"]["topic_drift"]
    assert load_policy(body) == DEFAULT


def test_a_stored_setting_that_is_gone_is_left_out():
    body = DEFAULT.model_dump(mode="json")
    body["retention"]["archive_below"] = 0.05
    body["dreams"] = {"enabled": True}
    assert load_policy(body) == DEFAULT


def test_every_setting_is_read_somewhere():
    """A setting that nothing reads is a promise that nothing keeps."""
    sources = "\n".join(
        path.read_text()
        for package in ("app", "workers")
        for path in (ROOT / package).rglob("*.py")
        if path.name not in {"policy.py", "presets.py"}
    )
    columns = (ROOT / "app/domain/columns.py").read_text()  # a weight is read by the name of its column
    silent = [
        f"{section}.{name}"
        for section, field in Policy.model_fields.items()
        for name in field.annotation.model_fields
        if not re.search(rf"\.{name}\b", sources) and not (section == "recall" and f'"{name}": ' in columns)
    ]
    assert silent == []


def test_every_field_is_required_and_of_one_type():
    def fields(model: type[BaseModel]) -> list[str]:
        return [name for name, field in model.model_fields.items() if not field.is_required()]

    sections = [field.annotation for field in Policy.model_fields.values()]
    assert [name for section in (Policy, *sections) for name in fields(section)] == []
    assert "anyOf" not in str(Policy.model_json_schema())


def test_procedures_do_not_decay():
    assert DEFAULT.retention.tau_days.of(MemoryType.PROCEDURE) == 0.0
    assert DEFAULT.retention.tau_days.of(MemoryType.FACT) == 30.0


def test_every_setting_and_preset_is_documented():
    page = (ROOT / "docs" / "policy.md").read_text()
    presets, settings = page.split("\n## Settings", 1)
    assert re.findall(r"^\| `(\w+)` \|", presets, re.MULTILINE) == [preset.value for preset in PRESETS]
    for section, field in Policy.model_fields.items():
        part = settings.split(f"### `{section}`", 1)[1].split("\n### ", 1)[0]
        named = set(re.findall(r"`(\w+)`", "".join(row.split("|")[1] for row in part.splitlines() if "|" in row)))
        assert named == set(field.annotation.model_fields), section


def test_the_page_names_every_setting_that_a_preset_changes():
    page = (ROOT / "docs" / "policy.md").read_text()
    default = DEFAULT.model_dump(mode="json")
    words = {"scenes.enabled": "no scenes", "blocks.profile_lines": "no blocks", "blocks.session_summary": "no"}
    words |= {"segment.topic_drift": "cut by topic", "segment.gap_minutes": "a whole day"}
    words |= {"segment.max_events": "room|max_events", "segment.max_tokens": "room|max_tokens"}
    for preset, policy in PRESETS.items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{preset.value}` |")]
        for section, values in policy.model_dump(mode="json").items():
            for name, value in values.items():
                if value != default[section][name]:
                    assert re.search(words.get(f"{section}.{name}", rf"`{section}\.{name}`"), row), (
                        preset,
                        section,
                        name,
                    )
