"""A file server on this machine that behaves, or misbehaves, as a test asks."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[Any], Any]


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]


@dataclass
class Page:
    """What stands under an address.

    ``faults`` are used up one a request: a status (with headers), or ``("cut", n)``, which breaks
    the connection after n bytes. Without ``length`` only the end of the connection ends the file.
    """

    body: bytes
    etag: str | None = None
    length: bool = True
    faults: list[tuple[Any, ...]] = field(default_factory=list)


class Site:
    """Pages and answers to queries by path; what was asked, what was not read to its end."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.queries: dict[str, Answer] = {}
        self.asked: list[Asked] = []
        self.left_early: list[str] = []
        self.url = ""

    def put(self, path: str, body: bytes | str, etag: str | None = None) -> Page:
        content = body.encode() if isinstance(body, str) else body
        self.pages[path] = Page(content, etag or f'"{hash(content) & 0xFFFFFFFF:x}"')
        return self.pages[path]

    def asked_for(self, path: str) -> list[Asked]:
        return [one for one in self.asked if one.path == path]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def do_POST(self) -> None:
        self.note()
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if (found := self.site.queries.get(self.path)) is None:
            return self.refuse(404)
        return self.give(200, json.dumps(found(query)).encode(), {})

    def note(self) -> None:
        self.site.asked.append(Asked(self.command, self.path, dict(self.headers)))

    def refuse(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.give(status, b"refused", headers or {})

    def answer(self, *, with_body: bool) -> None:
        self.note()
        page = self.site.pages.get(self.path)
        if page is None:
            return self.refuse(404)
        fault = page.faults.pop(0) if page.faults and with_body else ()
        if fault and fault[0] != "cut":
            return self.refuse(*fault)
        start, status = 0, 200
        headers = {"ETag": page.etag} if page.etag else {}
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and self.headers.get("If-Range", page.etag) == page.etag:
            start, status = int(asked[1]), 206
            if start >= len(page.body):
                return self.refuse(416, {"Content-Range": f"bytes */{len(page.body)}"})
            headers["Content-Range"] = f"bytes {start}-{len(page.body) - 1}/{len(page.body)}"
        cut = fault[1] if fault else None
        return self.give(status, page.body[start:], headers, with_body, cut, page.length)

    def give(
        self, status: int, body: bytes, headers: dict[str, str], with_body: bool = True,
        cut: int | None = None, length: bool = True,
    ) -> None:  # fmt: skip
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            try:
                self.wfile.write(body[:cut])
            except ConnectionError:
                self.site.left_early.append(self.path)
                self.close_connection = True
        if cut is not None or not length:
            self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing about clients that leave: it is what some tests are about."""


@contextmanager
def serving() -> Iterator[Site]:
    """Serve a site on a port of this machine."""
    site = Site()
    handler = type("SiteHandler", (Handler,), {"site": site})
    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
