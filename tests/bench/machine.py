"""On what, of what and how it was measured; without that no figure means anything."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version

import core
from tests.bench.process import PROC
from tests.program import ROOT

PACKAGES = ("uvloop", "httptools", "uvicorn", "msgspec", "mcp")


def described() -> dict[str, object]:
    """The machine, the versions and the command, for a program to keep."""
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": ["bench", *sys.argv[1:]],
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 10**6,
        },
        "versions": {
            "product": core.__version__,
            "commit": _commit(),
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        },
    }


def _processor() -> str:
    lines = (PROC / "cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _commit() -> str:
    """Of this checkout; nothing where there is none."""
    asked = ["git", "describe", "--always", "--dirty"]
    try:
        found = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return found.stdout.strip()
