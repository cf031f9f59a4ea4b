"""A keyring that hangs, fails or answers late holds nobody up longer than the limit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection, Mapping

import pytest

from core.errors import KeyringFailed
from core.secrets.keyring import LIMIT, Keyring
from core.secrets.vault import Locked
from tests.fakes.keyring import MemoryVault, hanging

SOON = 0.2  # seconds, in place of five
SECOND = 1.0  # for what has to answer within the limit, on a busy machine too


async def test_values_come_and_go() -> None:
    """What is written is read, under its name alone, until it is deleted."""
    keyring = Keyring(MemoryVault())
    await keyring.write({"a": "1", "b": "2"})
    assert await keyring.read(["a", "b", "c"]) == {"a": "1", "b": "2"}
    await keyring.delete(["a", "never there"])
    assert await keyring.names() == {"b"}
    assert await keyring.read(["a"]) == {}


async def test_what_was_read_is_known_so_that_it_can_be_masked() -> None:
    """And nothing else is: the others were never in this process."""
    keyring = Keyring(MemoryVault({"a": "value-a", "b": "value-b"}))
    await keyring.read(["a"])
    assert keyring.told() == {"value-a"}


async def test_f74_a_keyring_that_hangs_is_waited_for_once() -> None:
    """Who asks first waits for the limit; who asks later is told at once, without a thread."""
    with hanging({"a": "1"}) as vault:
        keyring = Keyring(vault, limit=SOON)
        with pytest.raises(KeyringFailed, match=r"did not answer in 0\.2 s"):
            await keyring.read(["a"])
        for _ in range(3):  # with the fake's limit being endless, waiting would never end
            with pytest.raises(KeyringFailed, match="still does not answer"):
                await keyring.read(["a"])
        assert [each.name for each in threading.enumerate()].count("keyring") == 1
    assert LIMIT == 5.0


async def test_f74_all_who_ask_while_it_hangs_wait_no_longer_than_the_limit() -> None:
    """Their waits do not add up, and the loop goes on meanwhile."""
    with hanging() as vault:
        keyring = Keyring(vault, limit=SOON)
        asked = (keyring.read([str(number)]) for number in range(100))
        async with asyncio.timeout(100 * SOON / 2):
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(each, KeyringFailed) for each in outcomes)
        assert vault.asked == 0


async def test_a_late_answer_is_told_and_ends_the_refusals() -> None:
    """Somebody typed the password at last: what waited in vain can be tried again."""
    unlocked = asyncio.Event()
    with hanging({"a": "1"}) as vault:
        keyring = Keyring(vault, limit=SECOND, unlocked=unlocked.set)
        with pytest.raises(KeyringFailed):
            await keyring.read(["a"])
        vault.let_go()
        await unlocked.wait()
        assert await keyring.read(["a"]) == {"a": "1"}


async def test_an_answer_in_time_is_no_late_one() -> None:
    """Nothing is tried again without a reason."""
    told: list[str] = []
    keyring = Keyring(MemoryVault({"a": "1"}), unlocked=lambda: told.append("unlocked"))
    await keyring.read(["a"])
    assert told == []


class Dismissed(MemoryVault):
    """Locked; each question shows a window, and the person closes it."""

    def read(self, names: Collection[str]) -> Mapping[str, str]:
        self.asked += 1
        raise Locked


async def test_f74_one_window_closed_answers_everybody_who_waits() -> None:
    """Ten servers that start together show one window, not ten in a row."""
    vault = Dismissed()
    keyring = Keyring(vault)
    asked = [keyring.read([str(number)]) for number in range(10)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(each, Locked) for each in outcomes)
    assert vault.asked == 1
    with pytest.raises(Locked):  # a person who restarts a server is asked again
        await keyring.read(["x"])
    assert vault.asked == 2


async def test_one_that_fails_is_asked_again_for_the_next() -> None:
    """An error of its own is nobody else's."""
    vault = MemoryVault({"a": "1"})
    vault.trouble = KeyringFailed("The keyring cannot be used: broken.")
    keyring = Keyring(vault)
    with pytest.raises(KeyringFailed, match="broken"):
        await keyring.read(["a"])
    vault.trouble = None
    assert await keyring.read(["a"]) == {"a": "1"}


async def test_who_no_longer_waits_is_not_asked_for() -> None:
    """A server that was disabled meanwhile costs no question, and the next one gets its turn."""
    with hanging({"a": "1"}) as vault:
        keyring = Keyring(vault)
        first, gone, last = (asyncio.ensure_future(keyring.read(["a"])) for _ in range(3))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        vault.let_go()
        assert await first == await last == {"a": "1"}
        assert vault.asked == 2


async def test_a_bug_below_fails_the_question_and_not_the_keyring() -> None:
    """Whatever the library raises that nobody foresaw, nobody waits for ever."""

    class Buggy(MemoryVault):
        def names(self) -> Collection[str]:
            raise ZeroDivisionError

    keyring = Keyring(Buggy({"a": "1"}))
    with pytest.raises(KeyringFailed, match="unforeseen"):
        await keyring.names()
    assert await keyring.read(["a"]) == {"a": "1"}
