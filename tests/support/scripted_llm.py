"""A chat endpoint that answers as it is told, with everything that a bad day brings."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]
Answer = Callable[[list[Json], list[Json]], list[Json]]

# Every one of these must end in local extraction. The first ones never answer well, the others answer nonsense.
FAILURES = (
    "slow", "drip", "limited", "error", "forbidden", "reset", "not_http", "empty", "no_choices", "null_content",
    "html", "invalid_utf8", "prose_only", "thought_only", "wrong_types", "invented", "echo", "huge", "deep",
)  # fmt: skip
GOOD = ("good", "unstorable", "prose", "think", "fenced", "single", "bare_list", "commas", "parts")

FIXED: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "limited": (429, b"{}", {"Retry-After": "30"}),
    "limited_shortly": (429, b"{}", {"Retry-After": "2"}),
    "error": (500, b"oops", {}),
    "forbidden": (401, b'{"error": {"message": "no such key"}}', {}),
    "no_choices": (200, b'{"choices": []}', {}),
    "html": (200, b"<html>Bad gateway</html>", {}),
    "invalid_utf8": (200, b'{"choices": [{"message": {"content": "\xff\xfe\xc3"}}]}', {}),
}
REFUSES = {"no_schema": "json_schema", "no_format": "response_format", "no_temperature": "temperature"}


def statement(text: str, turns: Sequence[Any], **given: Any) -> Json:
    """One statement as the schema wants it."""
    return {
        "text": text, "type": "fact", "subject": "user", "attribute": None, "value": None, "single_valued": False,
        "event_time": None, "valid_from": None, "valid_to": None, "turns": list(turns), "relation": "new",
        "memories": [], **given,
    }  # fmt: skip


def repeat(turns: list[Json], _memories: list[Json]) -> list[Json]:
    """A model that writes down every new turn of the user."""
    return [
        statement(f'The user wrote "{t["text"]}".', [t["turn"]]) for t in turns if t["new"] and t["by"] != "assistant"
    ]


def shown_in(body: Json) -> tuple[list[Json], list[Json]]:
    """The turns and memories of a request."""
    rows = [json.loads(line) for line in body["messages"][1]["content"].splitlines() if line.startswith("{")]
    return [row for row in rows if "turn" in row], [row for row in rows if "id" in row]


@dataclass
class Scripted:
    """What the endpoint does: `modes` in turn, the last one for good."""

    modes: list[str] = field(default_factory=lambda: ["good"])
    answer: Answer = repeat
    requests: list[Json] = field(default_factory=list)
    most_at_once: int = 0
    url: str = ""
    _running: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    ended: threading.Event = field(default_factory=threading.Event)

    def enter(self, body: Json) -> str:
        with self._lock:
            self.requests.append(body)
            self._running += 1
            self.most_at_once = max(self.most_at_once, self._running)
            return self.modes.pop(0) if len(self.modes) > 1 else self.modes[0]

    def leave(self) -> None:
        with self._lock:
            self._running -= 1

    def content(self, mode: str, body: Json) -> Any:
        """The text of the reply in this mode."""
        turns, memories = shown_in(body)
        if mode in {"wrong_types", "invented"}:
            wrong = {"wrong_types": {"text": 7, "turns": "x", "type": [], "memories": {}}, "invented": {}}[mode]
            made = [statement("The user owns a submarine.", [4711], relation="replaces", memories=[99]) | wrong]
        else:
            made = self.answer(turns, memories)
        whole = json.dumps({"statements": made})
        return {
            "prose": f'Sure! Here is "what I found":\n\n{whole}\n\nLet me know if {{anything}} is missing.',
            "prose_only": "I am sorry, I cannot help with that.",
            "think": f'<think>Maybe {{"statements": [{{"text": "no", "turns": [1]}}]}} ...</think>\n{whole}',
            "thought_only": f"<think>Let me see. {whole}",
            "fenced": f"```json\n{json.dumps({'statements': made}, indent=2)}\n```",
            "single": json.dumps(made[0]) if made else whole,
            "bare_list": json.dumps(made),
            "commas": whole.replace("}]", "},]").replace("}", ",}"),
            "truncated": whole[: int(len(whole) * 0.8)],
            "unstorable": whole.replace("wrote", "\\u0000 \\ud800 wrote"),
            "parts": [{"type": "text", "text": whole}],
            "echo": "\n".join(message["content"] for message in body["messages"]),
            "huge": whole + "x" * 1_000_000,
            "empty": "",
            "null_content": None,
            "deep": "[" * 100_000 + "{" * 100_000,
        }.get(mode, whole)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Scripted

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        mode = self.script.enter(body)
        try:
            self._answer(mode, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            self.script.leave()

    def _answer(self, mode: str, body: Json) -> None:
        if mode in FIXED:
            return self._send(*FIXED[mode])
        if mode.startswith("status_"):
            return self._send(int(mode.removeprefix("status_")), b"{}")
        if mode in REFUSES and REFUSES[mode] in json.dumps(body):
            return self._send(400, f'{{"error": "{REFUSES[mode]} is not supported"}}'.encode())
        if mode in {"reset", "not_http"}:
            return self._break(mode)
        if mode in {"slow", "pause"}:
            self.script.ended.wait(5 if mode == "slow" else 0.1)
        usage = {"prompt_tokens": 1200, "completion_tokens": 80}
        message = {"role": "assistant", "content": self.script.content(mode, body)}
        reply = json.dumps({"choices": [{"message": message}], "usage": usage}).encode()
        return self._drip(reply) if mode == "drip" else self._send(200, reply)

    def _break(self, mode: str) -> None:
        self.close_connection = True
        if mode == "not_http":
            self.wfile.write(b"\x00\x01garbage\r\n\r\n")
        else:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _drip(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for place in range(len(body)):
            if self.script.ended.wait(0.05):
                return
            self.wfile.write(body[place : place + 1])
            self.wfile.flush()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_args: object) -> None:
        """A client that went away is part of the script."""


@contextmanager
def scripted_llm(*modes: str, answer: Answer = repeat, script: Scripted | None = None) -> Iterator[Scripted]:
    """The endpoint for the time of the block; with a `script` of its own where it says something else."""
    script = script or Scripted(list(modes) or ["good"], answer)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"script": script}))
    script.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        script.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
