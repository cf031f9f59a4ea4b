"""Where sign-ins are kept: the keyring if it takes them, else a file for the person alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.config.tokens import KeptTokens, kept_where
from core.errors import KeyringFailed, NoKeyring, NotKept
from core.secrets.keyring import Keyring
from tests.fakes.keyring import MemoryVault, keyring_of


def without_keyring() -> Keyring:
    vault = MemoryVault()
    vault.trouble = NoKeyring()
    return Keyring(vault)


async def test_without_a_keyring_they_are_in_a_file(tmp_path: Path) -> None:
    """For its owner alone, there after a restart, and gone when they are deleted."""
    file = tmp_path / "data" / "sign-ins.json"
    tokens = KeptTokens(file, without_keyring())
    assert await tokens.get("one") is None
    await tokens.delete("one")
    assert not file.exists()
    await tokens.put("one", "text")
    await tokens.put("two", "other")
    assert file.stat().st_mode & 0o777 == 0o600
    again = KeptTokens(file, without_keyring())
    assert await again.get("one") == "text"
    await again.delete("one")
    assert json.loads(file.read_text()) == {"two": "other"}
    assert kept_where(file) == ((), ("two",))
    assert [path.name for path in file.parent.iterdir()] == ["sign-ins.json"]


async def test_a_keyring_takes_them_and_the_file_says_so(tmp_path: Path) -> None:
    """No keyring is asked for a server that nobody signed in to."""
    file = tmp_path / "sign-ins.json"
    vault = MemoryVault()
    tokens = KeptTokens(file, Keyring(vault))
    assert await tokens.get("one") is None
    assert vault.asked == 0
    await tokens.put("one", "text")
    assert json.loads(file.read_text()) == {"one": None}
    assert kept_where(file) == (("one",), ())
    assert await KeptTokens(file, Keyring(vault)).get("one") == "text"
    await tokens.delete("one")
    assert vault.items == {}
    assert json.loads(file.read_text()) == {}


async def test_a_locked_keyring_is_not_nobody(tmp_path: Path) -> None:
    """What it has cannot be read now, which is told; what is new goes into the file."""
    file = tmp_path / "sign-ins.json"
    vault = MemoryVault()
    tokens = KeptTokens(file, Keyring(vault))
    await tokens.put("one", "text")
    vault.trouble = KeyringFailed("locked")
    with pytest.raises(KeyringFailed):
        await tokens.get("one")
    await tokens.put("one", "newer")
    assert await tokens.get("one") == "newer"
    assert json.loads(file.read_text()) == {"one": "newer"}
    vault.trouble = None
    await tokens.put("one", "newest")
    vault.trouble = KeyringFailed("locked")
    await tokens.delete("one")
    assert json.loads(file.read_text()) == {}, "without its mark nobody asks for it"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"one": 1}', b"\xff"])
async def test_a_broken_file_costs_a_sign_in(tmp_path: Path, content: bytes) -> None:
    """Nobody is signed in, and the next sign-in puts it right."""
    file = tmp_path / "sign-ins.json"
    file.write_bytes(content)
    tokens = KeptTokens(file, without_keyring())
    assert await tokens.get("one") is None
    await tokens.put("one", "text")
    assert json.loads(file.read_text()) == {"one": "text"}


async def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """What was brought holds until the end all the same."""
    file = tmp_path / "sign-ins.json"
    file.mkdir()
    tokens = KeptTokens(file, without_keyring())
    with pytest.raises(NotKept, match=r"sign-ins\.json"):
        await tokens.put("one", "text")
    assert await tokens.get("one") == "text"
    assert await KeptTokens(file, keyring_of()).get("one") is None
