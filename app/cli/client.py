"""The service that a command talks to: by MNEME_URL, in MNEME_HOME, or started for the command's duration."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from app.cli.console import errors
from app.cli.failure import CommandError
from app.embedded.home import Home
from app.embedded.logs import tail
from app.embedded.parent import VARIABLE
from app.settings import Settings

START_SECONDS = 180.0  # a first start makes the database; then it is seconds
STOP_SECONDS = 12.0  # the service promises 10
TRIES = 8  # of a request that is refused for now (429, 503) or finds nobody there
LONGEST_PAUSE = 10.0  # seconds between two tries


class Service:
    """HTTP calls with the key of the instance. A refusal ends the command with the problem's own words."""

    def __init__(self, url: str, key: str, *, timeout: float = 90.0) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {key}"} if key else {}, timeout=timeout
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """The JSON answer to a GET; parameters that are None are left out."""
        return self.send("GET", path, params={k: v for k, v in query.items() if v is not None}).json()

    def post(self, path: str, body: Any, **query: Any) -> Any:
        """The JSON answer to a POST, safe to repeat: every try carries the same Idempotency-Key."""
        return self.send("POST", path, json=body, params=query, headers={"Idempotency-Key": uuid4().hex}).json()

    def delete(self, path: str) -> None:
        """A DELETE."""
        self.send("DELETE", path, headers={"Idempotency-Key": uuid4().hex})

    def items(self, path: str, **query: Any) -> Iterator[Any]:
        """All items of a paged list."""
        cursor: str | None = None
        while True:
            page = self.get(path, **query, limit=1000, cursor=cursor)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One call, repeated while the service says "later"; raises CommandError for every other refusal."""
        answer = self.attempt(method, path, **options)
        if answer.is_success:
            return answer
        raise CommandError(explain(answer))

    @contextmanager
    def stream(self, method: str, path: str, **options: Any) -> Iterator[Iterator[bytes]]:
        """The bytes of a long answer as they come; raises CommandError for a refusal."""
        try:
            with self._http.stream(method, path, **options) as answer:
                if not answer.is_success:
                    answer.read()
                    raise CommandError(explain(answer))
                yield answer.iter_bytes()
        except httpx.HTTPError as error:
            raise CommandError(f"{self.url} ended the answer early ({error}).") from error

    def attempt(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The same without judging the answer."""
        for number in range(TRIES):
            last = number == TRIES - 1
            pause = min(LONGEST_PAUSE, 0.2 * 2**number)
            try:
                answer = self._http.request(method, path, **options)
            except httpx.HTTPError as error:
                if last:
                    raise CommandError(f"{self.url} does not answer ({error}). Is the service running?") from error
            else:
                if answer.status_code not in {429, 503} or last:
                    return answer
                asked = answer.headers.get("Retry-After", "")
                pause = min(LONGEST_PAUSE, float(asked)) if asked.isdigit() else pause
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")


def explain(answer: httpx.Response) -> str:
    """A problem document in one or a few lines."""
    try:
        problem = answer.json()
        lines = [f"{problem['title']}: {problem['detail']}"]
        lines += [f"  {e['pointer']}: {e['detail']}" for e in problem["errors"]]
    except (ValueError, KeyError, TypeError):
        return f"{answer.request.url} answered {answer.status_code}"
    return "\n".join(lines)


@contextmanager
def connect(settings: Settings) -> Iterator[Service]:
    """The service of the settings; with none running, one is started here and stopped afterwards."""
    if settings.mneme_url is not None:
        with Service(settings.mneme_url, find_key(settings)) as service:
            yield service
        return
    url = running_url(settings)
    if url is not None:
        with Service(url, find_key(settings)) as service:
            yield service
        return
    errors.print("No service is running; starting one for this command.", style="dim")
    with started(settings.mneme_home, {}) as url, Service(url, find_key(settings)) as service:
        yield service


def running_url(settings: Settings) -> str | None:
    """The address of the instance of MNEME_HOME, if it answers."""
    try:
        url = Home(settings.mneme_home.expanduser().absolute()).address_file.read_text().strip()
        return url if httpx.get(f"{url}/health/live", timeout=5).is_success else None
    except (OSError, httpx.HTTPError):
        return None


def find_key(settings: Settings) -> str:
    """MNEME_API_KEY, else the key that lies in MNEME_HOME."""
    if settings.mneme_api_key is not None:
        return settings.mneme_api_key.get_secret_value()
    file = Home(settings.mneme_home.expanduser().absolute()).key_file
    try:
        return file.read_text().strip()
    except OSError as error:
        raise CommandError(f"no API key: set MNEME_API_KEY ({file} cannot be read)") from error


@contextmanager
def started(home: Path, environment: dict[str, str]) -> Iterator[str]:
    """`mneme serve` as our child on a free port; its URL. It ends with the block, or with us."""
    names = Home.open(home)
    output = names.log("serve")
    names.address_file.unlink(missing_ok=True)  # nobody answers there
    full = os.environ | {"MNEME_HOME": str(names.path), "MNEME_PORT": "0", VARIABLE: str(os.getpid())} | environment
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=full,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + START_SECONDS
        while not names.address_file.exists():
            if process.poll() is not None or time.monotonic() > until:
                raise CommandError(f"the service does not start:\n{tail(output)}")
            time.sleep(0.05)
        yield names.address_file.read_text().strip()
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
