"""Installs the real MCP servers under ``.tools``, at pinned versions, unless they are there."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import dev
from tests.real_servers import NO_NODE, NODE_SERVERS, PYTHON_SERVERS

HERE = Path(__file__).resolve().parent
STAMP = ".installed"


def install_python_servers() -> None:
    """Those from the Python package index, each file checked by hash."""
    pinned = (HERE / "requirements.txt").read_text(encoding="utf-8")
    stamp = PYTHON_SERVERS / STAMP
    if dev.stamped(stamp, dev.digest(pinned)):
        return
    dev.say("installing mcp-server-git and mcp-server-time for the tests")
    dev.install(PYTHON_SERVERS, pinned)
    stamp.write_text(dev.digest(pinned), encoding="utf-8")


def install_node_servers() -> None:
    """Those from npm; without Node.js their tests are skipped, and say so."""
    package = (HERE / "package.json").read_text(encoding="utf-8")
    stamp = NODE_SERVERS / STAMP
    if dev.stamped(stamp, dev.digest(package)):
        return
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        dev.say(f"tests with server-everything and server-filesystem are skipped: {NO_NODE}")
        return
    dev.say("installing server-everything and server-filesystem for the tests")
    NODE_SERVERS.mkdir(exist_ok=True)
    (NODE_SERVERS / "package.json").write_text(package, encoding="utf-8")
    command = [npm, "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]
    command += ["--no-update-notifier", "--loglevel=error"]
    if dev.call(command, cwd=NODE_SERVERS) != 0:
        dev.enough_space(NODE_SERVERS)
        raise dev.SetupProblem(
            "npm could not install the test servers; its lines above say why. "
            "The first run needs the network."
        )
    stamp.write_text(dev.digest(package), encoding="utf-8")


def main() -> int:
    try:
        with dev.Turn():
            install_python_servers()
            install_node_servers()
    except dev.SetupProblem as problem:
        dev.say(str(problem))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
