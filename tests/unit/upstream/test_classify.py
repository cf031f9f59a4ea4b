"""Every way to fail has its code, and a sentence that a person can act on."""

from __future__ import annotations

import errno
import os
import signal

import pytest

from core.model.faults import Fault, FaultCode, FaultKind
from core.upstream import classify

BY_ERRNO = {
    errno.EMFILE: FaultCode.RESOURCES,
    errno.ENFILE: FaultCode.RESOURCES,
    errno.EAGAIN: FaultCode.RESOURCES,
    errno.ENOMEM: FaultCode.RESOURCES,
    errno.EACCES: FaultCode.SPAWN_EACCES,
    errno.EPERM: FaultCode.SPAWN_EACCES,
    errno.ENOEXEC: FaultCode.SPAWN_ENOEXEC,
    errno.ENOENT: FaultCode.SPAWN_ENOEXEC,  # the program was found before: its interpreter was not
    errno.E2BIG: FaultCode.SPAWN_ENOEXEC,
}


def spawn_error(number: int) -> Fault:
    return classify.spawn_failed("server", OSError(number, os.strerror(number)))


@pytest.mark.parametrize("number", BY_ERRNO)
def test_what_the_system_says_about_a_start(number: int) -> None:
    """Out of room is tried again by itself, everything else needs a person."""
    fault = spawn_error(number)
    assert fault.code is BY_ERRNO[number]
    resources = fault.code is FaultCode.RESOURCES
    assert fault.kind is (FaultKind.TRANSIENT if resources else FaultKind.TERMINAL)


@pytest.mark.parametrize(
    ("returncode", "code", "how"),
    [
        (0, FaultCode.EXIT_EARLY, "exit code 0"),
        (3, FaultCode.EXIT_EARLY, "exit code 3"),
        (126, FaultCode.SPAWN_EACCES, "exit code 126"),
        (127, FaultCode.SPAWN_ENOENT, "exit code 127"),
        (-signal.SIGSEGV, FaultCode.EXIT_EARLY, "killed by SIGSEGV"),
        (-200, FaultCode.EXIT_EARLY, "killed by signal 200"),
    ],
)
def test_how_a_process_ended(returncode: int, code: FaultCode, how: str) -> None:
    """Before it was ready the code tells more; afterwards it crashed, whatever the code."""
    early = classify.exited("x", returncode, False, "first\nlast words\n\n")
    assert early.code is code
    assert how in early.message
    assert "last words" in early.message
    assert early.detail == "first\nlast words\n\n"
    late = classify.exited("x", returncode, True, "")
    assert late.code is FaultCode.CRASHED
    assert how in late.message


NO_DOCKER = (
    "docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker "
    "daemon running?\n\nRun 'docker run --help' for more information"
)


@pytest.mark.parametrize(
    ("command", "log", "engine"),
    [
        ("/usr/bin/docker", NO_DOCKER, "Docker"),
        ("docker", "failed to connect to the docker API at unix:///var/run/docker.sock", "Docker"),
        ("docker.exe", "error during connect: open //./pipe/dockerDesktop: not found", "Docker"),
        ("podman", "Cannot connect to Podman. Please verify your connection", "Podman"),
        ("docker", "docker: invalid reference format", None),
        ("npx", NO_DOCKER, None),
    ],
)
def test_a_container_engine_that_is_not_running_is_told_from_a_bad_server(
    command: str, log: str, engine: str | None
) -> None:
    """One cause of many servers' ends is named as such; a wrong flag is the server's own."""
    fault = classify.exited(command, 125, False, log)
    if engine is None:
        assert fault.code is FaultCode.EXIT_EARLY
    else:
        assert fault.code is FaultCode.DEP_DOCKER_DOWN
        assert f"Start {engine}." in fault.message


OF_HTTP = {  # see test_http_faults
    *(FaultCode.DNS_FAILED, FaultCode.CONNECT_FAILED, FaultCode.TLS_FAILED),
    *(FaultCode.PROXY_MISCONFIG, FaultCode.AUTH_REQUIRED, FaultCode.RATE_LIMITED),
    *(FaultCode.REDIRECTED, FaultCode.NOT_MCP, FaultCode.SERVER_ERROR, FaultCode.DISCONNECTED),
    *(FaultCode.LOGIN_NEEDED, FaultCode.REAUTH_NEEDED, FaultCode.FORBIDDEN),
}


def test_every_code_of_a_child_process_is_reached() -> None:
    """No code stands in the list that nothing can lead to; those of others are named here."""
    reached = {
        classify.command_not_found("x", "/bin"),
        classify.not_executable("x"),
        classify.no_working_dir("/x"),
        classify.missing_secret("no value"),
        classify.keyring_locked("Locked"),
        classify.handshake_timeout(5.0, "log"),
        classify.handshake_invalid("no version", "log"),
        classify.pipe_closed("output", "log"),
        classify.exited("x", 1, False, ""),
        classify.exited("x", 1, True, ""),
        classify.exited("docker", 1, True, NO_DOCKER),
        *map(spawn_error, BY_ERRNO),
    }
    elsewhere = {FaultCode.UNSUPPORTED, FaultCode.CRASH_LOOP, FaultCode.INTERNAL}
    missing = set(FaultCode) - {fault.code for fault in reached} - elsewhere
    assert {code for code in missing if not _is_of_the_connection(code)} == set()
    for fault in reached:
        assert fault.message[0].isupper() or fault.message[0] in "'\"n"
        assert "Traceback" not in fault.message


def _is_of_the_connection(code: FaultCode) -> bool:
    """Codes made where the limit they speak of is kept, not in ``classify``."""
    return code.name.endswith("_FLOOD") or code in OF_HTTP
