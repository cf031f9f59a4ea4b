"""Implements ``core.ports.Keyring``: asks the vault on a thread, and waits a few seconds only.

A keyring that is locked asks for its password in a window, and answers when somebody has typed
it: after minutes, or never. So nobody waits longer than the limit, and once somebody has waited
in vain nobody waits at all until it has answered.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from core.errors import KeyringFailed
from core.secrets.vault import Locked, Vault

LIMIT = 5.0  # seconds a server waits
PATIENT = 60.0  # seconds a command waits: a person is there, who may have to type a password

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Question:
    """Something to ask the vault, and who waits for it to be done."""

    ask: Callable[[], None]
    done: asyncio.Future[None]


class Keyring:
    """Belongs to one event loop. One question at a time, each on a thread of its own.

    The threads are daemons: one that the keyring never answers must not keep the program from
    ending. ``unlocked`` is called when it has answered after all, but too late for somebody.
    """

    def __init__(
        self,
        vault: Vault,
        *,
        limit: float = LIMIT,
        unlocked: Callable[[], object] = lambda: None,
    ) -> None:
        self._vault = vault
        self._limit = limit
        self._unlocked = unlocked
        self._questions: deque[_Question] = deque()
        self._asking = False
        self._silent = False  # somebody has waited in vain, and it has not answered since
        self._told: set[str] = set()

    async def read(self, names: Collection[str]) -> Mapping[str, str]:
        """The values of those of the names that have one. Raises KeyringFailed."""
        values = await self._answer(partial(self._vault.read, names))
        self._told.update(values.values())
        return values

    async def names(self) -> Collection[str]:
        """What was written and not deleted. Raises KeyringFailed."""
        return await self._answer(self._vault.names)

    async def everything(self) -> Mapping[str, str]:
        """Every value that was written and not deleted, by name. Raises KeyringFailed."""
        names = await self.names()
        return await self.read(names) if names else {}

    async def write(self, items: Mapping[str, str]) -> None:
        """Keep values under their names. Raises KeyringFailed."""
        await self._answer(partial(self._vault.write, items))

    async def delete(self, names: Collection[str]) -> None:
        """Take out those of the names that are there. Raises KeyringFailed."""
        await self._answer(partial(self._vault.delete, names))

    def told(self) -> Collection[str]:
        """Every value that was read so far."""
        return frozenset(self._told)

    async def _answer(self, ask: Callable[[], T]) -> T:
        if self._silent:
            raise KeyringFailed(_silent("still does not answer"))
        answers: list[T] = []
        done = asyncio.get_running_loop().create_future()
        self._questions.append(_Question(lambda: answers.append(ask()), done))
        if not self._asking:
            self._next()
        try:
            async with asyncio.timeout(self._limit):
                await done
        except TimeoutError:
            self._silent = True
            raise KeyringFailed(_silent(f"did not answer in {self._limit:g} s")) from None
        return answers[0]

    def _next(self) -> None:
        """Ask what somebody still waits for."""
        while self._questions and not self._asking:
            question = self._questions.popleft()
            if question.done.done():
                continue
            thread = threading.Thread(
                target=_put,
                args=(question, asyncio.get_running_loop(), self._answered),
                name="keyring",
                daemon=True,
            )
            try:
                thread.start()
                self._asking = True
            except RuntimeError as error:  # the system has no room for another
                _settle(question, KeyringFailed(f"The keyring cannot be asked: {error}."))

    def _answered(self, question: _Question, trouble: KeyringFailed | None) -> None:
        self._asking = False
        late, self._silent = self._silent, False
        _settle(question, trouble)
        if isinstance(trouble, Locked):  # who waits behind would open the same window again
            while self._questions:
                _settle(self._questions.popleft(), trouble)
        self._next()
        if late and trouble is None:
            self._unlocked()


def _put(
    question: _Question,
    loop: asyncio.AbstractEventLoop,
    answered: Callable[[_Question, KeyringFailed | None], None],
) -> None:
    """Ask, and tell the loop how it went whatever happens; blocks."""
    trouble: KeyringFailed | None = None
    try:
        question.ask()
    except KeyringFailed as error:
        trouble = error
    except Exception as bug:
        # The barrier around libraries that may be anybody's: their bug fails one question.
        log.exception("bug in the keyring")
        trouble = KeyringFailed(f"The keyring failed in an unforeseen way: {type(bug).__name__}.")
    with suppress(RuntimeError):  # nobody waits any more: the loop has ended
        loop.call_soon_threadsafe(answered, question, trouble)


def _settle(question: _Question, trouble: KeyringFailed | None) -> None:
    if question.done.done():
        return
    if trouble is None:
        question.done.set_result(None)
    else:
        question.done.set_exception(trouble)


def _silent(how: str) -> str:
    return (
        f"The keyring {how}. It may wait for its password in a window: unlock it, and what needs "
        "it is tried again by itself."
    )
