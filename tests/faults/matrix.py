"""The table of all faults in README.md, made from the names of the tests that show them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = Path(__file__).with_name("README.md")
TEST = re.compile(r"test_f(\d\d)_\w+")

HEAD = """\
# Faults

Each row is a fault of the reliability design; its tests begin with its number. Where a part or
all of a row is not shown, the reason stands there. Made by `python -m tests.faults.matrix`.

| fault | shown by, or why not |
|---|---|
"""
NO_HTTP = "not yet: this version has no servers that are reached by URL"
NO_DATABASE = "not yet: there is no database"
NOT_SHOWN = {
    **dict.fromkeys(range(31, 44), NO_HTTP),
    53: "not yet: this version writes no other program's config file",
    56: NO_DATABASE,
    57: NO_DATABASE,
    59: "the config file only: there is no database, and the file has no version",
    74: "not yet: this version knows no keyring",
    76: "not yet: this version signs in nowhere",
    78: NO_HTTP,
}
FAULTS = range(1, 79)


def shown() -> dict[int, list[str]]:
    """The tests of each fault, as ``path::name``."""
    found: dict[int, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                match = TEST.fullmatch(node.name)
                if match is not None:
                    place = path.relative_to(ROOT).as_posix()
                    found.setdefault(int(match[1]), []).append(f"{place}::{node.name}")
    return found


def page() -> str:
    """What README.md has to say."""
    tests = shown()
    rows = []
    for fault in FAULTS:
        words = [f"`{test}`" for test in tests.get(fault, [])]
        if fault in NOT_SHOWN:
            words.append(NOT_SHOWN[fault])
        rows.append(f"| F{fault:02} | {'<br>'.join(words) or 'no test has its number yet'} |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    README.write_text(page(), encoding="utf-8")
