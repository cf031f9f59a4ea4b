"""The config file as the engine's source of what is wanted."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import secrets
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.config import disk
from core.config.edit import set_value
from core.config.entries import Unfit, digest_of, edited
from core.config.first import first_document
from core.config.jsonc import Document, JsoncError, parse
from core.config.masking import masked
from core.config.schema import Outcome, Overrides, read
from core.config.watch import FileWatch
from core.errors import ConfigError, ConfigNotWritten, EditRefused, PermissionProblem
from core.model.config import Config, Problem, ServerName
from core.model.intents import ChangeServer, FileIntent
from core.model.status import ConfigProblem
from core.ports import ConfigShown

_MOST_ATTEMPTS = 5  # to write before somebody else does
_FIRST_PAUSE = 1.0  # seconds until a file that the system did not let us read is tried again
_LONGEST_PAUSE = 60.0
_NOT_PERMITTED = (errno.EACCES, errno.EPERM, errno.EROFS)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Version:
    """One content of the file that has no problems."""

    digest: bytes
    document: Document
    outcome: Outcome


class _Unreadable(ConfigError):
    """The system did not let us read; unlike a mistake in the file it may pass without an edit."""


class ConfigFile:
    """Implements ``core.ports.ConfigSource`` on one file; for one event loop.

    What the file says is taken over as a whole, and only without a single problem.
    """

    def __init__(self, path: Path, overrides: Overrides) -> None:
        self.path = path
        self._overrides = overrides
        self._lock = asyncio.Lock()  # one reading or writing of the file at a time
        self._new_key = secrets.token_hex(32)  # for a file that has no api_key
        self._active: tuple[bytes, Config] | None = None  # with the digest of the content
        self._good = b""  # the content of the version in use
        self._reported: bytes | tuple[Problem, ...] | None = None  # content or problems
        self._blind = False  # the system gives us no notice of changes
        self._loaded: Callable[[Config], None] = _to_nobody
        self._rejected: Callable[[ConfigProblem], None] = _to_nobody

    async def load(self) -> Config:
        """Read and check the file, creating it if absent.

        Raises ConfigError with every problem found, PermissionProblem when the file or its
        directory may not be used.
        """
        async with self._lock:
            try:
                version = await asyncio.to_thread(self._read_or_create)
            except (disk.NotAFile, disk.ChangedOnDisk, OSError) as error:
                raise self._unusable(error) from error
            return self._accept(version)

    def examine(self) -> Config | None:
        """What ``load`` would give, or None when there is no file; writes nothing, and blocks.

        Raises as ``load`` does.
        """
        try:
            outcome = self._check(disk.read(self.path)).outcome
            if outcome.has_api_key or self._overrides.api_key is not None:
                return outcome.config
            return replace(outcome.config, api_key=self._new_key)
        except FileNotFoundError:
            return None
        except (disk.NotAFile, OSError) as error:
            raise self._unusable(error) from error

    def watch(
        self, loaded: Callable[[Config], None], rejected: Callable[[ConfigProblem], None]
    ) -> Coroutine[Any, Any, None]:
        """Report every later version of the file, and everything wrong with it, until cancelled.

        A good version after a bad one is reported even when it is the one in use, with the
        same revision. Both functions are called on the loop.
        """
        self._loaded = loaded
        self._rejected = rejected
        return self._watch()

    async def set_enabled(self, name: ServerName, enabled: bool) -> None:
        """``edit`` of one member."""
        await self.edit(ChangeServer(name, {"enabled": enabled}))

    async def set_quarantined(self, name: ServerName, quarantined: bool) -> None:
        """``edit`` of one member."""
        await self.edit(ChangeServer(name, {"quarantined": quarantined}))

    async def edit(self, edit: FileIntent) -> None:
        """Change entries of the file and report the new version before returning.

        Raises ConfigError when the file as it stands on disk cannot be used, EditRefused when
        it could not be used afterwards, ConfigNotWritten when the system does not let us write.
        """
        async with self._lock:
            try:
                version = await asyncio.to_thread(self._write, edit)
            except OSError as error:
                raise ConfigNotWritten(str(self.path), error) from error
            if version.digest != self._reported:
                self._loaded(self._accept(version))

    async def restore(self) -> None:
        """Put the version in use where the file was deleted or cannot be used, and report it.

        What stood there is kept as ``NAME.bak``. Raises ConfigError, ConfigNotWritten.
        """
        async with self._lock:
            try:
                version = await asyncio.to_thread(self._restore, self._good)
            except disk.NotAFile as error:
                raise self._unusable(error) from error
            except OSError as error:
                raise ConfigNotWritten(str(self.path), error) from error
            if version.digest != self._reported:
                self._loaded(self._accept(version))

    async def show(self) -> ConfigShown:
        """The file as it is on disk, secrets masked. Raises ConfigError when it cannot be used."""
        async with self._lock:
            version = await asyncio.to_thread(self._read)
        text = version.document.text
        return ConfigShown(str(self.path), masked(text), digest_of(text))

    async def try_out(self, text: str) -> Sequence[Problem]:
        """Everything that would be wrong with the file if it had that text."""
        try:
            await asyncio.to_thread(self._check, text.encode(errors="replace"))
        except ConfigError as error:
            return error.problems
        return ()

    async def _watch(self) -> None:
        async with FileWatch(self.path) as watch:
            await self._follow(watch)
            pause = None  # nothing is tried again as long as all is well
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await watch.changed()
                sees = await self._follow(watch)
                reads = await self._look()
                if sees and reads:
                    pause = None
                else:
                    pause = min(2 * pause, _LONGEST_PAUSE) if pause is not None else _FIRST_PAUSE

    async def _follow(self, watch: FileWatch) -> bool:
        """Whether changes will be noticed."""
        try:
            await watch.follow()
            self._blind = False
        except OSError as error:
            if not self._blind:
                self._blind = True
                log.warning(
                    "changes of the config file are noticed only within a minute",
                    extra={"fields": {"file": str(self.path), "why": _reason(error)}},
                )
        return not self._blind

    async def _look(self) -> bool:
        """Report what the file says; whether the system let us read it."""
        async with self._lock:
            try:
                version = await asyncio.to_thread(self._read)
            except ConfigError as error:
                if error.problems != self._reported:
                    self._reported = error.problems
                    self._rejected(ConfigProblem(str(self.path), error.problems))
                return not isinstance(error, _Unreadable)
            if version.digest != self._reported:
                self._loaded(self._accept(version))
            return True

    def _accept(self, version: _Version) -> Config:
        """Make a version the one in use; it gets a new revision if its content is new."""
        self._reported = version.digest
        self._good = version.document.text.encode()
        if self._active is None:
            self._active = version.digest, replace(version.outcome.config, revision=1)
        elif self._active[0] != version.digest:
            revision = self._active[1].revision + 1
            self._active = version.digest, replace(version.outcome.config, revision=revision)
        return self._active[1]

    # --- in a thread --------------------------------------------------------------------------

    def _read_or_create(self) -> _Version:
        version = self._first_version()
        if not version.outcome.config.api_key:
            log.warning(
                "api_key is empty: every program on this machine can control the servers",
                extra={"fields": {"file": str(self.path)}},
            )
        return version

    def _first_version(self) -> _Version:
        disk.remove_leftovers(self.path)
        for _ in range(_MOST_ATTEMPTS):
            try:
                return self._with_key(disk.read(self.path))
            except FileNotFoundError:
                # another program may create it in between: then that file counts
                with suppress(disk.ChangedOnDisk):
                    data = first_document(self._new_key).encode()
                    disk.replace(self.path, data, expected=None)
        return self._read()

    def _read(self) -> _Version:
        """Raises ConfigError, whatever is wrong."""
        try:
            return self._with_key(disk.read(self.path))
        except FileNotFoundError:
            message = (
                "the file was deleted; the last good settings stay active. "
                "Restore it from the tray's menu, or bring it back"
            )
        except (disk.NotAFile, OSError) as error:
            message = (
                f"the file cannot be read: {_reason(error)}; the last good settings stay active"
            )
            kind = _Unreadable if isinstance(error, OSError) else ConfigError
            raise kind(str(self.path), [Problem("", message)]) from error
        raise ConfigError(str(self.path), [Problem("", message)])

    def _check(self, data: bytes) -> _Version:
        try:
            document = parse(_decode(data))
        except JsoncError as error:
            message = f"{error.message} (column {error.column})"
            raise ConfigError(str(self.path), [Problem("", message, error.line)]) from error
        outcome = read(document, self._overrides)
        if outcome.problems:
            raise ConfigError(str(self.path), outcome.problems)
        return _Version(hashlib.sha256(data).digest(), document, outcome)

    def _with_key(self, data: bytes) -> _Version:
        """Check the content; a missing api_key is added to the file, or else only to memory."""
        version = self._check(data)
        if version.outcome.has_api_key or self._overrides.api_key is not None:
            return version
        text = set_value(version.document.text, ("api_key",), self._new_key)
        try:
            disk.replace(self.path, text.encode(), expected=data)
        except (disk.ChangedOnDisk, OSError) as error:
            log.warning(
                "a new api_key could not be saved and is valid only until the program ends",
                extra={"fields": {"file": str(self.path), "why": _reason(error)}},
            )
            config = replace(version.outcome.config, api_key=self._new_key)
            return replace(version, outcome=replace(version.outcome, config=config))
        return self._check(text.encode())

    def _write(self, edit: FileIntent) -> _Version:
        for _ in range(_MOST_ATTEMPTS):
            version = self._read()
            try:
                after = edited(version.document, version.outcome.entries, edit).encode(
                    errors="replace"
                )
                changed = self._check(after)
            except Unfit as unfit:
                raise EditRefused(str(self.path), [unfit.problem]) from None
            except ConfigError as error:
                raise EditRefused(str(self.path), error.problems) from None
            if changed.outcome.config == version.outcome.config:
                return version  # it says so already
            with suppress(disk.ChangedOnDisk):
                disk.replace(self.path, after, expected=version.document.text.encode())
                return changed
        raise self._kept_changing()

    def _restore(self, good: bytes) -> _Version:
        for _ in range(_MOST_ATTEMPTS):
            try:
                found = disk.read(self.path)
            except FileNotFoundError:
                found = None
            if found is not None:
                with suppress(ConfigError):
                    return self._check(found)  # it is in order
            with suppress(disk.ChangedOnDisk):
                disk.replace(self.path, good, expected=found)
                return self._check(good)
        raise self._kept_changing()

    def _kept_changing(self) -> ConfigError:
        words = "another program keeps changing the file: try again in a moment"
        return ConfigError(str(self.path), [Problem("", words)])

    def _unusable(self, error: Exception) -> ConfigError | PermissionProblem:
        if isinstance(error, OSError) and error.errno in _NOT_PERMITTED:
            return PermissionProblem(
                f"{self.path} cannot be read or created: {_reason(error)}. Make the file and its "
                "directory yours, or name another file with --config."
            )
        problem = Problem("", f"the file cannot be used: {_reason(error)}")
        return ConfigError(str(self.path), [problem])


def _decode(data: bytes) -> str:
    """Raises JsoncError where the bytes are not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise JsoncError("this is UTF-16 text: save the file as UTF-8", 1, 1) from error
        good = data[: error.start].decode()
        column = len(good) - (good.rfind("\n") + 1) + 1
        message = "this is not UTF-8 text: save the file as UTF-8"
        raise JsoncError(message, good.count("\n") + 1, column) from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error) or "another program changed it meanwhile"


def _to_nobody(_: object) -> None:
    """Where reports go as long as nobody watches."""
