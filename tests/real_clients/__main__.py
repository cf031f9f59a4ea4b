"""``python -m tests.real_clients``: Claude Code and Codex through us, by hand; prints a table.

Installs Codex, some 400 MB, under ``.tools``; Claude Code is there once the tests have run.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import dev
from tests.real_clients.agents import (
    CLAUDE_CODE,
    CODEX,
    CODEX_VERSION,
    OTHER_AGENTS,
    Agent,
    Server,
)
from tests.real_clients.meeting import ERAS, WAYS, meeting
from tests.real_clients.model import Model


def install_codex() -> None:
    """Bring it in, unless it is there."""
    if CODEX.binary is not None and CODEX.version.startswith(CODEX_VERSION):
        return
    npm = shutil.which("npm")
    if npm is None:
        raise dev.SetupProblem("npm is needed")
    OTHER_AGENTS.mkdir(parents=True, exist_ok=True)
    (OTHER_AGENTS / "package.json").write_text('{"private": true}', encoding="utf-8")
    command = [npm, "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]
    if dev.call([*command, f"@openai/codex@{CODEX_VERSION}"], cwd=OTHER_AGENTS) != 0:
        raise dev.SetupProblem("npm could not install Codex; its lines above say why")


async def turn(agent: Agent, server: Server) -> str:
    """What came of one turn, in a few words."""
    model = Model("test_simple_text", {})
    with tempfile.TemporaryDirectory() as place:
        try:
            await agent.turn(Path(place), server, model)
        except AssertionError as problem:
            return f"failed: {problem}"
    said = model.results[-1] if model.results else "the tool was not called"
    return "called a tool" if "This is a simple text response" in said else said


async def main() -> None:
    install_codex()
    sys.stdout.write("| agent | reaches us by | server's era | |\n|---|---|---|---|\n")
    with tempfile.TemporaryDirectory() as place:
        async with meeting(Path(place)) as met:
            for agent in (CLAUDE_CODE, CODEX):
                for way in WAYS:
                    for era in ERAS:
                        outcome = await turn(agent, met.server(era, way))
                        row = f"| {agent.name} {agent.version} | {way} | {era} | {outcome} |\n"
                        sys.stdout.write(row)
                        sys.stdout.flush()


asyncio.run(main())
