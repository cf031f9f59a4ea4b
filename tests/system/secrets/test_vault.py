"""The library of the keyring, on a real keyring and where there is none.

Locked ones are in ``test_secret_program``: the library leaves its connection to them open.
"""

from __future__ import annotations

import pytest

from core.errors import KeyringFailed, NoKeyring
from core.secrets.vault import NAMES, DesktopVault
from tests.fakes.desktop_keyring import DesktopKeyring


@pytest.fixture
def vault(keyring: DesktopKeyring, monkeypatch: pytest.MonkeyPatch) -> DesktopVault:
    """Ours, in that keyring's session."""
    for name, value in keyring.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND", raising=False)
    return DesktopVault()


def test_secrets_are_kept_and_found_by_name(vault: DesktopVault, keyring: DesktopKeyring) -> None:
    """Any text, replaced by a later one, listed, and gone when deleted; deleting twice is fine."""
    vault.write({"one": "ünïcode\nand lines", "two": "2"})
    vault.write({"two": "other"})
    assert vault.names() == {"one", "two"}
    assert vault.read(["one", "two", "three"]) == {"one": "ünïcode\nand lines", "two": "other"}
    assert keyring.items() == {"one": "ünïcode\nand lines", "two": "other", NAMES: "one two"}
    vault.delete(["one", "three"])
    vault.delete(["one"])
    assert vault.names() == {"two"}
    assert DesktopVault().read(["one", "two"]) == {"two": "other"}


def test_f74_a_keyring_that_ends_and_one_that_comes_later(
    keyring: DesktopKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a session there is none; once there is, the same vault finds it."""
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND", raising=False)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    vault = DesktopVault()
    with pytest.raises(NoKeyring, match=r"\$\{env:NAME\}"):
        vault.read(["one"])
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", keyring.bus.address)
    vault.write({"one": "1"})
    keyring.close()
    with pytest.raises(KeyringFailed, match="cannot be used"):
        vault.read(["one"])


@pytest.mark.parametrize(
    "backend", ["keyring.backends.fail.Keyring", "no_such.module.Keyring", "keyring.no.Such", "x"]
)
def test_a_chosen_keyring_that_cannot_be_used(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person's own choice counts, and what is wrong with it is said in a sentence."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    with pytest.raises(KeyringFailed) as failed:
        DesktopVault().read(["one"])
    assert "${env:NAME}" in str(failed.value)
