"""Nobody pays for the keyring who does not use it."""

from __future__ import annotations

import subprocess
import sys

PRODUCT = "core.app, core.clients.desk, core.secrets.keyring, core.upstream.http_connection"
FACES = "tray_app.cli, tray_app.main, tray_app.chores, tray_app.secret_commands"
LIBRARIES = {"keyring", "secretstorage", "jeepney", "cryptography", "jaraco", "more_itertools"}


def test_no_start_imports_the_keyring_or_what_it_needs() -> None:
    """Neither the engine nor any face of it; loading it makes it seen by the same look."""
    look = f"print(sorted({LIBRARIES!r} & {{name.partition('.')[0] for name in sys.modules}}))"
    script = f"import sys, {PRODUCT}, {FACES}\n{look}\nimport keyring\n{look}"
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    before, after = told.stdout.splitlines()
    assert before == "[]"
    assert "keyring" in after
