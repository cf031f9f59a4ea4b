"""Configs, faults and peers that the lifecycle's tests speak about."""

from __future__ import annotations

from dataclasses import replace

from core.lifecycle.machine import Model
from core.model.config import Http, ServerConfig, ServerName, Stdio
from core.model.faults import Fault, FaultCode, FaultKind
from core.model.status import Peer
from core.model.tools import Tool

A = ServerConfig(name=ServerName("one"), transport=Stdio(command="a"))
A_TUNED = replace(A, call_timeout=5.0)  # differs, but needs no new connection
B = replace(A, transport=Stdio(command="b"))
OFF = replace(A, enabled=False)
REMOTE = replace(A, transport=Http(url="http://localhost:1/mcp"))
CONFIGS = (A, A_TUNED, B, OFF)

CRASH = Fault(FaultCode.CRASHED, "It crashed.", "last words")
EARLY = Fault(FaultCode.EXIT_EARLY, "It ended before it was ready.")
BROKEN = Fault(FaultCode.SPAWN_ENOENT, "There is no such command.")
AUTH = tuple(
    Fault(code, "Sign in.") for code in FaultCode if Fault(code, "").kind is FaultKind.AUTH
)
FAULTS = (None, CRASH, BROKEN, *AUTH)

PEER = Peer(name="peer", version="1", pid=7, tools=(Tool("t", b"{}"),))
OTHER_PEER = Peer(name="peer", version="2", pid=7)

NEW = Model(A)
