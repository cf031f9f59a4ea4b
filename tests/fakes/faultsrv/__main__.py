"""A scriptable MCP server that misbehaves on purpose: ``python tests/fakes/faultsrv MODE ...``.

Standard library only, Linux only, deterministic, stateful era of MCP over stdio. What is wrong
with it is chosen by the mode, or later by the tool that is called (see ``tools.py``). In every
mode everything else works. A METHOD is one such as ``tools/list`` (it is ready then).

Usage: faultsrv [--log FILE] MODE [ARGUMENT ...]. With ``--log`` it appends one line each for
``start PID``, ``eof`` and ``term``.

Starting
  ok                      nothing is wrong
  exit CODE [TEXT]        writes TEXT on stderr and exits at once
  mute                    never answers anything
  slow-start MS           writes dots on stderr for so long before it answers
  gate FIFO               answers once somebody has opened the FIFO for writing
  handshake VARIANT       answers ``initialize`` wrongly; see HANDSHAKES
  mute-on METHOD          never answers METHOD
  die-on METHOD           kills itself with SIGKILL instead of answering METHOD
  exit-after METHOD CODE  exits right after answering METHOD
  deaf-after METHOD       stops reading for ever after answering METHOD
Writing
  banner [TEXT]           a line that is no JSON before every answer
  bad-utf8                a line that is not UTF-8 before every answer
  hostile                 every line of ``hostile.py`` before every answer to a tool call
  bytewise                one system call per byte
  crlf                    lines end in CR LF
  no-final-newline        the answer to tool ``exit`` lacks its newline
  flood METHOD            lines of garbage for ever after answering METHOD
  stderr-flood BYTES      so much on stderr, in lines, before the first answer
  stderr-line BYTES       the same in one line without an end
  wrong-ids KIND          an answer with a wrong id before the right one of every tool call;
                          KIND is unknown, string, null or duplicate (the right one twice)
  close-stdout METHOD     closes stdout after answering METHOD and lives on
  close-stdin METHOD      closes stdin after answering METHOD and lives on
Listing
  pages SIZE COUNT        COUNT more tools, SIZE to a page
  page-loop               every page of tools names the same next page
Ending
  ignore-eof              lives on after the end of its input; ends on SIGTERM
  ignore-term             lives on after both; only SIGKILL ends it
  grandchild KIND FILE    starts a process that outlives it and writes that pid into FILE;
                          KIND is group, setsid, daemon (double fork) or
                          hold (in the group, and keeps stdout and stderr open)
"""

from __future__ import annotations

import heapq
import json
import os
import select
import signal
import sys
import time
from pathlib import Path

from hostile import LINES
from tools import TOOLS, Later

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")

HELLO = {
    "protocolVersion": VERSIONS[0],
    "capabilities": {
        "tools": {"listChanged": True},
        "prompts": {},
        "resources": {},
        "logging": {},
    },
    "serverInfo": {"name": "faultsrv", "version": "1"},
    "instructions": "Misbehaves on purpose.",
}

HANDSHAKES = {
    "error": {"error": {"code": -32603, "message": "no database"}},
    "refuses-version": {
        "error": {
            "code": -32602,
            "message": "Unsupported protocol version",
            "data": {"supported": ["1999-01-01"], "requested": "x"},
        }
    },
    "unknown-version": {"result": HELLO | {"protocolVersion": "1999-01-01"}},
    "no-version": {"result": {key: HELLO[key] for key in ("capabilities", "serverInfo")}},
    "number-version": {"result": HELLO | {"protocolVersion": 20251125}},
    "text-capabilities": {"result": HELLO | {"capabilities": "tools"}},
    "no-capabilities": {"result": {key: HELLO[key] for key in ("protocolVersion", "serverInfo")}},
    "null-result": {"result": None},
    "list-result": {"result": []},
    "text-error": {"error": "no database"},
    "both": {"result": HELLO, "error": {"code": 1, "message": "and an error"}},
    "neither": {},
    "wrong-id": {"id": "someone else's", "result": HELLO},
}


class Server:
    """One conversation. Answers are collected in ``out`` and written once per input read."""

    def __init__(self, mode: str, args: list[str], log: str | None) -> None:
        self.mode = mode
        self.args = args
        self.log_file = log
        self.out = bytearray()
        self.seen: list[dict[str, object]] = []  # every message received, without payloads
        self.flips = 0
        self.waiting: dict[str, list[object]] = {}  # ids of calls to ``slow``, by key
        self.asked: dict[str, tuple[object, dict[str, object], set[str]]] = {}
        self.later: list[tuple[float, int, object, object]] = []  # due, order, id, result
        self.stdout_open = True
        self.listening = True
        self.last = False

    # --- output ---------------------------------------------------------------------------

    def send(self, message: dict[str, object]) -> None:
        self.out += json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode()
        if not (self.last and self.mode == "no-final-newline"):
            self.out += b"\r\n" if self.mode == "crlf" else b"\n"

    def raw(self, data: bytes) -> None:
        self.out += data

    def flush(self) -> None:
        data = memoryview(bytes(self.out))
        self.out.clear()
        size = 1 if self.mode == "bytewise" else len(data)
        while data and self.stdout_open:
            data = data[os.write(1, data[:size]) :]

    def log(self, text: str) -> None:
        if self.log_file is not None:
            with Path(self.log_file).open("a") as file:
                file.write(text + "\n")

    # --- input ----------------------------------------------------------------------------

    def run(self) -> None:
        partial = bytearray()
        while True:
            self.flush()
            due = self.later[0][0] - time.monotonic() if self.later else None
            sources = [0] if self.listening else []
            if not select.select(sources, [], [], due if due is None else max(due, 0.0))[0]:
                self.release_due()
                continue
            chunk = os.read(0, 1 << 16)
            if not chunk:
                return
            first, *rest = chunk.split(b"\n")
            partial += first
            for line in rest:
                if partial.strip():
                    self.receive(json.loads(partial))
                partial = bytearray(line)

    def receive(self, message: dict[str, object]) -> None:
        method = message.get("method")
        self.seen.append(message if method != "tools/call" else {"method": method})
        if method is None:
            self.answered(message)
        elif "id" in message:
            self.request(str(method), message)

    def request(self, method: str, message: dict[str, object]) -> None:
        request_id = message["id"]
        params = message.get("params") or {}
        assert isinstance(params, dict)
        concerned = bool(self.args) and self.args[0] == method
        if self.mode == "mute" or (self.mode == "mute-on" and concerned):
            return
        if self.mode == "die-on" and concerned:
            self.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        if method == "tools/call":
            self.call(request_id, params)
        else:
            if self.mode == "handshake" and method == "initialize":
                self.send({"id": request_id, **HANDSHAKES[self.args[0]]})
            else:
                self.answer(request_id, self.reply(method, params))
        if concerned:
            self.after()

    def reply(self, method: str, params: dict[str, object]) -> dict[str, object]:
        match method:
            case "initialize":
                wanted = params["protocolVersion"]
                version = wanted if wanted in VERSIONS else VERSIONS[0]
                return {"result": HELLO | {"protocolVersion": version}}
            case "ping" | "logging/setLevel":
                return {"result": {}}
            case "tools/list":
                return {"result": self.page(str(params.get("cursor", "0")))}
            case "prompts/list":
                return {"result": {"prompts": [{"name": "greet", "description": "Says hello."}]}}
            case "prompts/get":
                content = {"type": "text", "text": "hello"}
                return {"result": {"messages": [{"role": "user", "content": content}]}}
            case "resources/list":
                return {"result": {"resources": [{"uri": "fault://one", "name": "one"}]}}
            case "resources/templates/list":
                return {"result": {"resourceTemplates": []}}
            case "resources/read":
                return {"result": {"contents": [{"uri": params["uri"], "text": "one"}]}}
        return {"error": {"code": -32601, "message": f"Method not found: {method}"}}

    def page(self, cursor: str) -> dict[str, object]:
        names = [*TOOLS] if cursor == "0" else []
        if self.flips % 2:
            names.append("flipped")
        if self.mode == "page-loop":
            return {"tools": self.listed(names), "nextCursor": "again"}
        if self.mode != "pages":
            return {"tools": self.listed(names)}
        size, count = map(int, self.args)
        start, end = int(cursor), min(int(cursor) + size, count)
        names += [f"tool_{number:05}" for number in range(start, end)]
        more = {"nextCursor": str(end)} if end < count else {}
        return {"tools": self.listed(names), **more}

    def listed(self, names: list[str]) -> list[dict[str, object]]:
        schema = {"type": "object", "properties": {}}
        return [
            {
                "name": name,
                "description": (TOOLS[name].__doc__ if name in TOOLS else None) or name,
                "inputSchema": schema,
            }
            for name in names
        ]

    # --- tool calls -----------------------------------------------------------------------

    def call(self, request_id: object, params: dict[str, object]) -> None:
        if self.mode == "hostile":
            self.raw(b"\n".join(LINES) + b"\n")
        if self.mode == "wrong-ids":
            wrong: dict[str, object] = {
                "unknown": 10**9,
                "string": str(request_id),
                "null": None,
                "duplicate": request_id,
            }
            same = self.args[0] == "duplicate"
            self.send({"id": wrong[self.args[0]], "result": {"content": [], "wrong": not same}})
        tool = TOOLS.get(str(params.get("name")))
        if tool is None:
            self.send({"id": request_id, "error": {"code": -32602, "message": "Unknown tool"}})
            return
        arguments = params.get("arguments") or {}
        outcome = tool(self, request_id, arguments, params.get("_meta") or {})
        if outcome is not Later:
            self.answer(request_id, outcome)

    def answer(self, request_id: object, reply: dict[str, object]) -> None:
        if self.mode == "banner":
            self.raw((self.args[0] if self.args else "Processing request ...").encode() + b"\n")
        if self.mode == "bad-utf8":
            self.raw(b"\xff\xfe \xc3\x28\n")
        self.send({"id": request_id, **reply})

    def after(self) -> None:
        """What the mode does once the method it names was answered."""
        self.flush()
        match self.mode:
            case "exit-after":
                raise SystemExit(int(self.args[1]))
            case "deaf-after":
                self.listening = False
            case "close-stdout":
                os.close(1)
                self.stdout_open = False
            case "close-stdin":
                os.close(0)
                self.listening = False
            case "flood":
                while True:
                    os.write(1, b"garbage " * 8 + b"\n")

    # --- answers that come later ------------------------------------------------------------

    def answer_in(self, ms: float, request_id: object, reply: object) -> None:
        due = time.monotonic() + ms / 1000
        heapq.heappush(self.later, (due, len(self.seen), request_id, reply))

    def release_due(self) -> None:
        while self.later and self.later[0][0] <= time.monotonic():
            _, _, request_id, reply = heapq.heappop(self.later)
            assert isinstance(reply, dict)
            self.answer(request_id, reply)

    def answered(self, message: dict[str, object]) -> None:
        """Our own request was answered; the last one completes the tool call that asked."""
        key = str(message.get("id"))
        if key in self.asked:
            request_id, answers, open_keys = self.asked.pop(key)
            answers[key] = {name: message[name] for name in message if name in ("result", "error")}
            open_keys.discard(key)  # shared by the requests of one call
            if not open_keys:
                content = [{"type": "text", "text": json.dumps(answers)}]
                result = {"content": content, "structuredContent": answers}
                self.answer(request_id, {"result": result})


def grandchild(kind: str, file: str) -> None:
    """Start a process that lives until killed; returns once its pid is in ``file``."""
    ready, tell = os.pipe()
    child = os.fork()
    if child:
        os.close(tell)
        os.read(ready, 1)
        os.close(ready)
        if kind == "daemon":
            os.waitpid(child, 0)
        return
    if kind in ("setsid", "daemon"):
        os.setsid()
    if kind == "daemon" and os.fork():
        os._exit(0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0,) if kind == "hold" else (0, 1, 2):
        os.dup2(nowhere, descriptor)
    written = Path(file + ".new")
    written.write_text(str(os.getpid()))
    written.rename(file)
    os.write(tell, b"x")
    os.close(tell)
    while True:
        signal.pause()


def prepare(mode: str, args: list[str]) -> None:
    """What the mode does before the first message is read."""
    match mode:
        case "exit":
            sys.stderr.write(" ".join(args[1:]) + "\n" if args[1:] else "")
            raise SystemExit(int(args[0]))
        case "slow-start":
            for _ in range(10):
                os.write(2, b".")
                time.sleep(float(args[0]) / 10_000)
        case "gate":
            os.close(os.open(args[0], os.O_RDONLY))
        case "stderr-flood" | "stderr-line":
            block = (b"x" * 99 + (b"\n" if mode == "stderr-flood" else b"x")) * 100
            for _ in range(int(args[0]) // len(block)):
                os.write(2, block)
        case "grandchild":
            grandchild(*args)


def main(argv: list[str]) -> None:
    log = None
    if argv[:1] == ["--log"]:
        log, argv = argv[1], argv[2:]
    if not argv or f"\n  {argv[0]} " not in (__doc__ or ""):
        sys.exit(f"No such mode. {__doc__}")
    server = Server(argv[0], argv[1:], log)

    def terminated(*_: object) -> None:
        server.log("term")
        if server.mode != "ignore-term":
            os._exit(143)

    signal.signal(signal.SIGTERM, terminated)
    server.log(f"start {os.getpid()}")
    prepare(server.mode, server.args)
    server.run()
    server.log("eof")
    while server.mode in ("ignore-eof", "ignore-term"):
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
