"""Claude Code, as published, takes a whole turn through us in front of servers of either era."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.program import ROOT, Home, Json, program
from tests.real_clients.agents import CLAUDE_CODE, NAME
from tests.real_clients.model import Model

REFERENCE = ("-m", "tests.fakes.reference_server", "stdio")

pytestmark = [
    pytest.mark.skipif(
        CLAUDE_CODE.binary is None,
        reason="Claude Code is not there; python3 dev.py test installs it",
    ),
    pytest.mark.timeout(200),
]


@pytest.mark.parametrize("options", [(), ("--stateful",)], ids=["stateless", "stateful"])
async def test_claude_code_calls_a_tool_through_us(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    """It lists the tools, calls one that asks the person, and tells the model what came back.

    It speaks 2026-07-28. Nobody sits before it, so that it answers each question with "cancel".
    """
    home = Home(tmp_path)
    entry: Json = {
        "command": sys.executable,
        "args": [*REFERENCE, *options],
        "working_dir": str(ROOT),
        "env": {"PYTHONPATH": str(ROOT)},
    }
    home.configure({"reference": entry})
    model = Model("test_elicitation", {"message": "Who are you?"})
    place = tmp_path / "agent"
    place.mkdir()
    async with program(home) as running:
        await running.ready()
        printed = await CLAUDE_CODE.turn(place, f"{running.endpoint}/s/reference", model)
    assert f"mcp__{NAME}__test_simple_text" in model.offered
    assert len(model.results) == 1, printed
    assert "User response: action=cancel" in model.results[0]
    assert "User response: action=cancel" in printed
