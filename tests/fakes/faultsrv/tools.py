"""The fault server's tools: each does one thing, some of them things a server must not do."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

Json = dict[str, object]

Later: Json = {}
"""Returned by a tool that answers later, or never."""


class Server(Protocol):
    """What a tool may do to its server."""

    seen: list[Json]
    flips: int
    last: bool
    stdout_open: bool
    waiting: dict[str, list[object]]
    asked: dict[str, tuple[object, Json, set[str]]]

    def send(self, message: Json) -> None: ...
    def raw(self, data: bytes) -> None: ...
    def flush(self) -> None: ...
    def answer(self, request_id: object, reply: Json) -> None: ...
    def answer_in(self, ms: float, request_id: object, reply: Json) -> None: ...


Tool = Callable[[Server, object, Json, Json], Json]


def done(**structured: object) -> Json:
    text = json.dumps(structured, separators=(",", ":"))
    return {
        "result": {"content": [{"type": "text", "text": text}], "structuredContent": structured}
    }


def echo(server: Server, request_id: object, arguments: Json, meta: Json) -> Json:
    """Returns its arguments, the id and _meta it saw, and its pid."""
    return done(arguments=arguments, id=request_id, meta=meta, pid=os.getpid())


def env(server: Server, request_id: object, arguments: Json, meta: Json) -> Json:
    """Returns its environment, working directory, process group and session."""
    return done(env=dict(os.environ), cwd=str(Path.cwd()), group=os.getpgrp(), session=os.getsid(0))


def seen(server: Server, request_id: object, arguments: Json, meta: Json) -> Json:
    """Returns every message received so far; of tool calls only that there was one."""
    return done(messages=server.seen)


def slow(server: Server, request_id: object, arguments: Json, meta: Json) -> Json:
    """Answers after ``ms`` milliseconds, or when ``release`` is called with the same ``key``."""
    if "key" in arguments:
        server.waiting.setdefault(str(arguments["key"]), []).append(request_id)
    else:
        server.answer_in(float(str(arguments["ms"])), request_id, done(id=request_id))
    return Later


def release(server: Server, request_id: object, arguments: Json, meta: Json) -> Json:
    """Lets every call to ``slow`` with this ``key`` answer; returns how many there were."""
    waiting = server.waiting.pop(str(arguments["key"]), [])
    for waiting_id in waiting:
        server.answer(waiting_id, done(id=waiting_id))
    return done(released=len(waiting))


def fail(server: Server, request_id: object, arguments: Json, meta: Json) -> Json:
    """Answers with its arguments as a JSON-RPC error; without any, with isError."""
    if arguments:
        return {"error": arguments}
    return {"result": {"content": [{"type": "text", "text": "it failed"}], "isError": True}}


def mute(server: Server, request_id: object, arguments: Json, meta: Json) -> Json:
    """Never answers."""
    return Later


def die(server: Server, request_id: object, arguments: Json, meta: Json) -> Json:
    """Kills the server with SIGKILL, or the ``signal`` given, without an answer."""
    server.flush()
    os.kill(os.getpid(), int(str(arguments.get("signal", int(signal.SIGKILL)))))
    return Later


def leave(server: Server, request_id: object, arguments: Json, meta: Json) -> Json:
    """Answers, then ends the server with the exit ``code``."""
    server.last = True
    server.answer(request_id, done(pid=os.getpid()))
    server.flush()
    raise SystemExit(int(str(arguments.get("code", 0))))


def shut(server: Server, request_id: object, arguments: Json, meta: Json) -> Json:
    """Answers, then closes stdout; the server lives on."""
    server.answer(request_id, done())
    server.flush()
    os.close(1)
    server.stdout_open = False
    return Later


def raw(server: Server, request_id: object, arguments: Json, meta: Json) -> Json:
    """Writes the bytes of ``hex`` on stdout as they are before it answers."""
    server.raw(bytes.fromhex(str(arguments["hex"])))
    return done()


def long(server: Server, request_id: object, arguments: Json, meta: Json) -> Json:
    """Answers with a line of more than ``bytes`` bytes; with ``bare``, a line of no JSON first."""
    size = int(str(arguments["bytes"]))
    if arguments.get("bare"):
        server.flush()
        for _ in range(size // 65536):
            server.raw(b"x" * 65536)
            server.flush()
        server.raw(b"\n")
        return done(bytes=size)
    return {"result": {"content": [{"type": "text", "text": "x" * size}]}}


def stderr(server: Server, request_id: object, arguments: Json, meta: Json) -> Json:
    """Writes ``text`` on stderr, ``times`` times, before it answers."""
    data = memoryview((str(arguments["text"]) * int(str(arguments.get("times", 1)))).encode())
    while data:
        data = data[os.write(2, data) :]
    return done()


def flip(server: Server, request_id: object, arguments: Json, meta: Json) -> Json:
    """Adds or removes the tool ``flipped`` and says so ``notices`` times (once unless given)."""
    server.flips += 1
    for _ in range(int(str(arguments.get("notices", 1)))):
        server.send({"method": "notifications/tools/list_changed"})
    return done(flips=server.flips)


def progress(server: Server, request_id: object, arguments: Json, meta: Json) -> Json:
    """Sends ``steps`` progress notifications with the caller's token before it answers."""
    steps = int(str(arguments.get("steps", 3)))
    for step in range(1, steps + 1):
        params = {"progressToken": meta.get("progressToken"), "progress": step, "total": steps}
        server.send({"method": "notifications/progress", "params": params})
    return done(token=meta.get("progressToken"))


def log(server: Server, request_id: object, arguments: Json, meta: Json) -> Json:
    """Sends a log message with the ``text`` given before it answers."""
    params = {"level": "info", "logger": "faultsrv", "data": arguments.get("text", "")}
    server.send({"method": "notifications/message", "params": params})
    return done()


ASKED: dict[str, Json] = {
    "ping": {},
    "roots/list": {},
    "sampling/createMessage": {"messages": [], "maxTokens": 1},
    "elicitation/create": {"message": "?", "requestedSchema": {"type": "object"}},
}


def ask(server: Server, request_id: object, arguments: Json, meta: Json) -> Json:
    """Sends the requests a server may send a client; answers with the answers, by method.

    They say the ``word`` given, if there is one.
    """
    keys = {f"{method}#{request_id}" for method in ASKED}
    entry = (request_id, {}, keys)
    for method, params in ASKED.items():
        key = f"{method}#{request_id}"  # tells in the answer which of them it answers
        server.asked[key] = entry
        said = {**params, "word": arguments["word"]} if "word" in arguments else params
        server.send({"id": key, "method": method, "params": said})
    return Later


TOOLS: dict[str, Tool] = {
    "echo": echo,
    "env": env,
    "seen": seen,
    "slow": slow,
    "release": release,
    "fail": fail,
    "mute": mute,
    "die": die,
    "exit": leave,
    "close_stdout": shut,
    "raw": raw,
    "long": long,
    "stderr": stderr,
    "flip": flip,
    "progress": progress,
    "log": log,
    "ask": ask,
}
