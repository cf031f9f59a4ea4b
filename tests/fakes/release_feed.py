"""Where newer versions are announced: a web server on a thread of its own, for one test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ReleaseFeed:
    """Answers every request with ``body`` and ``status``; counts them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.status = 200
        self.body = b'{"version": "9.8.7"}'
        self.headers: dict[str, str] = {}
        self.asked = 0


@contextmanager
def release_feed() -> Iterator[ReleaseFeed]:
    """One that answers for as long as the block runs."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            feed.asked += 1
            self.send_response(feed.status)
            for name, value in feed.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(feed.body)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        feed = ReleaseFeed(f"http://127.0.0.1:{server.server_port}/latest.json")
        thread = threading.Thread(target=server.serve_forever, name="release feed")
        thread.start()
        try:
            yield feed
        finally:
            server.shutdown()
            thread.join()
