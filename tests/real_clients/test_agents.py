"""Claude Code, as published, takes a whole turn through us in front of servers of either era."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real_clients.agents import CLAUDE_CODE, NAME
from tests.real_clients.meeting import ERAS, WAYS, meeting
from tests.real_clients.model import Model

pytestmark = [
    pytest.mark.skipif(
        CLAUDE_CODE.binary is None,
        reason="Claude Code is not there; python3 dev.py test installs it",
    ),
    pytest.mark.timeout(300),
]


@pytest.mark.parametrize("way", WAYS)
async def test_claude_code_calls_a_tool(way: str, tmp_path: Path) -> None:
    """It lists the tools, calls one that asks the person, and tells the model what came back.

    It speaks 2026-07-28. Nobody sits before it, so that it answers each question with "cancel".
    """
    directory = tmp_path / "us"
    directory.mkdir()
    async with meeting(directory) as met:
        for era in ERAS:
            place = tmp_path / era
            place.mkdir()
            model = Model("test_elicitation", {"message": "Who are you?"})
            printed = await CLAUDE_CODE.turn(place, met.server(era, way), model)
            assert f"mcp__{NAME}__test_simple_text" in model.offered
            assert len(model.results) == 1, printed
            assert "User response: action=cancel" in model.results[0]
            assert "User response: action=cancel" in printed
