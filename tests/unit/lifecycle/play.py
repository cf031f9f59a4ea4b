"""Plays a dialogue with the state machine and shows where it left the script."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import get_args

from core.lifecycle.machine import Effect, Event, Model, State, transition

Line = Event | Effect | State | type[State]

EVENTS: tuple[type[Event], ...] = get_args(Event)
EFFECTS: tuple[type[Effect], ...] = get_args(Effect)
STATES: tuple[type[State], ...] = get_args(State)


def play(model: Model, *script: Line) -> Model:
    """Tell the machine every event of the script and return the model it ends in.

    Between two events the script has the effects wanted, in order, and then the state: as a
    value, or as a type where its contents do not matter. Fails with a diff.
    """
    wanted: list[Line] = []
    heard: list[Line] = []
    for event, lines in _groups(script):
        model, effects = transition(model, event)
        by_type = bool(lines) and isinstance(lines[-1], type)
        wanted += [event, *lines]
        heard += [event, *effects, type(model.state) if by_type else model.state]
    if wanted != heard:
        diff = difflib.ndiff([*map(_line, wanted)], [*map(_line, heard)])
        raise AssertionError("the dialogue differs:\n" + "\n".join(diff))
    return model


def _groups(script: Iterable[Line]) -> list[tuple[Event, list[Line]]]:
    groups: list[tuple[Event, list[Line]]] = []
    for line in script:
        if isinstance(line, EVENTS):
            groups.append((line, []))
        else:
            groups[-1][1].append(line)
    return groups


def _line(line: Line) -> str:
    if isinstance(line, EVENTS):
        return f">> {line}"
    if isinstance(line, EFFECTS):
        return f"<< {line}"
    return f"== {line.__name__ if isinstance(line, type) else line}"
