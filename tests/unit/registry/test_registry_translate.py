"""Entries of a registry in the words of our config file: pinned, complete, and nothing hidden."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.jsonc import parse
from core.config.schema import Overrides, read
from core.model.config import SERVER_NAME_PATTERN
from core.model.registry import Offer
from core.registry.document import read_page
from core.registry.translate import local_name, offer
from tests.fakes.registry import listed, page

Json = dict[str, Any]

WEATHER: Json = {
    "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
    "name": "io.github.acme/weather",
    "title": "Weather",
    "description": "Forecasts and\n  warnings.",
    "repository": {"url": "https://example.com/acme/weather", "source": "github"},
    "version": "1.4.2",
    "packages": [
        {
            "registryType": "npm",
            "identifier": "@acme/weather-mcp",
            "version": "1.4.2",
            "transport": {"type": "stdio"},
            "runtimeHint": "npx",
            "runtimeArguments": [{"type": "positional", "value": "-y"}],
            "packageArguments": [
                {"type": "named", "name": "--units", "default": "metric"},
                {"type": "named", "name": "--cache", "valueHint": "directory"},
                {"type": "named", "name": "--region", "valueHint": "region", "isRequired": True},
            ],
            "environmentVariables": [
                {
                    "name": "WEATHER_API_KEY",
                    "description": "Key of your account",
                    "isRequired": True,
                    "isSecret": True,
                    "default": "abc",
                },
                {"name": "WEATHER_LANGUAGE", "default": "en"},
                {"name": "WEATHER_PROXY", "description": "Proxy to use"},
            ],
        }
    ],
    "remotes": [
        {
            "type": "streamable-http",
            "url": "https://weather.example.com/{tier}/mcp",
            "variables": {"tier": {"default": "free"}},
            "headers": [
                {
                    "name": "Authorization",
                    "value": "Bearer {token}",
                    "variables": {"token": {"isRequired": True, "isSecret": True}},
                },
                {"name": "X-Trace", "description": "Anything"},
            ],
        }
    ],
}


def offered(server: Json, status: str = "active", message: str = "") -> Offer:
    """What is made of one entry."""
    entries, _ = read_page(page(listed(server, status, message)))
    found = offer(entries[0])
    assert found is not None
    return found


def package(**members: object) -> Json:
    """A server with one package."""
    usual = {"registryType": "npm", "identifier": "thing", "version": "1.0.0"}
    return {"name": "a.b/c", "description": "", "version": "1", "packages": [{**usual, **members}]}


def remote(**members: object) -> Json:
    """A server with one address."""
    usual = {"type": "streamable-http", "url": "https://example.com/mcp"}
    return {"name": "a.b/c", "description": "", "version": "1", "remotes": [{**usual, **members}]}


def test_an_npm_package_and_an_address() -> None:
    """Both ways are offered, pinned; secrets are references and what is optional is left out."""
    found = offered(WEATHER)
    assert (found.name, found.called) == ("io.github.acme/weather", "weather")
    assert (found.version, found.description) == ("1.4.2", "Forecasts and warnings.")
    npm, http = found.ways
    assert npm.entry == {
        "command": "npx",
        "args": [
            *("-y", "@acme/weather-mcp@1.4.2", "--units", "metric"),
            *("--region", "${env:WEATHER_REGION}"),
        ],
        "env": {"WEATHER_API_KEY": "${env:WEATHER_API_KEY}", "WEATHER_LANGUAGE": "en"},
    }
    assert npm.runs.startswith("npx -y @acme/weather-mcp@1.4.2 --units metric")
    assert [(each.name, each.required, each.secret) for each in npm.needs] == [
        ("WEATHER_API_KEY", True, True),
        ("WEATHER_PROXY", False, False),
        ("directory", False, False),
        ("region", True, False),
    ]
    assert http.entry == {
        "url": "https://weather.example.com/free/mcp",
        "protocol": "http",
        "headers": {"Authorization": "Bearer ${env:WEATHER_TOKEN}"},
    }


def test_a_pypi_package() -> None:
    """It is run by uvx at its version, with its positional arguments in their order."""
    arguments = [
        {"type": "positional", "value": "serve"},
        {"type": "positional", "valueHint": "path", "isRequired": True, "format": "filepath"},
        {"type": "named", "name": "--quiet"},
        {"type": "named", "name": "--stdio", "isRequired": True},
    ]
    server = package(
        registryType="pypi", identifier="time-mcp", version="2.0rc1", packageArguments=arguments
    )
    (way,) = offered(server).ways
    assert way.entry == {
        "command": "uvx",
        "args": ["time-mcp@2.0rc1", "serve", "${env:C_PATH}", "--stdio"],
    }


@pytest.mark.parametrize(
    ("members", "image"),
    [
        ({"identifier": "ghcr.io/acme/db:3.1"}, "ghcr.io/acme/db:3.1"),
        ({"identifier": "acme/db", "version": "3.1"}, "acme/db:3.1"),
        ({"identifier": "acme/db:latest", "version": "3.1"}, "acme/db:3.1"),
        (
            {"identifier": "acme/db", "version": "3", "registryBaseUrl": "https://ghcr.io"},
            "ghcr.io/acme/db:3",
        ),
        ({"identifier": f"acme/db@sha256:{'a' * 64}"}, f"acme/db@sha256:{'a' * 64}"),
    ],
)
def test_a_container(members: Json, image: str) -> None:
    """It is run with its input open, removed afterwards, and given its variables by name only."""
    own = [
        {"type": "named", "name": "--rm"},
        {"type": "named", "name": "-v", "value": "{data}:/data", "variables": {"data": {}}},
    ]
    env = [{"name": "DB_URL", "isRequired": True, "isSecret": True}]
    usual = {"registryType": "oci", "version": "", "runtimeHint": "docker"}
    server = package(**usual | members, runtimeArguments=own, environmentVariables=env)
    (way,) = offered(server).ways
    assert way.entry == {
        "command": "docker",
        "args": ["run", "-i", "--rm", "-v", "${env:C_DATA}:/data", "-e", "DB_URL", image],
        "env": {"DB_URL": "${env:DB_URL}"},
    }


def test_an_address_of_the_older_transport() -> None:
    """SSE is said in the entry, and a required header without a value is a reference."""
    headers = [{"name": "X-Api-Key", "isRequired": True, "isSecret": True}]
    (way,) = offered(remote(type="sse", headers=headers)).ways
    assert way.entry["protocol"] == "sse"
    assert way.entry["headers"] == {"X-Api-Key": "${env:C_X_API_KEY}"}


@pytest.mark.parametrize(
    ("server", "why"),
    [
        (package(version="latest"), "no single version"),
        (package(version="^1.0.0"), "no single version"),
        (package(version=""), "no single version"),
        (package(registryType="oci", version=""), "no single version"),
        (package(identifier="--eval=1"), "no name of a package"),
        (package(identifier="git+https://example.com/x"), "no name of a package"),
        (package(registryType="nuget"), "cannot be started"),
        (package(registryType="mcpb"), "cannot be started"),
        (package(runtimeHint="sh"), "run by 'sh'"),
        (package(transport={"type": "streamable-http", "url": "http://x"}), "reached by URL"),
        (package(environmentVariables=[{"name": "A=B", "value": "x"}]), "no name of an env"),
        (package(environmentVariables=[{"name": "A", "value": "${env:HOME}"}]), "reference"),
        (package(packageArguments=[{"value": "a\nb"}]), "not printable"),
        (package(packageArguments=[{"value": "x" * 3000}]), "too long"),
        (package(packageArguments=[{"type": "named", "value": "x"}]), "without a name"),
        (remote(url="http://example.com/mcp"), "not https"),
        (remote(url="https://{host}/mcp", variables={"host": {}}), "not https"),
        (remote(url="https://user@example.com/mcp"), "not https"),
        (remote(url="https://[/mcp"), "not https"),
        (remote(url="https://example.com/${env:AWS_SECRET}"), "reference"),
        (remote(headers=[{"name": "A", "value": "${env:AWS_SECRET}"}]), "reference"),
        (remote(headers=[{"name": "A b", "value": "x"}]), "no name of a header"),
        (remote(type="websocket"), "cannot be reached"),
    ],
)
def test_what_cannot_be_used_is_said(server: Json, why: str) -> None:
    """No way is offered, and a sentence says why."""
    found = offered(server)
    assert found.ways == ()
    assert why in found.unusable[0]


def test_an_entry_cannot_ask_for_the_variables_of_others() -> None:
    """A header's variable is named after the server, whatever the entry calls it."""
    header = {"name": "X", "value": "{AWS_SECRET_ACCESS_KEY}", "isSecret": True}
    (way,) = offered(remote(headers=[header])).ways
    assert way.entry["headers"] == {"X": "${env:C_AWS_SECRET_ACCESS_KEY}"}


def test_what_would_be_code_for_a_shell_stays_text() -> None:
    """No shell sees it, and it is shown quoted."""
    (way,) = offered(package(packageArguments=[{"value": "; rm -rf ~"}])).ways
    assert way.entry["args"] == ["-y", "thing@1.0.0", "; rm -rf ~"]
    assert way.runs == "npx -y thing@1.0.0 '; rm -rf ~'"


def test_deleted_entries_are_hidden_and_deprecated_ones_marked() -> None:
    """So are older versions; the publisher's words on a deprecated one are shown."""
    entries, _ = read_page(page(listed(WEATHER, "deleted")))
    assert offer(entries[0]) is None
    warning = offered(WEATHER, "deprecated", "Use weather2.").warning
    assert warning == "Deprecated by its publisher: Use weather2."
    older = listed(WEATHER)
    next(iter(older["_meta"].values()))["isLatest"] = False
    entries, _ = read_page(page(older))
    assert offer(entries[0]) is None


@pytest.mark.parametrize("name", ["a/b; rm -rf ~", "a", "a/b/c", "a/\u202eb", ""])
def test_what_has_no_proper_name_is_left_out(name: str) -> None:
    """A name is shown inside a command to copy, so it holds nothing that a shell would read."""
    entries, _ = read_page(page(listed({**WEATHER, "name": name})))
    assert offer(entries[0]) is None


def test_words_are_shown_plainly() -> None:
    """Descriptions lose what is invisible, and are not long."""
    found = offered({**WEATHER, "description": "Sun\u200b\u202e and\x1b[2J\nrain " + "x" * 999})
    assert found.description.startswith("Sun and[2J rain xxx")
    assert len(found.description) == 300


def test_a_containers_secret_is_not_on_its_command_line() -> None:
    """A variable given as an option is passed through the environment if it is a reference."""
    own = [
        {
            "type": "named",
            "name": "-e",
            "value": "TOKEN={token}",
            "variables": {"token": {"isSecret": True}},
        },
        {"type": "named", "name": "-e", "value": "PORT=80"},
    ]
    server = package(registryType="oci", identifier="acme/db:1", runtimeArguments=own)
    (way,) = offered(server).ways
    assert way.entry == {
        "command": "docker",
        "args": ["run", "-i", "--rm", "-e", "PORT=80", "-e", "TOKEN", "acme/db:1"],
        "env": {"TOKEN": "${env:C_TOKEN}"},
    }


@given(st.text(max_size=80))
def test_every_name_gives_a_name_of_ours(name: str) -> None:
    """Whatever a server is called, what it could be called here is allowed."""
    assert SERVER_NAME_PATTERN.fullmatch(local_name(name))


def test_a_broken_entry_hides_no_other() -> None:
    """What is not as agreed is left out; null counts as absent."""
    absent = {**WEATHER, "packages": None, "title": None}
    entries, cursor = read_page(
        page({"server": {"name": 1}}, listed(absent), listed(WEATHER), cursor="next")
    )
    assert [each.server.name for each in entries] == ["io.github.acme/weather"] * 2
    assert cursor == "next"


TEXTS = st.text(max_size=12) | st.sampled_from(["${env:HOME}", "{a}", "{a", "--x", "@", ":", "a"])
VARIABLES = st.fixed_dictionaries(
    {},
    optional={
        "value": TEXTS,
        "default": TEXTS,
        "isRequired": st.booleans(),
        "isSecret": st.booleans(),
        "valueHint": TEXTS,
    },
)
NAMED = st.builds(lambda name, rest: {"name": name, "type": "named", **rest}, TEXTS, VARIABLES)
SERVERS = st.builds(
    lambda name, kind, what, version, arguments, env, url: {
        "name": f"a.b/{name}",
        "packages": [
            {
                "registryType": kind,
                "identifier": what,
                "version": version,
                "packageArguments": arguments,
                "environmentVariables": env,
            }
        ],
        "remotes": [{"type": "sse", "url": url, "headers": env}],
    },
    st.text("aZ.-_0", min_size=1, max_size=100),
    st.sampled_from(["npm", "pypi", "oci"]),
    TEXTS,
    TEXTS | st.just("1.0"),
    st.lists(NAMED, max_size=3),
    st.lists(NAMED, max_size=3),
    st.builds("https://{}/{}".format, st.sampled_from(["a.example", "[", "{a}"]), TEXTS),
)


@given(SERVERS)
def test_whatever_is_published_our_file_can_take_it(server: Json) -> None:
    """Every way that is offered is an entry without problems, under the name it is given."""
    found = offered(server)
    assert SERVER_NAME_PATTERN.fullmatch(found.called)
    for way in found.ways:
        text = json.dumps({"mcpServers": {found.called: dict(way.entry)}})
        assert read(parse(text), Overrides()).problems == ()
