"""The fault server does what its modes and tools say: a fake that lies would prove nothing."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.faultsrv import command
from tests.fakes.faultsrv.hostile import LINES
from tests.leaks import alive

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="faultsrv is for Linux only")

LIMIT = 30.0  # seconds for anything to happen
Message = dict[str, object]


@asynccontextmanager
async def running(*args: str, stderr: int = DEVNULL) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *command(*args),
        stdin=PIPE,
        stdout=PIPE,
        stderr=stderr,
        start_new_session=True,
        limit=1 << 28,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def send(process: Process, method: str, params: Message | None = None, key: object = 1) -> None:
    message = {"jsonrpc": "2.0", "id": key, "method": method, "params": params or {}}
    assert process.stdin is not None
    process.stdin.write(json.dumps(message).encode() + b"\n")


def call(process: Process, tool: str, arguments: Message | None = None, key: object = 1) -> None:
    send(process, "tools/call", {"name": tool, "arguments": arguments or {}}, key)


async def line(process: Process) -> bytes:
    assert process.stdout is not None
    return await asyncio.wait_for(process.stdout.readline(), LIMIT)


async def message(process: Process) -> Message:
    found = json.loads(await line(process))
    assert isinstance(found, dict)
    return found


async def structured(process: Process) -> Message:
    result = (await message(process))["result"]
    assert isinstance(result, dict)
    found = result["structuredContent"]
    assert isinstance(found, dict)
    return found


async def ended(process: Process) -> int:
    return await asyncio.wait_for(process.wait(), LIMIT)


async def silent(process: Process) -> None:
    """Prove that nothing more was written: the next thing is the answer to a ping."""
    send(process, "ping", key="silent")
    assert (await message(process))["id"] == "silent"


async def readable(descriptor: int) -> bool:
    """Whether something can be read from it in time, or, of a pidfd, the process has ended."""
    found, _, _ = await asyncio.to_thread(select.select, [descriptor], [], [], LIMIT)
    return bool(found)


INITIALIZE: Message = {"protocolVersion": "2025-06-18", "capabilities": {}}


async def test_ok() -> None:
    """With nothing wrong it shakes hands, lists and answers, and ends with its input."""
    async with running("ok") as process:
        send(process, "initialize", INITIALIZE)
        result = (await message(process))["result"]
        assert isinstance(result, dict)
        assert result["protocolVersion"] == "2025-06-18"
        for method in ("prompts/list", "resources/list", "resources/templates/list"):
            send(process, method)
            assert "result" in await message(process)
        send(process, "server/discover", key="x")
        error = (await message(process))["error"]
        assert isinstance(error, dict)
        assert error["code"] == -32601
        call(process, "echo", {"a": 1}, key="mine")
        echoed = await structured(process)
        assert (echoed["arguments"], echoed["id"], echoed["pid"]) == ({"a": 1}, "mine", process.pid)
        assert process.stdin is not None
        process.stdin.close()
        assert await ended(process) == 0


@pytest.mark.parametrize(
    ("args", "code"), [(("exit", "3", "no", "database"), 3), (("exit", "0"), 0), (("nonesuch",), 1)]
)
async def test_exit(args: tuple[str, ...], code: int) -> None:
    """It ends at once with the code asked for, and a mode it does not have is an error."""
    async with running(*args, stderr=PIPE) as process:
        stdout, stderr = await asyncio.wait_for(process.communicate(), LIMIT)
        assert (process.returncode, stdout) == (code, b"")
        assert (b"no database" in stderr) == ("database" in args)


async def test_mute_on() -> None:
    """One method is never answered, others are."""
    async with running("mute-on", "tools/list") as process:
        send(process, "tools/list")
        await silent(process)


async def test_mute() -> None:
    """Nothing is ever answered; only the end of its input ends it."""
    async with running("mute") as process:
        send(process, "initialize", INITIALIZE)
        send(process, "ping")
        stdout, _ = await asyncio.wait_for(process.communicate(b""), LIMIT)
        assert (stdout, process.returncode) == (b"", 0)


async def test_deaths() -> None:
    """It dies by signal before an answer, or by exit code right after one."""
    async with running("die-on", "initialize") as process:
        send(process, "initialize", INITIALIZE)
        assert await line(process) == b""
        assert await ended(process) == -signal.SIGKILL
    async with running("exit-after", "tools/list", "7") as process:
        send(process, "tools/list")
        assert "result" in await message(process)
        assert await ended(process) == 7
    async with running("ok") as process:
        call(process, "die", {"signal": int(signal.SIGSEGV)})
        assert await ended(process) == -signal.SIGSEGV


async def test_gate(tmp_path: Path) -> None:
    """It answers only once somebody opens the gate."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with running("gate", str(gate)) as process:
        send(process, "ping")
        await asyncio.to_thread(gate.write_bytes, b"")
        assert (await message(process))["id"] == 1


async def test_slow_start() -> None:
    """It shows life on stderr before it answers."""
    async with running("slow-start", "20", stderr=PIPE) as process:
        send(process, "ping")
        assert (await message(process))["id"] == 1
        assert process.stderr is not None
        assert await process.stderr.readexactly(10) == b"." * 10


@pytest.mark.parametrize(
    ("variant", "key", "wrong"),
    [
        ("error", "error", {"code": -32603, "message": "no database"}),
        ("null-result", "result", None),
        ("list-result", "result", []),
        ("text-error", "error", "no database"),
        ("neither", "result", None),
        ("wrong-id", "id", "someone else's"),
    ],
)
async def test_handshake(variant: str, key: str, wrong: object) -> None:
    """The answer to initialize is wrong in the way asked for."""
    async with running("handshake", variant) as process:
        send(process, "initialize", INITIALIZE)
        assert (await message(process)).get(key) == wrong


@pytest.mark.parametrize(
    ("args", "before"),
    [
        (("banner",), [b"Processing request ...\n"]),
        (("banner", "hello"), [b"hello\n"]),
        (("bad-utf8",), [b"\xff\xfe \xc3\x28\n"]),
        (("hostile",), [entry + b"\n" for entry in LINES]),
    ],
)
async def test_lines_before_answers(args: tuple[str, ...], before: list[bytes]) -> None:
    """Garbage comes before every answer, and the answer is whole."""
    async with running(*args) as process:
        for number in range(3):
            call(process, "echo", key=number)
            for wanted in before:
                assert await line(process) == wanted
            assert (await message(process))["id"] == number


async def test_line_ends() -> None:
    """Lines can come byte by byte, end in CR LF, or lack their last newline."""
    async with running("bytewise") as process:
        await silent(process)
    async with running("crlf") as process:
        send(process, "ping")
        assert (await line(process)).endswith(b"}\r\n")
    async with running("no-final-newline") as process:
        call(process, "exit", {"code": 5})
        assert (await line(process)).endswith(b"}")
        assert await ended(process) == 5


async def test_wrong_ids() -> None:
    """Each kind of wrong answer comes before the right one."""
    for kind, wrong in (("unknown", 10**9), ("string", "4"), ("null", None), ("duplicate", 4)):
        async with running("wrong-ids", kind) as process:
            call(process, "echo", key=4)
            assert (await message(process))["id"] == wrong
            assert (await message(process))["id"] == 4


async def test_stderr_must_be_drained() -> None:
    """It answers only after all of its stderr was read, with or without line ends."""
    for mode, newline in (("stderr-flood", True), ("stderr-line", False)):
        async with running(mode, "1000000", stderr=PIPE) as process:
            send(process, "ping")
            assert process.stderr is not None
            flood = await asyncio.wait_for(process.stderr.readexactly(1_000_000), LIMIT)
            assert (b"\n" in flood) == newline
            assert (await message(process))["id"] == 1


async def test_flood() -> None:
    """After the method named, garbage comes for ever."""
    async with running("flood", "ping") as process:
        send(process, "ping")
        assert (await message(process))["id"] == 1
        assert process.stdout is not None
        flood = await asyncio.wait_for(process.stdout.readexactly(1_000_000), LIMIT)
        assert flood.startswith(b"garbage garbage")


async def test_closed_pipes() -> None:
    """It closes its output or its input and lives on until it is killed."""
    async with running("close-stdout", "ping") as process:
        send(process, "ping")
        assert (await message(process))["id"] == 1
        assert await line(process) == b""
        assert process.returncode is None
    async with running("ok") as process:
        call(process, "close_stdout")
        assert "result" in await message(process)
        assert await line(process) == b""
        assert process.returncode is None
    async with running("close-stdin", "ping") as process:
        send(process, "ping")
        assert (await message(process))["id"] == 1
        assert process.stdin is not None
        await asyncio.wait_for(process.stdin.wait_closed(), LIMIT)
        assert process.returncode is None


async def test_deaf() -> None:
    """Once deaf it never reads again, so that its input pipe fills up."""
    async with running("deaf-after", "ping") as process:
        send(process, "ping")
        assert (await message(process))["id"] == 1
        transport = process.stdin
        assert transport is not None
        transport.write(b"\n" * (1 << 21))
        assert transport.transport.get_write_buffer_size() > 1 << 20


async def test_pages() -> None:
    """Every tool is on exactly one page; a loop names the same page for ever."""
    async with running("pages", "10", "25") as process:
        names: list[str] = []
        cursor: Message = {}
        for _ in range(3):
            send(process, "tools/list", cursor)
            result = (await message(process))["result"]
            assert isinstance(result, dict)
            names += [tool["name"] for tool in result["tools"]]
            cursor = {"cursor": result.get("nextCursor")}
        assert cursor == {"cursor": None}
        assert [name for name in names if name.startswith("tool_")] == [
            f"tool_{number:05}" for number in range(25)
        ]
    async with running("page-loop") as process:
        for cursor in ({}, {"cursor": "again"}, {"cursor": "again"}):
            send(process, "tools/list", cursor)
            result = (await message(process))["result"]
            assert isinstance(result, dict)
            assert result["nextCursor"] == "again"


@pytest.mark.parametrize(("mode", "code"), [("ignore-eof", 143), ("ignore-term", -signal.SIGKILL)])
async def test_ignores_what_would_end_it(mode: str, code: int, tmp_path: Path) -> None:
    """It outlives the end of its input, and SIGTERM too if asked; the log says what it met."""
    log = tmp_path / "log"
    os.mkfifo(log)
    met = os.open(log, os.O_RDWR)
    try:
        async with running("--log", str(log), mode) as process:
            assert await readable(met)
            assert os.read(met, 99) == f"start {process.pid}\n".encode()
            assert process.stdin is not None
            process.stdin.close()
            assert await readable(met)
            assert os.read(met, 99) == b"eof\n"
            process.send_signal(signal.SIGTERM)
            assert await readable(met)
            assert os.read(met, 99) == b"term\n"
            if mode == "ignore-term":
                assert process.returncode is None
                process.kill()
            assert await ended(process) == code
    finally:
        os.close(met)


@pytest.mark.parametrize("kind", ["group", "setsid", "daemon", "hold"])
async def test_grandchild(kind: str, tmp_path: Path) -> None:
    """The grandchild outlives the server, in the group or out of it, and may hold its stdout."""
    file = tmp_path / "pid"
    async with running("grandchild", kind, str(file)) as process:
        await silent(process)
        pid = int(file.read_text())
        # asyncio's own wait() would also wait for the pipes, which is what "hold" is about.
        death = os.pidfd_open(process.pid)
        try:
            assert (os.getpgid(pid) == process.pid) == (kind in ("group", "hold"))
            process.kill()
            assert await readable(death)
            assert process.stdout is not None
            if kind == "hold":
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(process.stdout.read(1), 0.1)
            else:
                assert await line(process) == b""
            assert alive(pid)
        finally:
            os.close(death)
            os.kill(pid, signal.SIGKILL)


async def test_tools_that_wait() -> None:
    """Slow calls are answered in time or on release, while others are answered at once."""
    async with running("ok") as process:
        call(process, "slow", {"key": "k"}, key="a")
        call(process, "slow", {"key": "k"}, key="b")
        call(process, "mute", key="never")
        call(process, "echo", key="c")
        assert (await message(process))["id"] == "c"
        call(process, "release", {"key": "k"}, key="d")
        assert [(await message(process))["id"] for _ in range(3)] == ["a", "b", "d"]
        call(process, "slow", {"ms": 40}, key="late")
        call(process, "slow", {"ms": 10}, key="early")
        assert [(await message(process))["id"] for _ in range(2)] == ["early", "late"]


async def test_tools_that_notify() -> None:
    """Progress carries the caller's token; flips announce themselves and change the list."""
    async with running("ok") as process:
        send(process, "tools/call", {"name": "progress", "_meta": {"progressToken": "t"}})
        for step in (1, 2, 3):
            params = (await message(process))["params"]
            assert params == {"progressToken": "t", "progress": step, "total": 3}
        assert await structured(process) == {"token": "t"}
        call(process, "flip", {"notices": 1000})
        for _ in range(1000):
            assert (await message(process))["method"] == "notifications/tools/list_changed"
        assert await structured(process) == {"flips": 1}
        send(process, "tools/list")
        assert b'"flipped"' in await line(process)
        call(process, "log", {"text": "hm"})
        assert (await message(process))["method"] == "notifications/message"
        assert (await message(process))["id"] == 1


async def test_tool_that_asks() -> None:
    """Its own requests reach the client, whose answers come back in the tool's result."""
    async with running("ok") as process:
        call(process, "ask", key=7)
        asked = [await message(process) for _ in range(4)]
        for number, question in enumerate(asked):
            assert process.stdin is not None
            answer = {"jsonrpc": "2.0", "id": question["id"], "result": {"number": number}}
            process.stdin.write(json.dumps(answer).encode() + b"\n")
        answers = await structured(process)
        assert answers == {
            str(question["id"]): {"result": {"number": number}}
            for number, question in enumerate(asked)
        }
        call(process, "seen")
        messages = (await structured(process))["messages"]
        assert isinstance(messages, list)
        assert len(messages) == 6


async def test_other_tools() -> None:
    """Errors, raw bytes, long lines, stderr and the environment are as asked for."""
    async with running("ok", stderr=PIPE) as process:
        call(process, "fail", {"code": -1, "message": "no", "data": {"a": 1}})
        assert (await message(process))["error"] == {"code": -1, "message": "no", "data": {"a": 1}}
        call(process, "fail")
        result = (await message(process))["result"]
        assert isinstance(result, dict)
        assert result["isError"] is True
        call(process, "raw", {"hex": "fffe0a"})
        assert await line(process) == b"\xff\xfe\n"
        assert "result" in await message(process)
        call(process, "long", {"bytes": 3_000_000})
        assert len(await line(process)) > 3_000_000
        call(process, "long", {"bytes": 3_000_000, "bare": True})
        assert len(await line(process)) > 2_900_000
        assert "result" in await message(process)
        call(process, "stderr", {"text": "ab\n", "times": 2})
        assert "result" in await message(process)
        assert process.stderr is not None
        assert await process.stderr.readexactly(6) == b"ab\nab\n"
        call(process, "env")
        found = await structured(process)
        assert found["group"] == process.pid
        call(process, "nonesuch")
        assert "error" in await message(process)


async def test_many_calls() -> None:
    """Ten thousand calls are answered quickly, each with its own arguments."""
    async with running("ok") as process:

        async def answers() -> None:
            for number in range(10_000):
                result = await message(process)
                assert result["id"] == number

        reading = asyncio.create_task(answers())
        for number in range(10_000):
            call(process, "echo", {"n": number}, key=number)
        await asyncio.wait_for(reading, 30)
