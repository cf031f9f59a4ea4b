"""Installs the real MCP servers, clients and the conformance suite under ``.tools``, all pinned.

What is there already, at these versions, is left alone.
"""

from __future__ import annotations

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dev
from tests.real_servers import NO_NODE, NODE_SERVERS, PYTHON_CLIENTS, PYTHON_SERVERS

HERE = Path(__file__).resolve().parent
STAMP = ".installed"


PYTHON = (
    (PYTHON_SERVERS, HERE / "requirements.txt", "mcp-server-git and mcp-server-time"),
    (PYTHON_CLIENTS, HERE.parent / "real_clients" / "requirements.txt", "the Python SDK 1.x"),
)
"""Environment, what it holds, and that in words."""


def install_python(environment: Path, requirements: Path, what: str) -> None:
    """Those from the Python package index, each file checked by hash."""
    pinned = requirements.read_text(encoding="utf-8")
    stamp = environment / STAMP
    if dev.stamped(stamp, dev.digest(pinned)):
        return
    dev.say(f"installing {what} for the tests")
    dev.install(environment, pinned)
    stamp.write_text(dev.digest(pinned), encoding="utf-8")


def install_node() -> None:
    """Those from npm; without Node.js their tests are skipped, and say so."""
    package = (HERE / "package.json").read_text(encoding="utf-8")
    stamp = NODE_SERVERS / STAMP
    if dev.stamped(stamp, dev.digest(package)):
        return
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        dev.say(f"tests with servers and clients from npm are skipped: {NO_NODE}")
        return
    dev.say("installing servers, clients and the conformance suite from npm for the tests")
    NODE_SERVERS.mkdir(exist_ok=True)
    (NODE_SERVERS / "package.json").write_text(package, encoding="utf-8")
    command = [npm, "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]
    command += ["--no-update-notifier", "--loglevel=error"]
    if dev.call(command, cwd=NODE_SERVERS) != 0:
        dev.enough_space(NODE_SERVERS)
        raise dev.SetupProblem(
            "npm could not install what the tests need; its lines above say why. "
            "The first run needs the network."
        )
    stamp.write_text(dev.digest(package), encoding="utf-8")


def main() -> int:
    try:
        # Each waits for the network most of the time, so that all take little more than one.
        with dev.Turn(), ThreadPoolExecutor() as pool:
            jobs = [pool.submit(install_python, *each) for each in PYTHON]
            jobs.append(pool.submit(install_node))
            for job in jobs:
                job.result()
    except dev.SetupProblem as problem:
        dev.say(str(problem))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
