"""What proves who a person is at their servers: in the keyring, else in a file only they can read.

The file tells in any case who is signed in where, so that no keyring is asked in vain. Where it
holds a null, the keyring has the text.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec

from core.config import disk
from core.errors import KeyringFailed, NotKept
from core.ports import Keyring

SIGN_INS = "sign-ins.json"  # in the data directory
PREFIX = "sign-in:"  # of the items in the keyring; no reference can name one

Entries = Mapping[str, str | None]

log = logging.getLogger(__name__)


class KeptTokens:
    """Implements ``core.ports.TokenStore``; the file is read when it is first asked."""

    def __init__(self, file: Path, keyring: Keyring) -> None:
        self._file = file
        self._keyring = keyring
        self._entries: Entries | None = None
        self._turn = asyncio.Lock()

    async def get(self, name: str) -> str | None:
        async with self._turn:
            entries = await self._known()
            if name not in entries:
                return None
            text = entries[name]
            if text is None:
                item = PREFIX + name
                text = (await self._keyring.read([item])).get(item)
            return text

    async def put(self, name: str, text: str) -> None:
        async with self._turn:
            entries = await self._known()
            in_file: str | None = text
            try:
                await self._keyring.write({PREFIX + name: text})
                in_file = None
            except KeyringFailed as error:  # none, locked, or it takes nothing so long
                facts = {"server": name, "why": str(error)}
                log.info("sign-in kept in a file", extra={"fields": facts})
            if name not in entries or entries[name] != in_file:
                await self._write({**entries, name: in_file})

    async def delete(self, name: str) -> None:
        async with self._turn:
            entries = await self._known()
            if name not in entries:
                return
            if entries[name] is None:
                try:
                    await self._keyring.delete([PREFIX + name])
                except KeyringFailed as error:  # without its mark nobody asks for it any more
                    facts = {"server": name, "why": str(error)}
                    log.warning("sign-in not deleted from the keyring", extra={"fields": facts})
            await self._write({key: text for key, text in entries.items() if key != name})

    async def _known(self) -> Entries:
        if self._entries is None:
            self._entries = await asyncio.to_thread(_read, self._file)
        return self._entries

    async def _write(self, entries: Entries) -> None:
        self._entries = entries  # whether it can be written or not, it holds until the end
        try:
            await asyncio.to_thread(_replace, self._file, msgspec.json.encode(entries))
        except (OSError, disk.ChangedOnDisk, disk.NotAFile) as error:
            raise NotKept(
                f"{self._file} cannot be written ({error}), so you will have to sign in again "
                "after the next start."
            ) from None


def kept_where(file: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Whose sign-ins the keyring has and whose the file itself, by the names of servers; blocks."""
    entries = _read(file)
    in_keyring = tuple(sorted(name for name, text in entries.items() if text is None))
    return in_keyring, tuple(sorted(entries.keys() - set(in_keyring)))


def _read(file: Path) -> Entries:
    try:
        return msgspec.json.decode(disk.read(file), type=dict[str, str | None])
    except FileNotFoundError:
        return {}
    except (OSError, disk.NotAFile, msgspec.DecodeError) as error:
        # It is as if nobody had signed in; it is replaced by the next sign-in.
        facts = {"file": str(file), "why": type(error).__name__}
        log.warning("sign-ins cannot be read", extra={"fields": facts})
        return {}


def _replace(file: Path, data: bytes) -> None:
    """Raises OSError, NotAFile, ChangedOnDisk."""
    try:
        before = disk.read(file)
    except FileNotFoundError:
        before = None
    disk.remove_leftovers(file)
    disk.replace(file, data, before, keep_previous=False)
