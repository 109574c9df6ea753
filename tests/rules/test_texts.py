"""What the papers of the repository say, held against the repository."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from app.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = {".md", ".py", ".toml", ".txt", ".yml", ".yaml", ".json", ".sql", ".sh", ".cfg", ".ini", ".example", ""}
# An absolute path of one machine.
MACHINE = re.compile(r"(?<![\w.])/(?:root|Users|home/[a-z]+)(?:/|\b)")
DEPENDENCY = re.compile(r"^[A-Za-z0-9_.-]+")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_path_of_a_machine_is_written_down():
    found = []
    for path in tracked():
        if path.suffix not in TEXT or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if MACHINE.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert not found, "\n".join(found)


def dependencies() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = [*project["dependencies"], *project["optional-dependencies"]["model"]]
    return {DEPENDENCY.match(entry).group().lower() for entry in listed}


def test_the_readme_gives_a_reason_for_each_dependency():
    readme = (ROOT / "README.md").read_text()
    section = readme.split("## Dependencies", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    named = {name.lower() for row in rows for name in re.findall(r"`([^`]+)`", row[1])}
    assert named == dependencies()
    assert all(row[2].strip() for row in rows), "every row has its reason"


def test_constraints_pin_every_dependency():
    pinned = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")
            pinned[re.sub(r"[-_.]+", "-", name).lower()] = version
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = project["optional-dependencies"]
    wanted = {
        re.sub(r"[-_.]+", "-", DEPENDENCY.match(entry).group()).lower()
        for entry in [*project["dependencies"], *groups["model"], *groups["dev"]]
    }
    assert not wanted - set(pinned), "pin them in constraints.txt"
    assert not [name for name, version in pinned.items() if "+" in version], "a local version exists on one index only"


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "LICENSE", "constraints.txt", ".ci/run", "Makefile"])
def test_the_repository_has(name):
    assert (ROOT / name).stat().st_size > 0


def test_every_decision_has_its_four_parts():
    records = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    assert [int(p.name[:4]) for p in records] == list(range(1, len(records) + 1)), "numbered without holes"
    for path in records:
        text = path.read_text()
        for part in ("## Context", "## Decision", "## Consequences", "## Alternatives"):
            assert part in text, f"{path.name} has no {part}"


def test_settings_are_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    section = readme.split("## Configuration", 1)[1].split("\n## ", 1)[0]
    named = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", section))
    assert named == {name.upper() for name in Settings.model_fields}
