"""Whether there is a newer version: asked only when a person clicks, and only where they said.

What is asked is a JSON document with a ``version`` or, as GitHub's latest release has it, a
``tag_name``. What was found is remembered, so that the menu can say it without asking again.
"""

from __future__ import annotations

import json
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from core import __version__
from core.errors import McpProxyError

LIMIT = 10.0  # seconds for the whole question
LARGEST = 256 * 1024  # bytes of the answer
_VERSION = re.compile(r"v?(\d{1,9}(?:\.\d{1,9}){1,3})")  # releases only: nothing like 2.0rc1


class UpdateProblem(McpProxyError):
    """It could not be found out; ``str()`` says why."""


@dataclass(frozen=True, slots=True)
class Updates:
    """``file`` remembers what was found, and which version a person does not want to hear of."""

    file: Path
    url: str
    installed: str = __version__

    def check(self) -> str | None:
        """Ask: a version newer than this one, or None. Blocks. Raises UpdateProblem."""
        if not self.url:
            raise UpdateProblem(
                'Nobody is asked for newer versions. Name an address in "update_url" in the '
                "config file."
            )
        found = version_in(_fetched(self.url), urlsplit(self.url).netloc)
        self._keep(found, "")  # who asks wants to hear of what was put off, too
        return self.available()

    def available(self) -> str | None:
        """The newer version that was found and not put off. Blocks."""
        found, unwanted = self._kept()
        return found if found != unwanted and is_newer(found, self.installed) else None

    def put_off(self, version: str) -> None:
        """Say nothing more of this version. Blocks. Raises UpdateProblem."""
        self._keep(self._kept()[0], version)

    def _kept(self) -> tuple[str, str]:
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(self.file.read_text(encoding="utf-8"))
            return str(kept["found"]), str(kept["unwanted"])
        return "", ""

    def _keep(self, found: str, unwanted: str) -> None:
        draft = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        try:
            draft.write_text(json.dumps({"found": found, "unwanted": unwanted}), encoding="utf-8")
            draft.replace(self.file)
        except OSError as error:
            raise UpdateProblem(
                f"{self.file} cannot be written: {error.strerror or error}."
            ) from None
        finally:
            with suppress(OSError):
                draft.unlink()


def version_in(answer: bytes, host: str) -> str:
    """The version that an answer of ``host`` names. Raises UpdateProblem."""
    with suppress(ValueError):
        told = json.loads(answer)
        if isinstance(told, dict):
            named = _VERSION.fullmatch(str(told.get("version") or told.get("tag_name") or ""))
            if named is not None:
                return named[1]
    raise UpdateProblem(f'{host} names no version. Check "update_url" in the config file.')


def is_newer(version: str, than: str) -> bool:
    """Whether a release comes after another; what is no release does not."""
    one, other = _VERSION.fullmatch(version), _VERSION.fullmatch(than)
    return one is not None and other is not None and _numbers(one[1]) > _numbers(other[1])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in f"{version}.0.0".split(".")[:4])


def _fetched(url: str) -> bytes:
    """The answer; redirects are not followed, so nobody but the host in the file is asked."""
    import httpx

    host, deadline = urlsplit(url).netloc, time.monotonic() + LIMIT
    headers = {"User-Agent": f"mcpproxy-tray/{__version__}", "Accept": "application/json"}
    try:
        with httpx.stream("GET", url, headers=headers, timeout=LIMIT) as answer:
            if answer.status_code != httpx.codes.OK:
                raise UpdateProblem(f"{host} answered with status {answer.status_code}.")
            data = b""
            for piece in answer.iter_bytes():
                data += piece
                if len(data) > LARGEST:
                    raise UpdateProblem(f"{host} answered with more than could be a version.")
                if time.monotonic() > deadline:
                    raise UpdateProblem(f"{host} did not finish its answer in {LIMIT:g} seconds.")
    except httpx.HTTPError as error:
        why = str(error) or type(error).__name__
        raise UpdateProblem(f"{host} could not be asked: {why}.") from None
    return data
