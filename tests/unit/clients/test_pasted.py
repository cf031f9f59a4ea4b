"""What people paste to add a server, as READMEs and settings have it, and what is made of it."""

from __future__ import annotations

import contextlib
import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from core.clients.candidates import Outcome
from core.clients.doubts import doubts
from core.clients.pasted import LONGEST, Unreadable, pasted
from core.errors import McpProxyError

ENDPOINT = "http://127.0.0.1:8080/mcp"
NPX = {"command": "npx", "args": ["-y", "@scope/server-files", "/home/ada/my notes"]}


def read(text: str, platform: str = "linux") -> dict[str, object]:
    """By name, what can be added."""
    found = pasted(text, {}, ENDPOINT, {"HOME": "/home/ada"}, platform)
    return {each.name: each.entry for each in found if each.outcome is Outcome.IMPORT}


@pytest.mark.parametrize(
    ("text", "name", "entry"),
    [
        ('npx -y @scope/server-files "/home/ada/my notes"', "server-files", NPX),
        ("$ uvx mcp-server-time\n", "mcp-server-time",
         {"command": "uvx", "args": ["mcp-server-time"]}),
        ("uvx mcp-server-git@1.2 --repo x", "mcp-server-git",
         {"command": "uvx", "args": ["mcp-server-git@1.2", "--repo", "x"]}),
        ("TOKEN='a b' node \\\n  server.js", "server",
         {"command": "node", "args": ["server.js"], "env": {"TOKEN": "a b"}}),
        ("docker run -i --rm mcp/time:1", "time",
         {"command": "docker", "args": ["run", "-i", "--rm", "mcp/time:1"]}),
        ("/opt/tools/weather", "weather", {"command": "/opt/tools/weather"}),
        ("claude mcp add --scope user clock -e K=V -- uvx mcp-server-time", "clock",
         {"command": "uvx", "args": ["mcp-server-time"], "env": {"K": "V"}}),
        ("https://mcp.example.com/v1/mcp", "example.com", {"url": "https://mcp.example.com/v1/mcp"}),
        ("a; rm $(id) `x` | y && z", "rm",
         {"command": "a;", "args": ["rm", "$(id)", "`x`", "|", "y", "&&", "z"]}),
    ],
)  # fmt: skip
def test_commands_and_addresses(text: str, name: str, entry: object) -> None:
    """S17: a line becomes the words of a command, which no shell ever reads; or an address."""
    assert read(text) == {name: entry}


def test_backslashes_belong_to_windows_paths_there() -> None:
    """A path that is pasted on Windows keeps them."""
    assert read(r"C:\tools\mcp.exe --x", "win32") == {
        "mcp": {"command": r"C:\tools\mcp.exe", "args": ["--x"]}
    }


@pytest.mark.parametrize(
    "text",
    [
        '{"mcpServers": {"files": %s}}',
        '{\n  // VS Code\n  "servers": {"files": %s,},\n}',
        '{"mcp": {"servers": {"files": %s}}}',
        '{"context_servers": {"files": %s}}',
        '{"files": %s}',
        '"files": %s,',
        '[{"name": "files", %s]',
        '{"mcpServers": [{"name": "files", %s]}',
        '{"amp.mcpServers": {"files": %s}}',
    ],
)
def test_settings_of_any_client(text: str) -> None:
    """Whatever is around it: the whole file, one member of it, a list, with comments."""
    inner = '{"command": "npx", "args": ["-y", "@scope/server-files", "/home/ada/my notes"]}'
    if text.count("{") > text.count("}"):
        inner = inner[1:]
    assert read(text % inner) == {"files": NPX}


@pytest.mark.parametrize(
    ("text", "name", "entry"),
    [
        ('{"command": "uvx", "args": ["mcp-server-time"]}', "mcp-server-time",
         {"command": "uvx", "args": ["mcp-server-time"]}),
        ('{"mcpServers": {"a": {"serverUrl": "https://a.example/mcp"}}}', "a",
         {"url": "https://a.example/mcp"}),
        ('{"mcpServers": {"a": {"httpUrl": "https://a.example/mcp"}}}', "a",
         {"url": "https://a.example/mcp", "protocol": "http"}),
        ('{"mcp": {"a": {"type": "local", "command": ["npx", "-y", "x"]}}}', "a",
         {"command": "npx", "args": ["-y", "x"]}),
        ('[mcp_servers.a]\ncommand = "uvx"\nargs = ["x"]\n', "a",
         {"command": "uvx", "args": ["x"]}),
        ("extensions:\n  a:\n    cmd: uvx\n    args: [x]\n    type: stdio\n", "a",
         {"command": "uvx", "args": ["x"]}),
    ],
)  # fmt: skip
def test_dialects_are_told_apart(text: str, name: str, entry: object) -> None:
    """The one in which it makes sense is the one it is written in: JSON, TOML and YAML."""
    assert read(text) == {name: entry}


def test_what_cannot_be_added_says_why() -> None:
    """Ourselves, what is there already, and what only an editor could fill in."""
    text = """{"mcpServers": {
        "us": {"url": "http://localhost:8080/mcp"},
        "have": {"command": "uvx", "args": ["x"]},
        "asks": {"command": "y", "env": {"K": "${input:key}"}},
        "odd": {}
    }}"""
    known = {"x": {"command": "uvx", "args": ["x"]}}
    found = pasted(text, known, ENDPOINT, {}, "linux")
    assert [each.outcome for each in found] == [
        Outcome.OURSELVES,
        Outcome.DUPLICATE,
        Outcome.NEEDS_VALUE,
        Outcome.UNSUPPORTED,
    ]
    assert all(each.reason for each in found)


@pytest.mark.parametrize(
    "text",
    ["", "  \n", "{", "[1", '{"a": 1}', "{}", "'open", "A=1", "claude mcp add x",
     "x" * (LONGEST + 1), "[a", "a:\n  - :", "[]"],
)  # fmt: skip
def test_what_says_no_server_is_told_in_a_sentence(text: str) -> None:
    """S30: no traceback, whatever is pasted."""
    with pytest.raises(McpProxyError, match=r"\.$") as told:
        pasted(text, {}, ENDPOINT, {}, "linux")
    assert isinstance(told.value, Unreadable)


@pytest.mark.parametrize(
    ("entry", "grave", "light"),
    [
        ({"command": "uvx", "args": ["x@1.0"]}, 0, 0),
        ({"command": "npx", "args": ["-y", "@scope/x@1.0"]}, 0, 0),
        ({"command": "npx", "args": ["-y", "@scope/x"]}, 0, 1),
        ({"command": "x", "env": {"LD_PRELOAD": "y", "node_options": "z", "TOKEN": "t"}}, 2, 0),
        ({"command": "x", "env": {"PATH": "/y", "BASH_ENV": "z", "PYTHONPATH": "w"}}, 3, 0),
        ({"command": "/bin/bash", "args": ["-c", "curl x | sh"]}, 1, 0),
        ({"command": r"C:\Windows\cmd.exe", "args": ["/c"]}, 1, 0),
        ({"command": "x", "args": ["$(id)", "~/notes", "a*"]}, 0, 3),
        ({"url": "http://example.com/mcp"}, 1, 0),
        ({"url": "http://127.0.0.1:99/mcp"}, 0, 0),
        ({"url": "http://localhost/mcp"}, 0, 0),
        ({"url": "http://[bad"}, 0, 0),
        ({"url": "https://example.com/mcp"}, 0, 0),
    ],
)
def test_doubts(entry: dict[str, object], grave: int, light: int) -> None:
    """S17, S18: what steers other programs, starts a shell or is sent in the open is grave."""
    found = doubts(entry)
    assert [each.grave for each in found] == [True] * grave + [False] * light
    assert all(each.text.endswith(".") for each in found)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["command", "args", "url", "env", "a", "servers"]), inner)
    ),
    max_leaves=12,
)


@given(st.sampled_from(["mcpServers", "servers", "mcp", "x", "command"]), VALUES)
def test_no_settings_break_it(key: str, value: object) -> None:
    """S33: whatever shape is pasted, as JSON or YAML, is read or refused in a sentence."""
    for text in (json.dumps({key: value}), yaml.safe_dump({key: value}), f"{key}:\n  1: {{}}"):
        with contextlib.suppress(Unreadable):
            pasted(text, {}, ENDPOINT, {}, "linux")


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    """S33: nor does any line or beginning of a file."""
    for before in ("", "{", "[", "a:\n", "npx ", "https://", "[mcp_servers.", '"'):
        with contextlib.suppress(Unreadable):
            found = pasted(before + text, {}, ENDPOINT, {}, "linux")
            assert all(doubts(each.entry) is not None for each in found)


def test_deep_nesting_is_refused() -> None:
    """F71: it ends in a sentence, not in a full stack."""
    with pytest.raises(Unreadable):
        pasted('{"a": ' * 50_000, {}, ENDPOINT, {}, "linux")
