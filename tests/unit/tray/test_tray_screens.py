"""The scenes of ``python -m tests.screens`` are what they are called."""

from __future__ import annotations

from tests.screens import scenes, states
from tray_app.view import IconState


def test_every_state_of_the_icon_has_a_scene() -> None:
    """Each of the six states is among the pictures, drawn from a world that leads to it."""
    assert {state: view.icon for state, view in states().items()} == {one: one for one in IconState}


def test_scenes_differ() -> None:
    """No two situations of the menu look the same."""
    assert len({view.menu for view in scenes().values()}) == len(scenes())
