"""Starting servers: every way it can fail has its own code and a sentence that helps."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

import pytest

from core.model.faults import FaultCode
from tests.leaks import alive
from tests.system.upstream.talk import ENVIRON, LIMIT, entry, faulty, ready, talking

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="faultsrv is for Linux only")

ONE_LOOP = pytest.mark.asyncio(loop_factories=["uvloop"])
"""For what does not touch the loop; the program uses this one wherever it exists."""


async def test_a_server_with_nothing_wrong(nothing_left: None) -> None:
    """It is introduced with name, version, pid and all it lists; a call is answered."""
    async with talking(faulty()) as talk:
        peer = await talk.ready()
        assert (peer.name, peer.version, peer.protocol_version) == ("faultsrv", "1", "2025-11-25")
        assert peer.pid is not None
        assert alive(peer.pid)
        assert "echo" in {tool.name for tool in peer.tools}
        assert (peer.prompt_count, peer.resource_count) == (1, 1)
        assert (await talk.call("echo", {"a": 1}))["arguments"] == {"a": 1}
        assert talk.violations() == {}
    assert talk.task.result() is None
    assert not alive(peer.pid)


# --- what cannot be started -------------------------------------------------------------------


@ONE_LOOP
async def test_an_unknown_command_names_where_was_searched() -> None:
    """The command and the PATH are named; nothing is started."""
    async with talking(entry("no-such-command-anywhere")) as talk:
        fault = await talk.fault()
    assert fault.code is FaultCode.SPAWN_ENOENT
    assert "'no-such-command-anywhere' was not found" in fault.message
    assert "/usr/bin" in fault.detail


@ONE_LOOP
async def test_a_path_that_does_not_exist() -> None:
    """A command given as a path is looked for there only."""
    async with talking(entry("./no/such/file", working_dir="/tmp")) as talk:
        fault = await talk.fault()
    assert fault.code is FaultCode.SPAWN_ENOENT
    assert "/tmp/no/such/file" in fault.detail


@ONE_LOOP
async def test_a_file_that_is_not_executable(tmp_path: Path) -> None:
    """A file without the permission is told apart from a missing one; so is a directory."""
    file = tmp_path / "server"
    file.write_text("#!/bin/sh\n")
    for command in (file, tmp_path):
        async with talking(entry(str(command))) as talk:
            fault = await talk.fault()
        assert fault.code is FaultCode.SPAWN_EACCES
        assert str(command) in fault.message
        assert "chmod +x" in fault.message


@pytest.mark.parametrize(
    "content", [b"#!/nope/interpreter\n", random.Random(7).randbytes(512)], ids=["shebang", "bytes"]
)
async def test_a_file_that_is_no_program(tmp_path: Path, content: bytes) -> None:
    """A missing interpreter and random bytes are no program for this machine."""
    file = tmp_path / "server"
    file.write_bytes(content)
    file.chmod(0o755)
    async with talking(entry(str(file))) as talk:
        fault = await talk.fault()
    assert fault.code is FaultCode.SPAWN_ENOEXEC
    assert str(file) in fault.message
    assert "(#!)" in fault.message


@ONE_LOOP
async def test_a_working_directory_that_does_not_exist() -> None:
    """The directory is named, not the command."""
    async with talking(faulty(working_dir="/no/such/directory")) as talk:
        fault = await talk.fault()
    assert fault.code is FaultCode.WORKING_DIR
    assert "'/no/such/directory'" in fault.message


@ONE_LOOP
async def test_a_home_directory_that_does_not_exist() -> None:
    """``~`` of an unknown user is a mistake in the entry, no bug of ours."""
    async with talking(faulty(working_dir="~no-such-user/x")) as talk:
        assert (await talk.fault()).code is FaultCode.WORKING_DIR
    async with talking(entry("~no-such-user/server")) as talk:
        assert (await talk.fault()).code is FaultCode.SPAWN_ENOENT


@ONE_LOOP
@pytest.mark.parametrize(
    "reference", ["${env:NOT_SET_ANYWHERE}", "${keyring:github}"], ids=["env", "keyring"]
)
async def test_a_reference_without_a_value(reference: str) -> None:
    """The reference is named, wherever it stands, and nothing is started."""
    for config in (
        faulty(env={"TOKEN": reference}),
        entry("sh", "-c", reference),
        faulty(working_dir=f"/{reference}"),
    ):
        async with talking(config) as talk:
            fault = await talk.fault()
        assert fault.code is FaultCode.MISSING_SECRET
        assert reference in fault.message


@ONE_LOOP
async def test_a_secret_comes_from_the_keyring_and_is_shown_nowhere() -> None:
    """In a variable, an argument and the command's own words; its log shows a mask."""
    reference = "${keyring:there}"
    script = 'echo "got $TOKEN and $1" >&2; exit 3'
    config = entry("sh", "-c", script, "x", reference, env={"TOKEN": f"<{reference}>"})
    async with talking(config) as talk:
        fault = await talk.fault()
    assert fault.code is FaultCode.EXIT_EARLY
    assert "got *** and ***" in fault.detail
    assert "kept-in-the-keyring" not in f"{fault}{talk.log}"


# --- what ends or stays silent before it is ready -----------------------------------------------


@pytest.mark.parametrize(
    ("mode", "code", "words"),
    [
        (("exit", "3", "no database"), FaultCode.EXIT_EARLY, ("exit code 3", "no database")),
        (("exit", "0"), FaultCode.EXIT_EARLY, ("Exited before it was ready (exit code 0)",)),
        (("exit", "127", "node: not found"), FaultCode.SPAWN_ENOENT, ("node: not found",)),
        (("exit", "126"), FaultCode.SPAWN_EACCES, ("exit code 126",)),
        (("die-on", "initialize"), FaultCode.EXIT_EARLY, ("killed by SIGKILL",)),
        (("die-on", "tools/list"), FaultCode.EXIT_EARLY, ("killed by SIGKILL",)),
        (("exit-after", "initialize", "9"), FaultCode.EXIT_EARLY, ("exit code 9",)),
        (("close-stdout", "initialize"), FaultCode.OUTPUT_CLOSED, ("Closed its output",)),
        (("close-stdin", "initialize"), FaultCode.OUTPUT_CLOSED, ("Closed its input",)),
    ],
)
async def test_what_ends_before_it_is_ready(
    mode: tuple[str, ...], code: FaultCode, words: tuple[str, ...]
) -> None:
    """How it ended and the last line of its log are in the message."""
    async with talking(faulty(*mode)) as talk:
        fault = await talk.fault()
    assert fault.code is code
    for part in words:
        assert part in fault.message


async def test_the_last_lines_of_the_log_are_kept_as_evidence() -> None:
    """Twenty lines of stderr, the newest, come with the fault; the log gets them all."""
    script = "for n in $(seq 50); do echo line $n >&2; done; exit 4"
    async with talking(entry("sh", "-c", script)) as talk:
        fault = await talk.fault()
    assert fault.detail.splitlines() == [f"line {number}" for number in range(31, 51)]
    assert talk.log == [f"line {number}" for number in range(1, 51)]


@pytest.mark.parametrize("mode", [("mute",), ("mute-on", "tools/list")])
async def test_a_server_that_never_answers(mode: tuple[str, ...]) -> None:
    """At its init_timeout, and not at any other limit, it is given up and ended."""
    async with talking(faulty(*mode, init_timeout=0.6, call_timeout=0.1)) as talk:
        fault = await talk.fault()
    assert fault.code is FaultCode.HANDSHAKE_TIMEOUT
    assert "did not answer in 0.6 s" in fault.message


async def test_calls_may_be_shorter_than_the_hand_shake(tmp_path: Path) -> None:
    """A call_timeout shorter than the server needs to start does not stop it from starting."""
    fifo = tmp_path / "gate"
    os.mkfifo(fifo)
    async with talking(faulty("gate", str(fifo), call_timeout=0.05)) as talk:
        opened = await asyncio.to_thread(os.open, fifo, os.O_WRONLY)
        os.close(opened)
        await talk.ready()


async def test_stopping_does_not_wait_for_a_silent_server() -> None:
    """A server in the middle of its start ends as soon as it is told to."""
    async with talking(entry("sh", "-c", "echo $$ >&2; exec cat >&2", init_timeout=60.0)) as talk:
        await asyncio.wait_for(talk.logged.wait(), LIMIT)
        pid = int(talk.log[0])
    assert talk.task.result() is None
    assert not alive(pid)


# --- hand-shakes ------------------------------------------------------------------------------


@ONE_LOOP
@pytest.mark.parametrize(
    ("variant", "words"),
    [
        ("error", "no database"),
        ("refuses-version", "Unsupported protocol version"),
        ("unknown-version", "'1999-01-01'"),
        ("no-version", "protocolVersion"),
        ("number-version", "protocolVersion"),
        ("text-capabilities", "capabilities"),
        ("null-result", "malformed"),
        ("list-result", "malformed"),
        ("text-error", "no database"),
        ("both", "could not be read"),
        ("neither", "could not be read"),
    ],
)
async def test_hand_shakes_that_are_none(variant: str, words: str) -> None:
    """What the server answered instead is in the message."""
    async with talking(faulty("handshake", variant)) as talk:
        fault = await talk.fault()
    assert fault.code is FaultCode.HANDSHAKE_INVALID
    assert fault.message.startswith("Did not answer as an MCP server: ")
    assert words in fault.message


@ONE_LOOP
async def test_a_hand_shake_answered_to_somebody_else() -> None:
    """An answer with a wrong id is none: the time runs out, and the id was counted."""
    async with talking(faulty("handshake", "wrong-id", init_timeout=0.5)) as talk:
        assert (await talk.fault()).code is FaultCode.HANDSHAKE_TIMEOUT
        assert talk.violations() == {"unknown_id": 1}


async def test_a_server_that_declares_nothing_is_asked_for_nothing() -> None:
    """Without capabilities there are no lists, and the server can be called all the same."""
    async with talking(faulty("handshake", "no-capabilities")) as talk:
        peer = await talk.ready()
        assert (peer.tools, peer.prompt_count, peer.resource_count) == ((), 0, 0)
        seen = (await talk.call("seen"))["messages"]
        assert [message["method"] for message in seen] == [
            "server/discover",
            "initialize",
            "notifications/initialized",
            "tools/call",
        ]


# --- environment and secrets --------------------------------------------------------------------


async def test_a_child_sees_what_it_is_allowed_to_see(tmp_path: Path) -> None:
    """The allow-list and its own entries, and nothing else of ours (S19)."""
    environ = {
        **ENVIRON,
        "MCPPROXY_API_KEY": "our-own-key",
        "LD_PRELOAD_X": "x",
        "OTHER_TOKEN": "of-another",
        "SOURCE": "value-of-source",
    }
    own = {"MINE": "1", "COPIED": "<${env:SOURCE}>"}
    async with talking(faulty(env=own, working_dir=str(tmp_path)), environ) as talk:
        await talk.ready()
        seen = await talk.call("env")
    inside = seen["env"]
    assert {name: inside.pop(name) for name in own} == {"MINE": "1", "COPIED": "<value-of-source>"}
    assert inside.pop("PATH").startswith("/usr/bin:/bin")
    inside.pop("LC_CTYPE", None)  # set by Python itself
    assert len(inside.pop("MCPPROXY_OWNER")) > 32  # by which we know it as ours
    assert inside == {"HOME": "/nonexistent", "LANG": "C.UTF-8"}
    assert seen["cwd"] == str(tmp_path)


async def test_a_child_leads_a_session_of_its_own() -> None:
    """No signal meant for us reaches it, and its whole group can be ended."""
    async with ready() as talk:
        seen = await talk.call("env")
        pid = (await talk.call("echo"))["pid"]
    assert seen["group"] == seen["session"] == pid


SECRET = "s3cret-v4lue"


@ONE_LOOP
@pytest.mark.parametrize(
    "config",
    [
        entry("sh", "-c", 'echo "token $TOKEN" >&2; exit 1', env={"TOKEN": SECRET}),
        entry("sh", "-c", 'echo "token $URL" >&2; exit 1', env={"URL": "x://${env:MY_OWN}"}),
        entry("sh", "-c", 'echo "token $0" >&2; exit 1', "--key=${env:MY_OWN}"),
        entry("sh", "-c", 'echo "token $TOKEN"; exit 1', env={"TOKEN": SECRET}),
        entry(
            "sh",
            "-c",
            'for id in 1 2; do read -r _; printf %s\\\\n "{\\"jsonrpc\\":\\"2.0\\",\\"id\\":$id,'
            '\\"error\\":{\\"code\\":1,\\"message\\":\\"bad token $TOKEN\\"}}"; done; read -r _',
            env={"TOKEN": SECRET},
        ),
    ],
    ids=["stderr", "reference", "argument", "stdout", "handshake"],
)
async def test_secrets_are_in_no_log_line_and_no_fault(
    config: object, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever way a server repeats its secret, we show stars."""
    assert isinstance(config, type(faulty()))
    async with talking(config, {**ENVIRON, "MY_OWN": SECRET}) as talk:
        fault = await talk.fault()
    shown = "\n".join([*talk.log, fault.message, fault.detail])
    assert SECRET not in shown
    assert SECRET not in caplog.text
    assert "token" in shown
    assert "***" in shown
