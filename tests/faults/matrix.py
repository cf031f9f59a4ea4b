"""The table of all faults in README.md, made from the names of the tests that show them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = Path(__file__).with_name("README.md")
TEST = re.compile(r"test_((?:f\d\d_)+)\w+")  # one test may show several faults

HEAD = """\
# Faults

Each row is a fault of the reliability design; its tests begin with its number. Where a part or
all of a row is not shown, the reason stands there. Made by `python -m tests.faults.matrix`.

| fault | shown by, or why not |
|---|---|
"""
NOT_SHOWN = {
    25: "measured when asked for; no limit is set on what a server may use",
    29: "a few servers; a thousand are `python -m tests.faults.scale --real 200 --fake 800`",
    32: "not yet: this version signs in nowhere, so it holds no token to refresh",
    44: "Linux only; not yet: no one sentence stands for all servers that wait for the network",
    45: "calls to a server on this computer sleep with it and go on; not yet: one to a server "
    "elsewhere that fails for it does not say that the computer slept; no sign-in expires",
    46: "the engine's timers and order: no sign-in expires in this version",
    72: "not yet: there is no window to offer where nothing shows an icon",
    73: "does not arise: icon and engine are one process and end together (F63, F64)",
    76: "not yet: this version signs in nowhere",
    77: "an entry for starting at sign-in stays when the program is removed by hand",
    78: "the proxy's part; a wrong clock is in the words for a certificate (F40)",
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
                    for fault in re.findall(r"\d+", match[1]):
                        found.setdefault(int(fault), []).append(f"{place}::{node.name}")
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
