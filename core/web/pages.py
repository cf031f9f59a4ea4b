"""The dashboard's files: read together when one is first asked for, and told apart by hash."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.asgi import Header

INDEX = "index.html"
KINDS = {
    ".html": b"text/html; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
    ".md": b"text/markdown; charset=utf-8",
}

# What a server says must never run here, so nothing does that is not a file of ours; and nobody
# frames the page to borrow a person's clicks.
POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: tuple[Header, ...] = (
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    # Asked about each time, and sent again only when it is another.
    (b"cache-control", b"no-cache"),
)


@dataclass(frozen=True, slots=True)
class Page:
    body: bytes
    kind: bytes
    etag: bytes


class Pages:
    """Files of some directories; those of one start belong together, whatever an upgrade does."""

    def __init__(self, directories: Iterable[Path]) -> None:
        self._directories = tuple(directories)
        self._found: Mapping[str, Page] | None = None

    async def get(self, name: str) -> Page | None:
        if self._found is None:
            self._found = await asyncio.to_thread(self._read)
        return self._found.get(name)

    def _read(self) -> Mapping[str, Page]:
        there = (each for directory in self._directories for each in directory.glob("*"))
        files = [each for each in there if each.suffix in KINDS]
        return {each.name: _page(each.read_bytes(), KINDS[each.suffix]) for each in files}


def _page(body: bytes, kind: bytes) -> Page:
    return Page(body, kind, b'"%b"' % hashlib.sha256(body).hexdigest()[:32].encode())
