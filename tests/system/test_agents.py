"""What an agent gets from ``/mcp``: tools found, described and called; answers cut; profiles."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import annotated_server
from tests.mcp_http import RawClient
from tests.program import Home, Json, RunningProgram, program

pytestmark = pytest.mark.timeout(180)

SCRIPT = str(Path(annotated_server.__file__))
LIMIT = 1_000


def entry(name: str, **more: Any) -> Json:
    return {"command": sys.executable, "args": ["-I", "-S", SCRIPT, name], **more}


def configure(home: Home, **settings: Any) -> None:
    servers = {
        "alpha": entry("alpha"),
        "beta": entry("beta", disabled_tools=["wipe"]),
        "off": entry("off", enabled=False),
    }
    settings = {
        "quarantine_enabled": False,
        "tool_response_limit": LIMIT,
        "profiles": [{"name": "only-beta", "servers": ["beta", "gone"]}],
        **settings,
    }
    home.configure(servers, **settings)


@pytest.fixture
async def running(home: Home) -> AsyncIterator[RunningProgram]:
    configure(home)
    async with program(home) as started:
        await started.ready("alpha", "beta")
        yield started


async def client(running: RunningProgram, path: str = "/mcp") -> RawClient:
    opened = RawClient(running.http, path)
    await opened.open()
    return opened


def said(result: Json) -> Any:
    """The JSON that a built-in tool answered with."""
    assert not result.get("isError"), result
    return json.loads(result["content"][0]["text"])


async def whole(agent: RawClient, key: str, beginning: str = "") -> str:
    """Everything kept under a key, page by page, each within the limit."""
    text, where = beginning, ""
    while "That is the end" not in where:
        page = await agent.call("read_cache", {"key": key, "offset": len(text)})
        more, where = (item["text"] for item in page["content"])
        assert len(more) + len(where) <= LIMIT
        text += more
    return text


def key_in(notice: str) -> str:
    return notice.partition('key="')[2].partition('"')[0]


async def left_out(agent: RawClient, answer: Json) -> list[Json]:
    """The tools that an answer had no room for."""
    if "the_rest" not in answer:
        return []
    return [
        json.loads(line) for line in (await whole(agent, key_in(answer["the_rest"]))).split("\n")
    ]


def example(schema: Any) -> Any:
    """Some value that fits a schema, as far as these servers' schemas go."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type", "object"):
        case "object":
            properties = schema.get("properties", {})
            return {name: example(properties[name]) for name in schema.get("required", ())}
        case "integer" | "number":
            return max(1, schema.get("minimum", 1))
        case "boolean":
            return True
        case "array":
            return []
        case _:
            return "some text"


async def test_every_tool_is_found_described_and_called_as_found(home: Home) -> None:
    """Whatever a search returns can be described and called with exactly that id."""
    configure(home, tool_response_limit=0)
    async with program(home) as running:
        await running.ready("alpha", "beta")
        agent = await client(running)
        for server in ("alpha", "beta"):
            listed = (await running.get(f"/api/v1/servers/{server}/tools"))["tools"]
            offered = [
                tool["name"] for tool in listed if (server, tool["name"]) != ("beta", "wipe")
            ]
            for name in offered:
                query = {"query": name, "server": server, "limit": 3}
                hits = said(await agent.call("retrieve_tools", query))["tools"]
                (hit,) = [hit for hit in hits if hit["tool_id"] == f"{server}:{name}"]
                ids = {"tool_ids": [hit["tool_id"]]}
                (described,) = said(await agent.call("describe_tool", ids))["tools"]
                assert described["call_with"] == hit["call_with"]
                arguments = example(described["inputSchema"])
                call = {"name": hit["tool_id"], "args": arguments}
                result = await agent.call(hit["call_with"], call)
                assert not result.get("isError"), result


async def test_hits_are_short_and_say_how_to_call(running: RunningProgram) -> None:
    """A compact hit has the arguments in one line; a full one has everything; both the effect."""
    agent = await client(running)
    asked = {"query": "look up a word", "limit": 1}
    (hit,) = said(await agent.call("retrieve_tools", asked))["tools"]
    assert hit == {
        "tool_id": "alpha:look_up",
        "description": "Looks up a word. It changes nothing.",
        "args": "word: string, limit?: integer = 10",
        "call_with": "call_tool_read",
    }
    (hit,) = said(await agent.call("retrieve_tools", asked | {"detail": "full"}))["tools"]
    assert hit["inputSchema"] == annotated_server.TOOLS["look_up"]["inputSchema"]
    assert hit["annotations"] == {"readOnlyHint": True}


async def test_searches_are_narrowed_by_server_and_effect(running: RunningProgram) -> None:
    """Only a server's tools, only those that read, none that destroys; or simply all of one."""
    agent = await client(running)

    async def found(**asked: Any) -> set[str]:
        answer = said(await agent.call("retrieve_tools", {"limit": 100, **asked}))
        return {hit["tool_id"] for hit in [*answer["tools"], *await left_out(agent, answer)]}

    notes = "destroys keeps note looks up a word"
    assert await found(query=notes, read_only_only=True) == {"alpha:look_up", "beta:look_up"}
    assert await found(query=notes, exclude_destructive=True, server="alpha") == {
        "alpha:look_up",
        "alpha:take_note",
    }
    assert await found(query="wipe") == {"alpha:wipe"}  # switched off on beta
    listed = await found(query="", server="beta")
    assert listed == {f"beta:{name}" for name in annotated_server.TOOLS if name != "wipe"}


async def test_nothing_found_says_what_there_is(running: RunningProgram) -> None:
    """A search without hits names the servers, and the next step."""
    agent = await client(running)
    answer = said(await agent.call("retrieve_tools", {"query": "zebra"}))
    assert answer["tools"] == []
    assert answer["servers"] == {"alpha": 9, "beta": 8}
    assert "other words" in answer["hint"]


WRONG: list[tuple[str, Json, str]] = [
    ("call_tool_read", {"name": "alpha:take_note", "args": {"text": "x"}}, "call_tool_write"),
    ("call_tool_read", {"name": "alpha:wipe"}, "call_tool_destructive"),
    ("call_tool_write", {"name": "alpha:wipe"}, "call_tool_destructive"),
    ("call_tool_write", {"name": "alpha:unknown_effect"}, "call_tool_destructive"),
    ("call_tool_read", {"name": "alpha:look_up"}, "word is missing"),
    ("call_tool_read", {"name": "alpha:look_up", "args": {"word": 5}}, "must be string, not 5"),
    (
        "call_tool",
        {"name": "alpha:take_note", "args": {"text": "x", "color": "red"}},
        'color is unknown; known: text, colour\nIt takes: text: string, colour?: "red"|"gr',
    ),
    ("call_tool", {"name": "beta:wipe"}, "switched off"),
    ("call_tool", {"name": "look_up"}, "Did you mean alpha:look_up or beta:look_up?"),
    ("call_tool", {"name": "gamma:look_up"}, "there are: alpha, beta, off"),
    ("call_tool", {"name": "off:look_up"}, "not ready"),
    ("describe_tool", {"tool_ids": []}, "Give 1 to 5"),
    ("describe_tool", {"tool_ids": list("abcdef")}, "Give 1 to 5"),
    ("retrieve_tools", {"query": "x", "server": "none"}, "There is no server 'none'"),
    ("retrieve_tools", {"query": "x", "detail": "all"}, "compact or full"),
    ("retrieve_tools", {"query": " "}, "Say in query"),
    ("read_cache", {"key": "none"}, "Nothing is kept"),
]


async def test_what_cannot_be_done_says_what_can(running: RunningProgram) -> None:
    """A wrong call of a built-in tool is refused before a server is asked, with the next step."""
    agent = await client(running)
    for called, arguments, words in WRONG:
        result = await agent.call(called, arguments)
        assert result["isError"], (called, arguments)
        assert words in result["content"][0]["text"]


async def test_arguments_arrive(running: RunningProgram) -> None:
    """Arguments reach the server as an object, even when the model wrote them as text."""
    agent = await client(running)
    for called in ("call_tool", "call_tool_read"):
        for args in ({"word": "x"}, '{"word": "x"}'):
            result = await agent.call(called, {"name": "alpha:look_up", "args": args})
            assert result["content"][0]["text"] == 'alpha look_up {"word": "x"}'


async def test_a_long_answer_is_cut_and_read_on(running: RunningProgram) -> None:
    """The beginning comes at once and names a key; page by page that gives all the rest."""
    agent = await client(running)
    result = await agent.call("call_tool", {"name": "alpha:long_text", "args": {"size": 5000}})
    beginning, notice = (item["text"] for item in result["content"])
    assert len(beginning) + len(notice) <= LIMIT
    assert f"offset={len(beginning)}" in notice
    assert await whole(agent, key_in(notice), beginning) == "0123456789" * 500


async def test_long_structured_content_is_kept_too(running: RunningProgram) -> None:
    """What is left out of a result is announced, and can be read as JSON."""
    agent = await client(running)
    result = await agent.call("call_tool", {"name": "alpha:long_data", "args": {"size": 3000}})
    assert "structuredContent" not in result
    text, notice = (item["text"] for item in result["content"])
    assert text == "see the data"
    kept = json.loads(await whole(agent, key_in(notice)))
    assert kept == {"items": ["0123456789"] * 300}


async def test_keys_outlive_a_restart(home: Home) -> None:
    """A key that was announced leads to the answer after the program was started anew."""
    configure(home)
    async with program(home) as running:
        await running.ready("alpha", "beta")
        agent = await client(running)
        result = await agent.call("call_tool", {"name": "alpha:long_text", "args": {"size": 5000}})
        key = key_in(result["content"][1]["text"])
    async with program(home) as running:
        page = await (await client(running)).call("read_cache", {"key": key, "offset": 4995})
        assert page["content"][0]["text"] == "56789"


async def test_answers_of_our_own_keep_to_the_limit(running: RunningProgram) -> None:
    """A search that found too much says how much was left out, and where to read it."""
    agent = await client(running)
    asked = {"query": "", "server": "alpha", "limit": 100, "detail": "full"}
    result = await agent.call("retrieve_tools", asked)
    answer = said(result)
    assert len(result["content"][0]["text"]) <= LIMIT
    rest = await left_out(agent, answer)
    assert len(rest) == answer["left_out"]
    ids = [hit["tool_id"] for hit in [*answer["tools"], *rest]]
    assert ids == [f"alpha:{name}" for name in annotated_server.TOOLS]


async def test_a_profile_has_its_servers_only(running: RunningProgram) -> None:
    """Other servers are neither found nor called; what is no profile is not there."""
    agent = await client(running, "/mcp/p/only-beta")
    answer = said(await agent.call("retrieve_tools", {"query": "look up a word"}))
    assert [hit["tool_id"] for hit in answer["tools"]] == ["beta:look_up"]
    assert answer["searched"] == 8
    refused = await agent.call("call_tool", {"name": "alpha:look_up", "args": {"word": "x"}})
    assert "there are: beta." in refused["content"][0]["text"]
    prompts = (await agent.ask("prompts/list"))["result"]["prompts"]
    assert [prompt["name"] for prompt in prompts] == ["beta__greet"]
    nobody = RawClient(running.http, "/mcp/p/nobody")
    assert (await nobody.post(nobody.request("initialize", {}))).status_code == 404


async def test_all_tools_by_their_own_names(running: RunningProgram) -> None:
    """In direct mode each tool is listed with its server's name and called by that."""
    agent = await client(running, "/mcp/all")
    tools = {tool["name"]: tool for tool in (await agent.ask("tools/list"))["result"]["tools"]}
    expected = [f"alpha__{name}" for name in annotated_server.TOOLS]
    expected += [f"beta__{name}" for name in annotated_server.TOOLS if name != "wipe"]
    assert list(tools) == expected
    look_up = annotated_server.TOOLS["look_up"]
    assert tools["beta__look_up"] == {**look_up, "name": "beta__look_up"}
    for name in tools:
        arguments = {"size": 5000, "word": "x", "text": "x"}
        result = await agent.call(name, arguments)
        assert not result.get("isError")
    long = await agent.call("alpha__long_text", {"size": 5000})
    assert len(long["content"][0]["text"]) == 5000  # there is no read_cache here
    for wrong in ("beta__wipe", "beta__none", "none__x", "x", "retrieve_tools"):
        assert "error" in await agent.ask("tools/call", {"name": wrong, "arguments": {}})


async def test_prompts_and_resources_of_all_come_together(running: RunningProgram) -> None:
    """Each is listed once per server, in order, and leads back to its own server."""
    agent = await client(running)
    prompts = (await agent.ask("prompts/list"))["result"]["prompts"]
    assert [prompt["name"] for prompt in prompts] == ["alpha__greet", "beta__greet"]
    for prompt, server in zip(prompts, ("alpha", "beta"), strict=True):
        got = (await agent.ask("prompts/get", {"name": prompt["name"]}))["result"]
        assert got["messages"][0]["content"]["text"] == server
    resources = (await agent.ask("resources/list"))["result"]["resources"]
    uris = [resource["uri"] for resource in resources]
    assert uris == [
        "test://shared",
        "test://alpha/own",
        "ui://page",
        "mcpproxy://s/beta/test://shared",
        "test://beta/own",
        "mcpproxy://s/beta/ui://page",
    ]
    for uri in uris:
        (content,) = (await agent.ask("resources/read", {"uri": uri}))["result"]["contents"]
        server = "beta" if "beta" in uri else "alpha"
        own = uri.removeprefix("mcpproxy://s/beta/")
        assert content == {"uri": uri, "text": f"{server} {own}"}
    templates = (await agent.ask("resources/templates/list"))["result"]["resourceTemplates"]
    assert [each["uriTemplate"] for each in templates] == [
        "test://alpha/{item}",
        "test://beta/{item}",
    ]
    (content,) = (await agent.ask("resources/read", {"uri": "test://beta/7"}))["result"]["contents"]
    assert content["text"] == "beta test://beta/7"
    unknown = await agent.ask("resources/read", {"uri": "nobody://x"})
    assert "No server here is known" in unknown["error"]["message"]


async def test_completions_reach_the_server_concerned(running: RunningProgram) -> None:
    """A reference to a prompt or a template is completed by whoever offers it."""
    agent = await client(running)
    argument = {"name": "whom", "value": "a"}
    for ref, values in (
        ({"type": "ref/prompt", "name": "beta__greet"}, ["beta", "greet"]),
        ({"type": "ref/resource", "uri": "test://alpha/{item}"}, ["alpha", "test://alpha/{item}"]),
    ):
        reply = await agent.ask("completion/complete", {"ref": ref, "argument": argument})
        assert reply["result"]["completion"]["values"] == values


async def test_links_in_results_lead_back(running: RunningProgram) -> None:
    """A link that would lead to another server, or nowhere, is changed; the rest stays."""
    agent = await client(running)
    result = await agent.call("call_tool", {"name": "beta:link"})
    shared, hidden, embedded = result["content"]
    assert shared == {
        "type": "resource_link",
        "uri": "mcpproxy://s/beta/test://shared",
        "name": "a",
        "size": 100.0,
    }
    assert hidden["uri"] == "mcpproxy://s/beta/hidden://beta"
    assert embedded["resource"] == {"uri": "test://beta/own", "text": "its text"}
    for link in (shared, hidden):
        read = (await agent.ask("resources/read", {"uri": link["uri"]}))["result"]["contents"]
        assert read[0]["text"].startswith("beta ")
    everything = await client(running, "/mcp/all")
    tools = (await everything.ask("tools/list"))["result"]["tools"]
    metas = {tool["name"]: tool["_meta"] for tool in tools if "_meta" in tool}
    assert metas == {
        "alpha__app": {"ui": {"resourceUri": "ui://page"}, "other": 1},
        "beta__app": {"ui": {"resourceUri": "mcpproxy://s/beta/ui://page"}, "other": 1},
    }


async def test_what_the_servers_say_of_themselves_is_passed_on(running: RunningProgram) -> None:
    """The instructions name the servers of the scope and hold what each says of itself."""
    hello = (await RawClient(running.http, "/mcp").open())["result"]
    assert "alpha (9 tools), beta (8 tools)" in hello["instructions"]
    assert "## beta\nWhat beta is for." in hello["instructions"]
    assert hello["capabilities"]["tools"] == {"listChanged": True}
    profile = (await RawClient(running.http, "/mcp/p/only-beta").open())["result"]
    assert "alpha" not in profile["instructions"]


async def test_what_nobody_agreed_to_is_out_of_reach(home: Home) -> None:
    """A tool that appears later is not found, described, listed or called; the reason is said."""
    configure(home, quarantine_enabled=True)
    async with program(home) as running:
        await running.ready("alpha", "beta")
        agent = await client(running)
        everything = await client(running, "/mcp/all")
        await agent.call("call_tool", {"name": "alpha:grow"})
        await running.until(lambda world: world["servers"]["alpha"]["tool_count"] == 10)
        (new,) = await waiting(running, "alpha")
        assert new.startswith("grown_")
        for found in (
            said(await agent.call("retrieve_tools", {"query": "grown", "limit": 100}))["tools"],
            (await everything.ask("tools/list"))["result"]["tools"],
        ):
            assert new not in json.dumps(found)
        (described,) = said(await agent.call("describe_tool", {"tool_ids": [f"alpha:{new}"]}))[
            "tools"
        ]
        refused = await agent.call("call_tool", {"name": f"alpha:{new}"})
        for words in (described["error"], refused["content"][0]["text"]):
            assert "waits for a person's approval" in words
        direct = await everything.ask("tools/call", {"name": f"alpha__{new}", "arguments": {}})
        assert "error" in direct


async def waiting(running: RunningProgram, server: str) -> list[str]:
    """The tools of a server that wait for a person."""
    tools = (await running.get(f"/api/v1/servers/{server}/tools"))["tools"]
    return [tool["name"] for tool in tools if tool["standing"] != "approved"]
