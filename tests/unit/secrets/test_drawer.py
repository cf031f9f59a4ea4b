"""What a person sees of the keyring is what is theirs."""

from __future__ import annotations

from pathlib import Path

from core.config.tokens import PREFIX
from core.secrets.drawer import Drawer, Kept
from tests.fakes.keyring import MemoryVault


def test_what_sign_ins_brought_is_not_listed(tmp_path: Path) -> None:
    """It lies in the same keyring, under names that no entry can refer to."""
    vault = MemoryVault({"API_KEY": "1", f"{PREFIX}guarded": "2"})
    drawer = Drawer(tmp_path / "none.json", vault=vault)
    assert drawer.listed() == (Kept("API_KEY", True, ()),)
