"""The rules of the house that a reader of one file cannot see, checked over every file.

Who may import whom is checked by import-linter (``pyproject.toml``, ``python3 dev.py check``).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 400

# A task that nobody awaits loses its exceptions and may be collected while it runs, so tasks are
# started in the few places that own them to the end.
STARTS_TASKS: dict[str, str] = {
    "core/app.py": "the race between servers that end and haste, both over when stopping is",
    "core/engine/actor.py": "the connection of an actor, in the engine's task group",
    "core/engine/engine.py": "the watch on the config source, in the engine's task group",
    "core/upstream/http_open.py": "attempts to connect, all over before it returns",
    "core/upstream/privates.py": "conversations of one client each, all ended by its stop",
    "core/upstream/http_pool.py": "opening connections, in the task group of the server's own task",
    "core/web/connection.py": "answering one request, in a set that stopping waits for",
    "core/upstream/oauth_sign_ins.py": "sign-ins and renewals of tokens, all ended by its stop",
    "core/asgi.py": "the watch on one client, cancelled and awaited with the work it guards",
    "tray_app/bus.py": "questions to the session bus, kept in a set and bounded in time",
    "tray_app/attached/engine.py": "following the events, cancelled and awaited at the end",
    "tray_app/stdio/bridge.py": "one task per request, in the bridge's task group",
    "tray_app/stdio/command.py": "the bridge and the watch on its output, in one task group",
    "tray_app/sni_icon.py": "the bus connection, in the icon's task group",
}

# A barrier keeps one bug from stopping what has nothing to do with it. Everything else names the
# exceptions it expects.
CATCHES_EVERYTHING: dict[str, str] = {
    "core/engine/actor.py": "the barrier around a connection: a bug fails one server only",
    "core/engine/supervisor.py": "the barrier around a reconciliation: the next one still comes",
    "core/search/meaning.py": "two libraries raise bare exceptions over a model of a person's",
    "core/secrets/keyring.py": "the barrier around the keyring's libraries, which may be anybody's",
    "core/web/app.py": "the barrier around a request: a bug in answering costs that answer only",
}

# Sleeping in a test hopes that something has happened; tests wait for the thing itself.
SLEEPS_IN_TESTS: dict[str, str] = {
    "tests/fakes/faultsrv/__main__.py": "a server that is slow on purpose",
    "tests/fakes/tray_desktop.py": "a real panel announces nothing, so one can only look again",
    "tests/faults/harm.py": "harm comes at moments of chance, and lasts for a while",
    "tests/faults/invariants.py": "another process does not tell when it closes or ends",
    "tests/faults/rounds.py": "each round is ended at another moment",
    "tests/faults/scale.py": "a stretch of time that is measured",
    "tests/faults/scene.py": "another process does not tell when it closes or ends",
    "tests/faults/soak.py": "the pace of a long run",
    "tests/faults/test_faults_config.py": "the pace of a storm of edits",
    "tests/faults/test_faults_resources.py": "a stretch of time that is measured",
}

LOG_CALLS = {"debug", "info", "warning", "error", "exception", "critical"}

# What a class called so does cannot be told from its name.
EMPTY_WORDS = ("Manager", "Helper", "Util", "Utils", "Adapter", "Handler", "Service")

# Too heavy for what the program promises to cost (start-up time, memory), or for tests only.
NOT_IN_THE_PRODUCT = {"mcp", "pydantic", "starlette", "structlog", "pytest", "hypothesis", "tests"}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def _named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _calls(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    """Every call with its dotted name, as far as the source shows it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def _imported(tree: ast.Module) -> set[str]:
    """The top-level packages a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def _starts_a_task(tree: ast.Module) -> bool:
    """Whether a module calls asyncio's spawners, or a method of that name on anything."""
    return any(
        name.rpartition(".")[2] in {"create_task", "ensure_future"} for _, name in _calls(tree)
    )


def _catches_everything(tree: ast.Module) -> bool:
    """Whether a module swallows every exception; to tidy up and raise it again is no swallowing."""
    return any(
        (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        and ast.unparse(node.body[-1]) != "raise"
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
    )


def _sleeps(tree: ast.Module) -> bool:
    """Whether a module sleeps for a time; ``sleep(0)`` only lets others run."""
    return any(
        name.rpartition(".")[2] == "sleep"
        and not (call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0)
        for call, name in _calls(tree)
    )


def _talks_in_its_log(tree: ast.Module) -> bool:
    """Whether a log line is anything but one constant message and facts as fields."""
    return any(
        len(call.args) != 1
        or not isinstance(call.args[0], ast.Constant)
        or {keyword.arg for keyword in call.keywords} - {"extra", "exc_info"}
        for call, name in _calls(tree)
        if name.partition(".")[0] == "log" and name.partition(".")[2] in LOG_CALLS
    )


def _tests_without_words(path: Path) -> list[str]:
    return [
        node.name
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]


def test_each_module_says_its_job() -> None:
    """Every module that is not empty begins with a docstring."""
    files = _files("core", "tray_app", "tests")
    empty = [path for path in files if path.name == "__init__.py" and not _tree(path).body]
    silent = [path for path in files if path not in empty and not ast.get_docstring(_tree(path))]
    assert list(map(_named, silent)) == []


def test_each_module_is_short() -> None:
    """No module of the product has more than 400 lines: one job fits in that."""
    lengths = {
        _named(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in _files("core", "tray_app")
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


def test_class_names_say_something() -> None:
    """No class is named by a word that fits every class."""
    named = [
        f"{_named(path)}: {node.name}"
        for path in _files("core", "tray_app", "tests")
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.ClassDef)
    ]
    assert [name for name in named if name.endswith(EMPTY_WORDS)] == []


def test_product_does_without_heavy_or_test_packages() -> None:
    """Nothing in the product imports the SDK, a web framework, or anything of the tests."""
    found = {
        _named(path): sorted(_imported(_tree(path)) & NOT_IN_THE_PRODUCT)
        for path in _files("core", "tray_app")
    }
    assert {name: packages for name, packages in found.items() if packages} == {}


def test_every_test_says_what_it_proves() -> None:
    """Each test function has a docstring."""
    files = [path for path in _files("tests") if path.name.startswith("test_")]
    silent = {_named(path): _tests_without_words(path) for path in files}
    assert {name: tests for name, tests in silent.items() if tests} == {}


def test_our_own_modules_are_not_mocked() -> None:
    """Tests put a fake behind a port; nobody imports unittest.mock."""
    importing = [
        _named(path)
        for path in _files("tests")
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Import | ast.ImportFrom) and "unittest" in ast.unparse(node)
    ]
    assert importing == []


def test_tasks_are_started_only_where_they_are_owned() -> None:
    """Tasks are started in the listed modules, and each module on the list still does."""
    found = {_named(path) for path in _files("core", "tray_app") if _starts_a_task(_tree(path))}
    assert found == set(STARTS_TASKS)


def test_everything_is_caught_only_at_the_barriers() -> None:
    """Only the listed barriers catch every exception, and each on the list still does."""
    files = _files("core", "tray_app", "tests")
    assert {_named(path) for path in files if _catches_everything(_tree(path))} == set(
        CATCHES_EVERYTHING
    )


def test_log_lines_are_constant_messages_with_fields() -> None:
    """What varies is a field, so that a log can be searched and counted by its messages."""
    files = _files("core", "tray_app")
    assert [_named(path) for path in files if _talks_in_its_log(_tree(path))] == []


def test_tests_do_not_sleep() -> None:
    """No test waits by sleeping, apart from servers whose slowness is what is tested."""
    found = {_named(path) for path in _files("tests") if _sleeps(_tree(path))}
    assert found == set(SLEEPS_IN_TESTS)


@pytest.mark.parametrize(
    ("source", "rule", "broken"),
    [
        ("import asyncio\nasyncio.create_task(x())", _starts_a_task, True),
        ("asyncio.get_running_loop().create_task(x())", _starts_a_task, True),
        ("from asyncio import ensure_future\nensure_future(x())", _starts_a_task, True),
        ("loop.call_soon(x)", _starts_a_task, False),
        ("try:\n    x()\nexcept:\n    y()", _catches_everything, True),
        ("try:\n    x()\nexcept Exception as e:\n    y()", _catches_everything, True),
        ("try:\n    x()\nexcept OSError:\n    y()", _catches_everything, False),
        ("try:\n    x()\nexcept BaseException:\n    y()\n    raise", _catches_everything, False),
        ("time.sleep(0.1)", _sleeps, True),
        ("from time import sleep\nsleep(delay)", _sleeps, True),
        ("asyncio.sleep(0)", _sleeps, False),
        ("log.info('x %s', y)", _talks_in_its_log, True),
        ("log.info(f'x {y}')", _talks_in_its_log, True),
        ("log.info('x', extra=fields(y=y))", _talks_in_its_log, False),
    ],
)
def test_the_rules_see_what_they_forbid(source: str, rule: object, broken: bool) -> None:
    """Each search finds its planted example, and leaves the permitted one alone."""
    assert callable(rule)
    assert rule(ast.parse(source)) is broken
