"""A Qdrant server for tests: the REST calls that `app/index/server.py` makes, answered by Qdrant Edge.

`python tests/support/qdrant_server.py --port 6333 --dir DIR --api-key KEY`; prints one line when it listens.
"""

import argparse
import hmac
import json
import re
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import qdrant_edge as qe

if __name__ == "__main__":  # run as a file: the folder of `tests` is not on the path
    sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support import qdrant_translate as translate
from tests.support.qdrant_translate import BadRequestError, Json

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


class MissingError(Exception):
    """No such collection or route; answered with 404."""


class Collections:
    """Edge shards in the folders of one directory, and aliases in a file beside them. One lock for everything."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.lock = threading.RLock()
        self.shards: dict[str, qe.EdgeShard] = {}
        self.layouts: dict[str, Json] = {}
        for path in root.iterdir():
            if path.is_dir():
                self.shards[path.name] = qe.EdgeShard.load(str(path))
                self.layouts[path.name] = json.loads((path / "layout.json").read_text())
        self.aliases: dict[str, str] = {}
        if self._aliases.exists():
            self.aliases = json.loads(self._aliases.read_text())

    @property
    def _aliases(self) -> Path:
        return self.root / "aliases.json"

    def name(self, given: str) -> str:
        """The collection that a name or an alias means."""
        found = self.aliases.get(given, given)
        if found not in self.shards:
            raise MissingError(f"Not found: Collection `{given}` doesn't exist!")
        return found

    def has(self, given: str) -> bool:
        return self.aliases.get(given, given) in self.shards

    def shard(self, given: str) -> qe.EdgeShard:
        return self.shards[self.name(given)]

    def create(self, name: str, body: Json) -> bool:
        if not NAME.fullmatch(name):
            raise BadRequestError(f"not a collection's name: {name}")
        if name in self.shards:
            raise FileExistsError(f"Wrong input: Collection `{name}` already exists!")
        path = self.root / name
        path.mkdir()
        self.shards[name] = qe.EdgeShard.create(str(path), translate.layout(body))
        self.layouts[name] = {key: value for key, value in body.items() if value is not None}
        (path / "layout.json").write_text(json.dumps(self.layouts[name]))
        return True

    def drop(self, name: str) -> bool:
        shard = self.shards.pop(name, None)
        if shard is None:
            return False
        shard.close()
        shutil.rmtree(self.root / name)
        self._point({alias: meant for alias, meant in self.aliases.items() if meant != name})
        return True

    def describe(self, given: str) -> Json:
        name = self.name(given)
        info = self.shards[name].info()
        layout = self.layouts[name]
        hnsw = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000, **(layout.get("hnsw_config") or {})}
        return {
            "status": "green",
            "optimizer_status": "ok",
            "segments_count": info.segments_count,
            "points_count": info.points_count,
            "payload_schema": {
                field: {
                    "data_type": "float" if field in {"occurred", "live_from", "live_until"} else "keyword",
                    "points": 0,
                }
                for field in info.payload_schema
            },
            "config": {
                "params": {"vectors": layout["vectors"], "sparse_vectors": layout["sparse_vectors"]},
                "hnsw_config": {key: value for key, value in hnsw.items() if value is not None},
                "optimizer_config": {
                    "deleted_threshold": 0.2,
                    "vacuum_min_vector_number": 1000,
                    "default_segment_number": 0,
                    "flush_interval_sec": 5,
                },
                "wal_config": None,
            },
        }

    def change_aliases(self, body: Json) -> bool:
        known = dict(self.aliases)
        for action in body["actions"]:
            if "create_alias" in action:
                known[action["create_alias"]["alias_name"]] = self.name(action["create_alias"]["collection_name"])
            elif "delete_alias" in action:
                known.pop(action["delete_alias"]["alias_name"], None)
            else:
                raise BadRequestError(f"not supported here: {sorted(action)}")
        self._point(known)
        return True

    def _point(self, known: dict[str, str]) -> None:
        self.aliases = known
        self._aliases.write_text(json.dumps(known))

    def close(self) -> None:
        with self.lock:
            for shard in self.shards.values():
                shard.flush()
                shard.close()
            self.shards.clear()


def _updated(shard: qe.EdgeShard, operation: qe.UpdateOperation) -> Json:
    shard.update(operation)
    return {"operation_id": 0, "status": "completed"}


def _scrolled(found: tuple[list[Any], Any]) -> Json:
    records, after = found
    return {
        "points": [translate.plain(record) for record in records],
        "next_page_offset": None if after is None else str(after),
    }


def _searched(shard: qe.EdgeShard, searches: list[Json]) -> list[Json]:
    answers = shard.query_batch(qe.QueryBatchRequest([translate.query(one) for one in searches]))
    return [{"points": [translate.plain(hit) for hit in found]} for found in answers]


Route = Callable[[Collections, str, Json], Any]
ROUTES: list[tuple[str, str, Route]] = [
    ("GET", r"/collections", lambda it, _, __: {"collections": [{"name": name} for name in sorted(it.shards)]}),
    ("GET", r"/aliases", lambda it, _, __: {"aliases": [
        {"alias_name": alias, "collection_name": name} for alias, name in sorted(it.aliases.items())
    ]}),
    ("POST", r"/collections/aliases", lambda it, _, body: it.change_aliases(body)),
    ("GET", r"/collections/([^/]+)", lambda it, name, _: it.describe(name)),
    ("PUT", r"/collections/([^/]+)", lambda it, name, body: it.create(name, body)),
    ("DELETE", r"/collections/([^/]+)", lambda it, name, _: it.drop(name)),
    ("GET", r"/collections/([^/]+)/exists", lambda it, name, _: {"exists": it.has(name)}),
    ("PUT", r"/collections/([^/]+)/index",
     lambda it, name, body: _updated(it.shard(name), translate.payload_index(body))),
    ("PUT", r"/collections/([^/]+)/points", lambda it, name, body: _updated(it.shard(name), translate.points(body))),
    ("POST", r"/collections/([^/]+)/points/delete",
     lambda it, name, body: _updated(it.shard(name), translate.deletion(body))),
    ("POST", r"/collections/([^/]+)/points/query/batch",
     lambda it, name, body: _searched(it.shard(name), body["searches"])),
    ("POST", r"/collections/([^/]+)/points/scroll",
     lambda it, name, body: _scrolled(it.shard(name).scroll(translate.page(body)))),
    ("POST", r"/collections/([^/]+)/points/count", lambda it, name, body: {
        "count": it.shard(name).count(qe.CountRequest(exact=True, filter=translate.conditions(body.get("filter"))))
    }),
]  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    """One request: the key, the route, the answer in Qdrant's envelope."""

    protocol_version = "HTTP/1.1"
    collections: Collections
    api_key: str | None

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        raw = self.rfile.read(length)
        path = urlsplit(self.path).path
        if path in {"/", "/healthz", "/readyz", "/livez"}:
            self._send(200, {"title": "qdrant test support", "version": "1.20.0"} if path == "/" else None)
            return
        given = self.headers.get("api-key") or ""
        if self.api_key is not None and not hmac.compare_digest(given.encode(), self.api_key.encode()):
            self._send(401, {"status": {"error": "Must provide an API key or an Authorization bearer token"}})
            return
        try:
            result = self._route(path, json.loads(raw) if raw else {})
        except MissingError as error:
            self._send(404, {"status": {"error": str(error)}})
        except FileExistsError as error:
            self._send(409, {"status": {"error": str(error)}})
        except (BadRequestError, KeyError, TypeError, ValueError) as error:
            self._send(400, {"status": {"error": f"Bad request: {error!r}"}})
        except Exception as error:  # noqa: BLE001 - the engine raises nothing narrower
            self._send(500, {"status": {"error": str(error)}})
        else:
            self._send(200, {"result": result, "status": "ok", "time": 0.0})

    do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - names of the standard library

    def _route(self, path: str, body: Json) -> Any:
        for method, pattern, route in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == self.command:
                with self.collections.lock:
                    return route(self.collections, unquote(found[1]) if found.groups() else "", body)
        raise MissingError(f"not supported here: {self.command} {path}")

    def _send(self, status: int, body: Any) -> None:
        raw = b"" if body is None else json.dumps(body).encode()
        head = f"HTTP/1.1 {status} {self.responses[status][0]}\r\nContent-Type: application/json\r\n"
        self.wfile.write(f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw)  # one write: no delayed segment

    def log_message(self, *_: Any) -> None:
        """Quiet."""


def serve(port: int, root: Path, api_key: str | None) -> ThreadingHTTPServer:
    """A server that is bound but not yet serving; port 0 takes a free one."""
    handler = type("BoundHandler", (Handler,), {"collections": Collections(root), "api_key": api_key})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    return server


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=6333)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--api-key")
    given = parser.parse_args()
    server = serve(given.port, given.dir, given.api_key)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)  # noqa: T201
    server.serve_forever()
    server.RequestHandlerClass.collections.close()


if __name__ == "__main__":
    main()
