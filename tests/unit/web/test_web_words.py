"""The dashboard has the tray's words, and one for everything that the engine may tell it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.gateway.record import OUTCOMES
from core.model.clients import Deed
from core.model.faults import Action
from tests.fakes.website import DASHBOARD
from tray_app import text

SCRIPTS = {each.name: each.read_text("utf-8") for each in DASHBOARD.glob("*.js")}
EXPORT = r"export (?:async )?(?:function|const|class) (\w+)"
WHOLE = "\n".join(SCRIPTS.values())


@pytest.mark.parametrize(
    "words",
    [
        text.APP, text.SIGN_IN,
        text.NEEDS_ATTENTION, text.RESTART, text.RETRY_NOW, text.ENABLE, text.DISABLE,
        text.VIEW_LOG, text.RESTORE_CONFIG, text.COPY_ENDPOINT, text.REVIEW, text.APPROVE_SERVER,
        text.approve_tools(1), text.OPEN_DETAILS, text.ADD_SERVER, text.PAUSE_ALL,
        text.RESUME_ALL, text.DIAGNOSTICS, text.SAVE_REPORT, text.RECENT_CALLS,
    ],
)  # fmt: skip
def test_what_the_menu_says_the_dashboard_says(words: str) -> None:
    """A person who knows one of them finds the same in the other."""
    assert f'"{words}' in WHOLE


def test_every_action_has_a_next_step() -> None:
    """Whatever a server's health names as the one thing to do can be done."""
    steps = set(re.findall(r'case "(\w+)":', SCRIPTS["verbs.js"]))
    assert steps == {each.value for each in Action} - {Action.NONE, Action.ENABLE}


def test_every_outcome_has_words() -> None:
    """None of the names in the records stands there as it is."""
    table = SCRIPTS["text.js"].partition("OUTCOMES = {")[2].partition("}")[0]
    assert set(re.findall(r"(\w+): \"", table)) == set(OUTCOMES)


def test_what_is_done_to_a_clients_file_is_called_as_the_engine_does() -> None:
    """The names go into addresses."""
    assert {Deed.CONNECT.value, Deed.DISCONNECT.value} <= set(
        re.findall(r'"(\w+)"', SCRIPTS["clients.js"])
    )


def test_the_modules_lean_on_what_is_there() -> None:
    """Every import names a file of the dashboard and something that it exports."""
    for name, script in SCRIPTS.items():
        for names, file in re.findall(r"import \{([^}]*)\} from \"\./([\w.]+)\"", script):
            exported = re.findall(
                r"export (?:async )?(?:function|const|class) (\w+)", SCRIPTS[file]
            )
            assert {each.strip() for each in names.split(",")} <= set(exported), (name, file)
            for each in names.split(","):
                assert len(re.findall(rf"\b{each.strip()}\b", script)) > 1, (name, each)


def test_the_page_starts_with_the_one_module() -> None:
    """It is found where the page looks for it, and so is its style."""
    index = Path(DASHBOARD / "index.html").read_text("utf-8")
    for file in re.findall(r"/ui/([\w.]+)", index):
        assert (DASHBOARD / file).is_file()
