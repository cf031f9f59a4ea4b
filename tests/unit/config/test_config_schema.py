"""What the config file may say: every key, every default, every mistake with its place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.jsonc import parse
from core.config.schema import Outcome, Overrides, is_loopback, parse_listen, read
from core.model.config import (
    SERVER_NAME_PATTERN,
    Config,
    EnvironmentPolicy,
    Http,
    Listen,
    Logging,
    OAuth,
    Profile,
    ServerConfig,
    ServerName,
    Setting,
    Stdio,
)
from tests.unit.config.test_config_jsonc import VALUES

KEY = "0" * 64


def outcome(text: str, **overrides: str) -> Outcome:
    """What a text says."""
    return read(parse(text), Overrides(**overrides))


def good(text: str, **overrides: str) -> Config:
    """The configuration of a text that has no problems."""
    result = outcome(text, **overrides)
    assert result.problems == ()
    return result.config


def server(text: str) -> ServerConfig:
    """The one entry of a map-form document, named x."""
    return good('{"mcpServers": {"x": ' + text + "}}").servers[ServerName("x")]


def problems(text: str, **overrides: str) -> list[str]:
    """The problems as a person reads them."""
    return [str(problem) for problem in outcome(text, **overrides).problems]


def test_an_empty_object_has_every_default() -> None:
    """Nothing needs to be said; the defaults are spec.md §4's."""
    config = good("{}")
    assert config == Config()
    assert str(config.listen) == "127.0.0.1:8080"
    assert outcome("{}").has_api_key is False


def test_every_key_is_read() -> None:
    """Each key reaches the model, in the list form."""
    config = good(
        """{
        "listen": "0.0.0.0:9090", "api_key": "k", "require_mcp_auth": true, "tools_limit": 5,
        "registry_url": "https://registry.example/of/ours",
        "update_url": "http://127.0.0.1:9/latest.json",
        "call_tool_timeout": "1m",
        "environment": {"inherit_system_safe": false, "allowed_system_vars": ["A", "B"],
                        "custom_vars": {"C": "${env:D}"}},
        "logging": {"level": "WARN", "max_size": 2, "max_backups": 0, "json_format": true},
        "observability": {"metrics": {"enabled": false}},
        "mcpServers": [
          {"name": "a.b_C-1", "command": "npx", "args": ["-y", "p"], "env": {"K": "v"},
           "working_dir": "/srv", "enabled": false, "quarantined": true, "init_timeout": "1m30s",
           "call_timeout": 2.5, "max_concurrent_requests": 1, "protocol": "stdio",
           "isolation": "per_client"},
          {"name": "web", "url": "https://example.com/mcp", "headers": {"X-Key": "v"},
           "protocol": "streamable-http"}
        ]}"""
    )
    assert config == Config(
        listen=Listen("0.0.0.0", 9090),
        api_key="k",
        require_mcp_auth=True,
        tools_limit=5,
        registry_url="https://registry.example/of/ours",
        update_url="http://127.0.0.1:9/latest.json",
        environment=EnvironmentPolicy(
            inherit_system_safe=False,
            allowed_system_vars=("A", "B"),
            custom_vars=(Setting("C", "${env:D}"),),
        ),
        logging=Logging(level="warning", max_size=2 * 2**20, max_backups=0, json_format=True),
        metrics_enabled=False,
        servers={
            ServerName("a.b_C-1"): ServerConfig(
                name=ServerName("a.b_C-1"),
                transport=Stdio(
                    command="npx", args=("-y", "p"), env=(Setting("K", "v"),), working_dir="/srv"
                ),
                enabled=False,
                quarantined=True,
                init_timeout=90.0,
                call_timeout=2.5,
                max_concurrent_requests=1,
                isolation="per_client",
            ),
            ServerName("web"): ServerConfig(
                name=ServerName("web"),
                transport=Http(
                    url="https://example.com/mcp", headers=(Setting("X-Key", "v"),), protocol="http"
                ),
                call_timeout=60.0,
            ),
        },
    )


def test_who_we_are_to_an_authorization_server_is_read() -> None:
    """What a provider gave for registering there; its secret is shown nowhere."""
    config = good(
        """{"mcpServers": {"x": {"url": "https://x.example/mcp", "oauth":
        {"client_id": "we", "client_secret": "${env:QUIET}", "scopes": ["a", "b"]}}}}"""
    )
    transport = config.servers[ServerName("x")].transport
    assert isinstance(transport, Http)
    assert transport.oauth == OAuth(client_id="we", client_secret="${env:QUIET}", scopes=("a", "b"))
    assert "QUIET" not in repr(transport)
    assert "${env:QUIET}" in transport.texts


def test_what_agents_see_is_read() -> None:
    """How tools are offered, profiles, limits, and the tools a person switched on and off."""
    config = good(
        """{"routing_mode": "direct", "tool_response_limit": 0,
        "profiles": [{"name": "work", "servers": ["x", "gone"]}, {"name": "none"}],
        "mcpServers": {"x": {"command": "x", "enabled_tools": ["a"], "disabled_tools": ["b"]}}}"""
    )
    assert (config.routing_mode, config.tool_response_limit) == ("direct", 0)
    assert config.profiles == (Profile("work", ("x", "gone")), Profile("none"))
    entry = config.servers[ServerName("x")]
    assert (entry.enabled_tools, entry.disabled_tools) == (("a",), ("b",))


def test_list_map_and_vs_code_say_the_same() -> None:
    """The shape of the file does not matter, except for where an entry is found again."""
    entry = '"command": "c", "cwd": "/x", "type": "stdio"'
    shapes = {
        f'{{"mcpServers": [{{"name": "s", {entry}}}]}}': ("mcpServers", 0),
        f'{{"mcpServers": {{"s": {{{entry}}}}}}}': ("mcpServers", "s"),
        f'{{"servers": {{"s": {{{entry}}}}}, "inputs": []}}': ("servers", "s"),
    }
    results = [outcome(text) for text in shapes]
    assert results[0].config == results[1].config == results[2].config
    assert [result.entries[ServerName("s")] for result in results] == list(shapes.values())
    assert results[0].config.servers[ServerName("s")].transport == Stdio(
        command="c", working_dir="/x"
    )


def test_unknown_keys_and_nulls_are_no_problem() -> None:
    """Keys of later versions and of other programs are ignored; null means not said."""
    nulls = dict.fromkeys(("listen", "tools_limit", "environment", "logging", "servers"))
    text = json.dumps(
        {
            **nulls,
            "themes": 5,
            "mcpServers": {
                "x": {"command": "c", "args": None, "url": "", "created": "x", "groups": []}
            },
        }
    )
    assert good(text).servers[ServerName("x")] == ServerConfig(
        name=ServerName("x"), transport=Stdio(command="c")
    )


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ('"500ms"', 0.5), ('"30s"', 30), ('"2m"', 120), ('"1h"', 3600), ('"1h30m"', 5400),
        ('"2m0s"', 120), ('"1.5s"', 1.5), ("30", 30), ("0.25", 0.25), ('"24h"', 86400),
    ],
)  # fmt: skip
def test_durations(value: str, seconds: float) -> None:
    """Durations are what people and the Go program write, or a number of seconds."""
    assert server(f'{{"command": "c", "init_timeout": {value}}}').init_timeout == seconds


@pytest.mark.parametrize("value", ['"30"', '"1d"', '""', '"-1s"', '" 1s"', "true", "[]", '"1s 2s"'])
def test_what_is_no_duration_is_named(value: str) -> None:
    """A duration that could be misread is refused with examples."""
    (problem,) = problems(f'{{"servers": {{"x": {{"command": "c", "call_timeout": {value}}}}}}}')
    assert problem.startswith("servers.x.call_timeout: expected a duration like")


@pytest.mark.parametrize("value", ["0", "-1", '"0s"', '"25h"', "1e9"])
def test_durations_are_bounded(value: str) -> None:
    """No limit of zero, and none that would never end."""
    (problem,) = problems(f'{{"call_tool_timeout": {value}}}')
    assert problem == 'call_tool_timeout: must be more than 0 and at most "24h" (line 1)'


@pytest.mark.parametrize(
    ("value", "size"), [("10", 10 * 2**20), ('"512 KB"', 2**19), ('"1gb"', 2**30), ("0.5", 2**19)]
)
def test_sizes(value: str, size: int) -> None:
    """Sizes have a unit or are megabytes."""
    assert good(f'{{"logging": {{"max_size": {value}}}}}').logging.max_size == size


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [("", "auto"), ("auto", "auto"), ("http", "http"), ("streamable-http", "http"), ("sse", "sse")],
)
def test_protocols_of_a_url(protocol: str, expected: str) -> None:
    """Two names for one protocol become one; silence means to find out."""
    transport = server(f'{{"url": "http://localhost:1/", "protocol": "{protocol}"}}').transport
    assert isinstance(transport, Http)
    assert transport.protocol == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8080", Listen("127.0.0.1", 8080)),
        ("localhost:0", Listen("localhost", 0)),
        (":8080", Listen("127.0.0.1", 8080)),
        ("[::1]:65535", Listen("::1", 65535)),
        ("host.example:1", Listen("host.example", 1)),
    ],
)
def test_addresses_to_listen_on(text: str, expected: Listen) -> None:
    """Host and port, where no host means this machine only."""
    assert parse_listen(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "8080", "127.0.0.1", "127.0.0.1:", "a:b", "a:65536", "::1:80", "[::1", "[x]:1",
     "http://a:1", "a b:1", "a:-1", "a:²"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    """Anything that is not HOST:PORT is refused rather than guessed."""
    with pytest.raises(ValueError, match=r"expected HOST:PORT|IPv6"):
        parse_listen(text)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
        ("LOCALHOST", True), ("0.0.0.0", False), ("::", False), ("192.168.0.2", False),
        ("localhost.example", False),
    ],
)  # fmt: skip
def test_loopback(host: str, expected: bool) -> None:
    """Only what certainly stays on this machine counts as loopback."""
    assert is_loopback(host) is expected


BAD: list[tuple[str, list[str]]] = [
    ("[]", ["config: expected an object in braces, {...}, got a list"]),
    ('{"listen": 8080}', ["listen: expected a string, got a number: put it in double quotes"]),
    ('{"listen": "8080"}', ['listen: expected HOST:PORT, like "127.0.0.1:8080"']),
    (
        '{"listen": "0.0.0.0:80"}',
        [
            'listen: other machines can reach 0.0.0.0: set "require_mcp_auth": true, '
            "or listen on 127.0.0.1"
        ],
    ),
    (
        '{"api_key": "", "require_mcp_auth": true}',
        [
            "require_mcp_auth: needs a key to ask for, but api_key is empty: "
            "leave api_key out to get one"
        ],
    ),
    (
        '{"require_mcp_auth": "true"}',
        ["require_mcp_auth: expected true or false, got a string: write true without quotes"],
    ),
    ('{"tool_response_limit": -1}', ["tool_response_limit: must be from 0 to 10000000"]),
    ('{"routing_mode": "all"}', ["routing_mode: must be one of retrieve_tools, direct"]),
    (
        '{"profiles": {"a": ["b"]}}',
        ['profiles: expected a list of profiles, [{"name": ..., "servers": [...]}], got an object'],
    ),
    ('{"profiles": [7]}', ["profiles[0]: expected an object in braces, {...}, got a number"]),
    ('{"profiles": [{}]}', ["profiles[0].name: is missing: every profile needs a name"]),
    (
        '{"profiles": [{"name": "a/b"}, {"name": "a"}, {"name": "a"}]}',
        [
            "profiles[0].name: a profile's name is 1 to 64 of the letters A-Z and a-z, digits, "
            "'.', '_' and '-'",
            "profiles[2].name: another profile has this name",
        ],
    ),
    *(
        (
            f'{{"registry_url": "{url}"}}',
            [
                "registry_url: expected the https address of a registry, like "
                '"https://registry.modelcontextprotocol.io"'
            ],
        )
        for url in (
            *("registry", "http://registry.example", "https://", "https://me@registry.example"),
            *("https://[", "https://registry.example?q=1", "https://a:b", "file:///etc/passwd"),
        )
    ),
    (
        '{"update_url": "http://example.com/latest.json"}',
        [
            "update_url: expected the https address of a description of the newest release, "
            'like "https://example.com/latest.json"'
        ],
    ),
    (
        '{"registry_url": 5}',
        ["registry_url: expected a string, got a number: put it in double quotes"],
    ),
    ('{"tools_limit": 0}', ["tools_limit: must be from 1 to 1000"]),
    ('{"tools_limit": true}', ["tools_limit: expected a whole number, got true"]),
    ('{"tools_limit": 1.5}', ["tools_limit: expected a whole number, got a number"]),
    (
        '{"logging": {"level": "loud", "max_size": -1, "max_backups": 101}}',
        [
            "logging.level: must be one of trace, debug, info, warn, warning, error",
            'logging.max_size: must be more than 0 and at most "1 GB"',
            "logging.max_backups: must be from 0 to 100",
        ],
    ),
    (
        '{"environment": {"allowed_system_vars": "A", "custom_vars": {"A=B": "x", "C": 1}}}',
        [
            "environment.custom_vars.C: expected a string, got a number: put it in double quotes",
            'environment.custom_vars["A=B"]: is no name of an environment variable',
            "environment.allowed_system_vars: expected a list of strings, got a string: "
            'put it in brackets, ["..."]',
        ],
    ),
    (
        '{"mcpServers": 1}',
        [
            'mcpServers: expected a list, [{"name": ...}], or a map, {"NAME": {...}}, of servers,'
            " got a number"
        ],
    ),
    ('{"servers": []}', ["servers: expected an object in braces, {...}, got a list"]),
    ('{"mcpServers": [1]}', ["mcpServers[0]: expected an object in braces, {...}, got a number"]),
    (
        '{"mcpServers": {"x": null}}',
        ["mcpServers.x: expected an object in braces, {...}, got null"],
    ),
    (
        '{"mcpServers": [{"command": "c"}]}',
        ["mcpServers[0].name: is missing: every server needs a name"],
    ),
    (
        '{"mcpServers": {"x": {}}}',
        ['mcpServers.x: needs either "command" (a program to start) or "url" (a server to reach)'],
    ),
    (
        '{"mcpServers": {"x": {"command": "c", "url": "http://a"}}}',
        ['mcpServers.x: has both "command" and "url": remove the one that is not meant'],
    ),
    (
        '{"mcpServers": {"x": {"command": "c", "protocol": "sse"}}}',
        [
            'mcpServers.x.protocol: a server with "command" speaks stdio: remove this, '
            'or give "url" instead'
        ],
    ),
    (
        '{"mcpServers": {"x": {"url": "http://a", "type": "stdio"}}}',
        [
            'mcpServers.x.type: a server with "url" cannot speak stdio: remove this, '
            'or give "command" instead'
        ],
    ),
    (
        '{"mcpServers": {"x": {"command": "c", "args": "-y", "env": ["A=1"], "enabled": 1}}}',
        [
            "mcpServers.x.enabled: expected true or false, got a number",
            "mcpServers.x.args: expected a list of strings, got a string: put it in brackets, "
            '["..."]',
            'mcpServers.x.env: expected an object of strings, {"NAME": "value"}, got a list',
        ],
    ),
    (
        '{"mcpServers": {"x": {"command": "c", "args": ["a", 8080, null, "\\u0000"]}}}',
        [
            "mcpServers.x.args[1]: expected a string, got a number: put it in double quotes",
            "mcpServers.x.args[2]: expected a string, got null",
            "mcpServers.x.args[3]: may not hold the character NUL",
        ],
    ),
    (
        '{"mcpServers": {"x": {"url": "http://a", "headers": {"A B": "x", "C": "1\\r\\n2"}}}}',
        [
            'mcpServers.x.headers["A B"]: is no name of an HTTP header',
            "mcpServers.x.headers.C: may not hold a line break",
        ],
    ),
    (
        '{"mcpServers": {"x": {"command": "c", "isolation": "none"}}}',
        ["mcpServers.x.isolation: must be one of auto, shared, per_client"],
    ),
    (
        '{"mcpServers": {"x": {"command": "c", "protocol": "grpc", "max_concurrent_requests": 0}}}',
        [
            "mcpServers.x.protocol: must be one of auto, stdio, http, streamable-http, sse",
            "mcpServers.x.max_concurrent_requests: must be from 1 to 1024",
        ],
    ),
    (
        '{"listen": "a:1",\n"listen": "127.0.0.1:1"}',
        ["listen: stands here twice, first in line 1: remove one (line 2)"],
    ),
]


@pytest.mark.parametrize(("text", "expected"), BAD)
def test_mistakes_are_named_with_path_cause_and_fix(text: str, expected: list[str]) -> None:
    """Each problem says where it is, what is wrong, and what to write instead."""
    found = [problem.removesuffix(" (line 1)") for problem in problems(text)]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize(
    "name",
    ["", "../x", "a/b", "a b", "x" * 65, "a\0", "ä",
      "\u202eabc", "\U0001f600", ".", "..", "a:b", "a\n"],
)  # fmt: skip
def test_names_that_could_mislead_are_refused(name: str) -> None:
    """A name goes into files, addresses and labels, so it is plain."""
    for text in (
        json.dumps({"mcpServers": {name: {"command": "c"}}}),
        json.dumps({"mcpServers": [{"name": name, "command": "c"}]}),
    ):
        assert any("a server's name is 1 to 64" in p or "NUL" in p for p in problems(text))


@given(st.from_regex(SERVER_NAME_PATTERN, fullmatch=True).filter(lambda name: name.strip(".")))
def test_every_name_of_the_pattern_is_fine(name: str) -> None:
    """The pattern of spec.md §4 is the rule."""
    assert list(good(json.dumps({"mcpServers": {name: {"command": "c"}}})).servers) == [name]


def test_equal_and_confusable_names_name_both() -> None:
    """Two servers may not share a name, nor differ only in case; both places are told."""
    text = """{"mcpServers": [
      {"name": "github", "command": "a"},
      {"name": "github", "command": "b"},
      {"name": "GitHub", "command": "c"}],
      "servers": {"github": {"command": "d"}}}"""
    assert problems(text) == [
        'mcpServers[1].name: the name "github" is taken by mcpServers[0].name in line 2: '
        "give one of them another name (line 3)",
        'mcpServers[2].name: the name "GitHub" differs from "github" (mcpServers[0].name in line '
        "2) only in upper and lower case: give one of them another name (line 4)",
        'servers.github: the name "github" is taken by mcpServers[0].name in line 2: '
        "give one of them another name (line 5)",
    ]


def test_all_errors_show_at_once_with_their_lines() -> None:
    """One look at the message is enough to mend the whole file."""
    text = """{
      "listen": 1,
      "mcpServers": {
        "a": {"args": [1]},
        "b": {"url": "ftp://x", "init_timeout": "soon"}
      },
      "tools_limit": "many"
    }"""
    found = outcome(text).problems
    assert [(problem.path, problem.line) for problem in found] == [
        ("listen", 2),
        ("mcpServers.a", 4),
        ("mcpServers.a.args[0]", 4),
        ("mcpServers.b.url", 5),
        ("mcpServers.b.init_timeout", 5),
        ("tools_limit", 7),
    ]


@pytest.mark.parametrize(
    "url",
    ["example.com", "ftp://a", "http://", "http://a:99999", "http://[::1", "http://a b", "//a",
     "file:///etc/passwd", "http://a\\n", "http://a:0"],
)  # fmt: skip
def test_what_is_no_web_address_is_refused(url: str) -> None:
    """Only http and https addresses with a host can be reached; the address is not repeated."""
    (problem,) = problems(f'{{"mcpServers": {{"x": {{"url": "{url}"}}}}}}')
    assert problem.startswith("mcpServers.x.url: expected a web address")


def test_a_url_with_a_reference_is_checked_later() -> None:
    """What stands in a reference is known only when the server starts."""
    transport = server('{"url": "${env:BASE}/mcp"}').transport
    assert transport == Http(url="${env:BASE}/mcp")


def test_overrides_win_over_the_file() -> None:
    """Environment and flags come last, and are checked as the file is."""
    text = '{"listen": "0.0.0.0:1", "api_key": "file", "logging": {"level": "bad"}}'
    config = good(text, listen="localhost:2", api_key="flag", log_level="DEBUG")
    assert config.listen == Listen("localhost", 2)
    assert config.api_key == "flag"
    assert config.logging.level == "debug"
    assert problems("{}", listen="0.0.0.0:1", log_level="x") == [
        "listen: other machines can reach 0.0.0.0 (as --listen or MCPPROXY_LISTEN says): "
        'set "require_mcp_auth": true, or listen on 127.0.0.1',
        "logging.level: must be one of trace, debug, info, warn, warning, error "
        "(as --log-level or MCPPROXY_LOG_LEVEL says)",
    ]


def test_secrets_stay_out_of_messages() -> None:
    """However wrong a value is, the message does not repeat it."""
    secret = "hunter2secret"
    text = json.dumps(
        {
            "api_key": [secret],
            "listen": secret,
            "mcpServers": {
                "x": {"url": f"ftp://{secret}", "headers": {"A": [secret]}, "args": secret},
                "y": {"command": [secret], "env": {"T": {"v": secret}}, "protocol": secret},
            },
        }
    )
    result = outcome(text)
    assert len(result.problems) >= 7
    assert secret not in str([str(problem) for problem in result.problems])
    assert secret not in repr(good(json.dumps({"api_key": secret})))


KEYS = st.sampled_from(
    ["listen", "api_key", "mcpServers", "servers", "environment", "logging", "observability",
     "tools_limit", "require_mcp_auth", "call_tool_timeout"]
)  # fmt: skip
ENTRY_KEYS = st.sampled_from(
    ["name", "command", "args", "env", "url", "headers", "protocol", "type", "cwd", "enabled",
     "init_timeout", "max_concurrent_requests", "isolation"]
)  # fmt: skip
ENTRIES = st.dictionaries(ENTRY_KEYS, VALUES, max_size=5)


@given(
    st.dictionaries(KEYS, VALUES, max_size=5),
    st.one_of(
        VALUES, st.lists(ENTRIES, max_size=3), st.dictionaries(st.text("aB.", max_size=2), ENTRIES)
    ),
)
def test_any_document_gives_a_config_or_problems(document: object, servers: object) -> None:
    """No document makes the reader fail, and one without problems is a valid configuration."""
    assert isinstance(document, dict)
    result = outcome(json.dumps({**document, "mcpServers": servers}))
    for problem in result.problems:
        assert problem.message
        assert problem.line is not None
    if not result.problems:
        for name, entry in result.config.servers.items():
            assert SERVER_NAME_PATTERN.fullmatch(name)
            assert entry.name == name
            match entry.transport:
                case Stdio(command=command):
                    assert command
                case Http(url=url):
                    assert url


def test_the_metrics_port_is_for_this_machine_only() -> None:
    """It asks for no key, so an address that others can reach is refused, and so is nonsense."""
    text = '{"observability": {"metrics": {"listen": "%s"}}}'
    assert good(text % "127.0.0.1:9464").metrics_listen == Listen("127.0.0.1", 9464)
    assert good(text % ":9464").metrics_listen == Listen("127.0.0.1", 9464)
    assert good("{}").metrics_listen is None
    for wrong in ("0.0.0.0:9464", "192.168.1.5:9464", "9464", "localhost:x"):
        [problem] = outcome(text % wrong).problems
        assert problem.path == "observability.metrics.listen"
