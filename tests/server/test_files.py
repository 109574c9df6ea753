"""The files of server mode, checked by what there is without an engine: a linter, a schema, and rules of our own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from app.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
OURS = {"migrate", "api", "worker", "beat"}


@pytest.fixture(scope="module")
def compose() -> dict:
    return YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text())


def stages() -> dict[str, list[str]]:
    """The lines of each stage of the Dockerfile, by the stage's name."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        start = re.match(r"FROM (\S+) AS (\w+)", line)
        if start:
            name = start.group(2)
            found[name] = [start.group(1)]
        elif name and line and not line.startswith("#"):
            found[name].append(line)
    return found


def test_dockerfile_passes_the_linter():
    done = subprocess.run([BIN / "hadolint", ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_sees_a_bad_dockerfile():
    bad = "FROM debian\nRUN sudo apt-get install curl\n"
    done = subprocess.run([BIN / "hadolint", "-"], input=bad, capture_output=True, text=True, check=False)
    assert done.returncode == 1


def test_compose_file_is_valid():
    command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", ROOT / "docker-compose.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_final_image_has_no_torch_and_no_root():
    final = "\n".join(stages()["final"])
    assert "torch" not in final
    assert "pip install" not in final
    assert "--from=build" in final
    assert "USER 10001:10001" in final
    assert final.index("COPY --from=encoder /models") < final.index("USER")
    assert "torch" not in "\n".join(stages()["build"])
    assert "mneme model export" in "\n".join(stages()["encoder"])


def test_the_image_takes_the_model_only_from_the_encoder_stage():
    copies = [line for line in stages()["final"] if "--from=encoder" in line]
    assert copies == ["COPY --from=encoder /models /opt/models"]


def test_what_the_image_copies_is_not_ignored():
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = set()
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            copied |= set(line.split()[1:-1])
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


def test_no_secret_has_a_default():
    text = (ROOT / "docker-compose.yml").read_text()
    for variable in re.findall(r"\$\{([A-Z_]*(?:PASSWORD|API_KEY|SECRET)[A-Z_]*)(:\?|:-|\})", text):
        name, form = variable
        assert form == ":?" or name == "LLM_API_KEY", f"{name} must be given"
    assert "changeme" not in text.lower()


def test_the_example_environment_names_what_compose_asks_for():
    text = (ROOT / "docker-compose.yml").read_text()
    asked = set(re.findall(r"\$\{([A-Z_]+)", text)) - {"MNEME_VERSION"}
    given = dict(
        line.split("=", 1)
        for line in (ROOT / "deploy/server.env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert set(given) == asked
    assert all(given[name] == "" for name in re.findall(r"\$\{([A-Z_]+):\?", text)), "an example is no default"


def test_only_the_gateway_is_published_and_only_on_loopback(compose):
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert set(published) == {"api"}
    assert all(port.startswith("127.0.0.1:") for port in published["api"])


def test_everything_of_ours_waits_for_the_migration(compose):
    services = compose["services"]
    for name in OURS - {"migrate"}:
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert services["migrate"]["depends_on"]["postgres"] == {"condition": "service_healthy"}


def test_each_service_of_ours_is_one_command_of_one_image(compose):
    for name in OURS:
        service = compose["services"][name]
        assert service["command"] == [name]
        assert service["image"].startswith("mneme:")
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]


def test_only_the_migration_sees_the_superuser(compose):
    seen = {name for name, s in compose["services"].items() if "POSTGRES_PASSWORD" in str(s.get("environment", {}))}
    assert seen == {"postgres", "migrate"}


def test_stores_are_durable_and_checked(compose):
    services = compose["services"]
    for name in ("postgres", "redis", "qdrant"):
        assert services[name]["healthcheck"]["test"][0] == "CMD"
        assert services[name]["volumes"]
    redis = services["redis"]["command"]
    assert redis[redis.index("--appendonly") + 1] == "yes"
    assert redis[redis.index("--maxmemory-policy") + 1] == "noeviction"
    assert "--requirepass" in redis
    assert "QDRANT__SERVICE__API_KEY" in services["qdrant"]["environment"]


def test_alerts_speak_of_metrics_that_exist():
    rules = YAML(typ="safe").load((ROOT / "deploy/alerts.yml").read_text())["groups"][0]["rules"]
    asked = set(re.findall(r"\bmneme_\w+", " ".join(rule["expr"] for rule in rules)))
    row = {"kind": "extract", "state": "ready", "n": 1, "oldest_seconds": 1.0}
    rendered = Metrics().render([row | {"what": "work"}, row | {"what": "events"}]).decode()
    known = {line.split()[2] for line in rendered.splitlines() if line.startswith("# TYPE ")}
    unknown = {name for name in asked if name not in known and re.sub(r"_(bucket|count|sum)$", "", name) not in known}
    assert not unknown
