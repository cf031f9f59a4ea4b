"""Taking servers over from AI clients: each entry in our words, or the reason why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.clients.candidates import Candidate, Outcome, candidates
from core.clients.catalogue import BY_ID, CLIENTS, Client
from core.clients.connecting import entry_for
from core.config.jsonc import parse
from core.config.schema import Overrides, read
from tests.unit.clients.homes import ENDPOINT, FILES, connections

ENVIRON = {"HOME": "/home/me"}


def found(client: str, asking: bool = False, **known: object) -> dict[str, Candidate]:
    """What the nine homes offer, by name."""
    row = BY_ID[client]
    servers = row.format.read(FILES[client][1])[row.key]
    assert isinstance(servers, dict)
    listed = candidates(servers, row.dialect, known, ENDPOINT, ENVIRON, asking)
    return {each.name: each for each in listed}


def entries(client: str) -> dict[str, object]:
    return {name: dict(each.entry) for name, each in found(client).items() if each.entry}


def test_entries_are_taken_over_in_our_words() -> None:
    """Every client's shape: commands, addresses, headers, limits, tools and variables."""
    assert entries("claude-code") == {
        "git": {
            "command": "uvx",
            "args": ["mcp-server-git"],
            "env": {"GIT_TOKEN": "abc", "LEVEL": "info"},
        },
        "linear": {
            "url": "https://mcp.linear.app/mcp",
            "protocol": "http",
            "headers": {"A": "${env:TOKEN}"},
        },
    }
    assert entries("claude-desktop") == {"fs": {"command": "npx"}}
    assert entries("cursor") == {"My-Server": {"url": "https://a.example/sse", "protocol": "sse"}}
    assert entries("windsurf") == {"w": {"url": "https://w.example/mcp"}}
    assert entries("zed") == {"z": {"command": "z-server"}}
    assert entries("codex") == {
        "docs": {
            "command": "npx",
            "args": ["-y", "docs"],
            "env": {"A": "1", "DOCS_KEY": "${env:DOCS_KEY}"},
            "init_timeout": 20,
        },
        "remote": {
            "url": "https://r.example/mcp",
            "protocol": "http",
            "headers": {"Authorization": "Bearer ${env:R_TOKEN}"},
        },
    }
    assert entries("gemini") == {
        "g": {
            "url": "https://g.example/mcp",
            "protocol": "http",
            "call_timeout": 30,
            "enabled_tools": ["a"],
        },
        "old": {
            "url": "https://g.example/sse",
            "protocol": "sse",
            "headers": {"X-Api-Key": "${env:G_KEY}"},
        },
    }
    assert entries("goose") == {"plain": {"command": "plain", "env": {"A": "b"}}}


def test_what_cannot_be_taken_over_says_why() -> None:
    """Each with an outcome and a sentence."""
    vscode = found("vscode")
    assert vscode["asks"].outcome is Outcome.NEEDS_VALUE
    assert vscode["asks"].reason == "its editor asks for this at each start: key"
    assert vscode["here"].outcome is Outcome.UNSUPPORTED
    assert "${workspaceFolder}" in vscode["here"].reason
    assert vscode["socket"].outcome is Outcome.UNSUPPORTED
    goose = found("goose")
    assert goose["developer"].outcome is Outcome.UNSUPPORTED
    assert goose["keeper"].outcome is Outcome.NEEDS_VALUE
    assert "KEEPER_KEY" in goose["keeper"].reason


def test_what_only_a_client_has_can_be_given_later() -> None:
    """With a keyring: its entry refers to secrets that a person is asked for."""
    asks, keeper = found("vscode", asking=True)["asks"], found("goose", asking=True)["keeper"]
    assert asks.outcome is keeper.outcome is Outcome.IMPORT
    assert asks.entry["env"] == {"K": "${keyring:asks.key}"}
    assert asks.asks == ("asks.key",)
    assert keeper.entry["env"] == {"KEEPER_KEY": "${keyring:keeper.KEEPER_KEY}"}
    assert keeper.asks == ("keeper.KEEPER_KEY",)
    assert asks.secrets == keeper.secrets == ()


@pytest.mark.parametrize("client", FILES)
def test_what_is_taken_over_is_a_valid_entry_of_ours(client: str) -> None:
    """Our own config reader has nothing to complain about."""
    text = json.dumps({"api_key": "", "mcpServers": entries(client)})
    assert read(parse(text), Overrides()).problems == ()


def test_servers_that_are_here_already_are_not_taken_twice() -> None:
    """The same command or address is a duplicate whatever its name; another one is renamed."""
    known = {
        "other": {"command": "uvx", "args": ["mcp-server-git"]},
        "linear": {"command": "mine"},
    }
    listed = found("claude-code", **known)
    assert listed["git"].outcome is Outcome.DUPLICATE
    assert listed["linear-2"].outcome is Outcome.IMPORT
    assert "linear-2" in listed["linear-2"].reason


@pytest.mark.parametrize("row", [c for c in CLIENTS if c.connects], ids=lambda c: c.id)
def test_an_entry_that_leads_to_us_is_never_taken_over(row: Client, tmp_path: Path) -> None:
    """It would be a loop: whichever client, whichever name of this machine."""
    target = connections(tmp_path)._target
    ours = {"us": entry_for(target, row.dialect)}
    (only,) = candidates(ours, row.dialect, {}, ENDPOINT, ENVIRON)
    assert only.outcome is Outcome.OURSELVES
    argv = {row.dialect.command: "npx", "args": ["mcp-remote", "http://localhost:8080/mcp"]}
    bridged = {"us": argv}
    (only,) = candidates(bridged, row.dialect, {}, ENDPOINT, ENVIRON)
    assert only.outcome is Outcome.OURSELVES


def test_secrets_in_plain_text_are_pointed_out() -> None:
    """Names of variables and headers that look secret, unless they are references already."""
    assert found("claude-code")["git"].secrets == ("GIT_TOKEN",)
    assert found("codex")["remote"].secrets == ()
