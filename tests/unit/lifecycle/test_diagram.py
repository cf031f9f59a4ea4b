"""The picture of the state machine is what the table says, and so is the file in docs."""

from __future__ import annotations

from pathlib import Path

from core.lifecycle import diagram, machine
from tests.unit.lifecycle.play import EFFECTS, EVENTS, STATES

DOCUMENT = Path(__file__).parents[3] / "docs" / "lifecycle.md"


def test_document_is_fresh() -> None:
    """docs/lifecycle.md is what ``python -m core.lifecycle.diagram`` writes."""
    assert DOCUMENT.read_text(encoding="utf-8") == diagram.render()


def test_nothing_is_left_out() -> None:
    """Every state, event and effect of the machine is in the picture."""
    assert {type(state) for state in diagram.STATES.values()} == set(STATES)
    assert set(diagram.EVENTS) == set(EVENTS)
    assert set(diagram.EFFECTS) == set(EFFECTS)


def test_dots_are_the_ignored_cells() -> None:
    """A cell is a dot exactly where the table ignores the event whatever its variant."""
    rows = {}
    for line in diagram.render().splitlines():
        if line.startswith("| **"):
            name, *cells = (cell.strip() for cell in line.strip("|").split(" | "))
            rows[name.strip("* ")] = cells
    assert list(rows) == list(diagram.STATES)
    for name, state in diagram.STATES.items():
        ignored = machine.TABLE[type(state)]
        for cell, event in zip(rows[name], diagram.EVENTS, strict=True):
            if ignored[event] is ignored_cell():
                assert cell == "·"
            elif name != "Stopping_remove":  # removal is final inside a cell
                assert cell != "·"


def ignored_cell() -> machine.Cell:
    """The cell that does nothing, found where nothing can ever happen."""
    return machine.TABLE[machine.Removed][machine.Restart]
