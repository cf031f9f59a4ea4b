"""A bug that ends the program is one sentence for the person, and all of it in a file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

BUG = """\
from tray_app.last_words import install
install()
raise ExceptionGroup("unhandled errors in a TaskGroup", [KeyError("colour")])
"""


def ended(directory: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", BUG],
        env={"PYTHONPATH": str(Path(__file__).parents[3]), "TMPDIR": str(directory)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_a_bug_is_one_sentence_and_its_traceback_is_in_a_file(tmp_path: Path) -> None:
    """Named are what happened, inside of all groups, and the file; the exit code is 1."""
    code, told = ended(tmp_path)
    assert code == 1
    assert told.count("\n") == 1
    assert "KeyError: 'colour'" in told
    found = re.search(r"is in (\S+);", told)
    assert found is not None
    assert "raise ExceptionGroup" not in told
    assert "Traceback" in Path(found[1]).read_text()
