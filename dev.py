#!/usr/bin/env python3
"""Sets up, in this directory only, what a verb needs and hands over to it: run, test, check, bench.

Only the standard library, and nothing newer than Python 3.7 in its grammar, so that an old
interpreter still gets to say that it is too old. What is installed is exactly what
``constraints.txt`` names, checked by hash; a digest of everything that decides the outcome is
kept beside it, so that a second start costs milliseconds and no network.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
TOOLS = ROOT / ".tools"
CONSTRAINTS = ROOT / "constraints.txt"
PROJECT = ROOT / "pyproject.toml"

OLDEST = (3, 11)
# The parts of constraints.txt in their order there; each part needs the ones before it.
PARTS = ("run", "test", "check")
PART_LINE = "# part: "
CREATED = ".created"
MAKE_ROOM = "make room (400 MB to run it, 1.5 GB to test it) and repeat."

USAGE = """usage: python3 dev.py VERB [ARGUMENT ...]

  run     start MCP Proxy Tray; the arguments are the program's (run --help lists them)
  test    run the tests; the arguments are pytest's
  check   lint, formatting, types and import rules
  bench   measure; the arguments are the benchmark's
  pin     renew constraints.txt from pyproject.toml (needs the program uv)

Each sets up what it needs in .venv and .tools first; delete the two to start afresh.
"""


class SetupProblem(Exception):
    """What keeps a verb from starting, as a sentence with its cause and its fix."""


def say(text: str) -> None:
    sys.stderr.write(f"dev.py: {text}\n")
    sys.stderr.flush()


def check_interpreter(version: tuple[int, ...]) -> None:
    """Refuse an interpreter that cannot run the product, naming one that can if there is one."""
    if version >= OLDEST:
        return
    for minor in range(20, OLDEST[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer:
            fix = f"Use the newer one that is here: {newer} dev.py …"
            break
    else:
        fix = "Install Python 3.11 or newer and call it by its name, e.g. python3.12 dev.py …"
    have = ".".join(map(str, version))
    raise SetupProblem(f"Python {have} is too old; 3.11 or newer is needed. {fix}")


def requirements(part: str) -> str:
    """The lines of ``constraints.txt`` up to and including a part: what that part installs."""
    wanted = PARTS[: PARTS.index(part) + 1]
    kept: list[str] = []
    inside = False
    for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines():
        if line.startswith(PART_LINE):
            inside = line[len(PART_LINE) :].strip() in wanted
        elif inside:
            kept.append(line)
    return "\n".join(kept) + "\n"


def digest(*texts: str) -> str:
    """One value that changes with the interpreter, the place of this directory and the texts."""
    version = ".".join(map(str, sys.version_info[:3]))
    everything = "\0".join((version, sys.implementation.name, str(ROOT), *texts))
    return hashlib.sha256(everything.encode()).hexdigest()


def stamped(stamp: Path, value: str) -> bool:
    try:
        return stamp.read_text(encoding="utf-8") == value
    except OSError:
        return False


def interpreter(environment: Path) -> Path:
    return program(environment, "python")


def program(environment: Path, name: str) -> Path:
    """A program installed in a virtual environment."""
    if os.name == "nt":
        return environment / "Scripts" / f"{name}.exe"
    return environment / "bin" / name


def clean_environment() -> dict[str, str]:
    """Our environment without what would let another Python's packages leak into ours."""
    leaks = ("PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__")
    return {name: value for name, value in os.environ.items() if name not in leaks}


def call(arguments: list[str], cwd: Path = ROOT) -> int:
    """Run a program with our standard streams; its exit code."""
    import subprocess

    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_USER": "0"}
    environment = {**clean_environment(), **quiet}
    return subprocess.call(arguments, cwd=cwd, env=environment, close_fds=False)


def create(environment: Path) -> None:
    """Make a virtual environment, unless it is there and still fits."""
    stamp = environment / CREATED
    value = digest()
    if stamped(stamp, value) and interpreter(environment).exists():
        return
    import importlib.util

    if importlib.util.find_spec("ensurepip") is None:
        minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise SetupProblem(
            f"this Python {minor} cannot make virtual environments: its module ensurepip is "
            f"missing. On Debian and Ubuntu: apt-get install python{minor}-venv"
        )
    base = getattr(sys, "_base_executable", None) or sys.executable
    if call([base, "-m", "venv", "--clear", str(environment)]) != 0:
        enough_space(environment.parent)
        raise SetupProblem(
            f"no virtual environment could be made at {environment}; the lines above say why. "
            "On Debian and Ubuntu the package python3-venv must be installed."
        )
    stamp.write_text(value, encoding="utf-8")


def enough_space(directory: Path) -> None:
    if shutil.disk_usage(directory).free < 50_000_000:
        raise SetupProblem(f"the disk of {directory} is full: {MAKE_ROOM}")


def pip(environment: Path, *arguments: str) -> None:
    """Call an environment's pip; what it could not do becomes one sentence."""
    log = environment / "pip.log"
    log.unlink(missing_ok=True)
    command = [str(interpreter(environment)), "-m", "pip", *arguments]
    command += ["--quiet", "--progress-bar", "off", "--log", str(log)]
    if call(command) == 0:
        return
    enough_space(environment)
    said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    if "DO NOT MATCH THE HASHES" in said:
        cause = (
            "a package is not the one constraints.txt names, so it was not installed. "
            "Check which package index pip is set to use (pip config list)."
        )
    elif "NewConnectionError" in said or "ConnectTimeout" in said or "ProxyError" in said:
        cause = (
            "the Python package index cannot be reached. The first start needs the network; "
            "check the connection, or HTTPS_PROXY if there is a proxy, and repeat."
        )
    else:
        cause = f"pip failed; its last lines above say why, all of them are in {log}"
    raise SetupProblem(cause)


def install(environment: Path, pinned: str) -> None:
    """Bring into an environment exactly the packages named, checked by hash."""
    create(environment)
    listed = environment / "requirements.txt"
    listed.write_text(pinned, encoding="utf-8")
    pip(environment, "install", "--require-hashes", "--no-deps", "-r", str(listed))


class Turn:
    """Lets one process at a time set up in this directory; others wait until it is done.

    Programs started meanwhile inherit the lock, so that it is held to their end even if this
    process is killed.
    """

    def __enter__(self) -> None:
        TOOLS.mkdir(exist_ok=True)
        self._file = (TOOLS / "setup.lock").open("a+b")
        if sys.platform == "win32":
            import msvcrt

            self._file.seek(0)
            msvcrt.locking(self._file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            os.set_inheritable(self._file.fileno(), True)
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def set_up(part: str) -> None:
    """Make ``.venv`` hold a part of constraints.txt and the project itself, editable."""
    value = digest(CONSTRAINTS.read_text(encoding="utf-8"), PROJECT.read_text(encoding="utf-8"))
    enough = [VENV / f".installed-{name}" for name in PARTS[PARTS.index(part) :]]

    def ready() -> bool:
        return any(stamped(stamp, value) for stamp in enough) and stamped(VENV / CREATED, digest())

    if ready():
        return
    with Turn():
        if ready():
            return
        say(f"setting up {VENV.relative_to(ROOT)} for '{part}' (the first time takes a minute)")
        install(VENV, requirements(part))
        pip(VENV, "install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        enough[0].write_text(value, encoding="utf-8")


def hand_over(arguments: list[str]) -> NoReturn:
    """Become another program, so that signals and the exit code are its own."""
    sys.stdout.flush()
    sys.stderr.flush()
    if sys.platform == "win32":
        import signal
        import subprocess

        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the program by itself
        sys.exit(subprocess.call(arguments, env=clean_environment()))
    os.execve(arguments[0], arguments, clean_environment())


def run(arguments: list[str]) -> int:
    set_up("run")
    hand_over([str(program(VENV, "mcpproxy-tray")), *arguments])


def test(arguments: list[str]) -> int:
    set_up("test")
    os.chdir(ROOT)
    installed = call([str(interpreter(VENV)), "-m", "tests.real_servers.install"])
    if installed != 0:
        return installed
    hand_over([str(interpreter(VENV)), "-m", "pytest", *arguments])


def check(arguments: list[str]) -> int:
    if arguments:
        raise SetupProblem("check takes no arguments.")
    set_up("check")
    steps = (
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("lint-imports",),
    )
    failed = []
    for name, *rest in steps:
        say(" ".join((name, *rest)))
        if call([str(program(VENV, name)), *rest]) != 0:
            failed.append(" ".join((name, *rest)))
    say("failed: " + "; ".join(failed) if failed else "all checks passed")
    return 1 if failed else 0


def bench(arguments: list[str]) -> int:
    set_up("test")
    os.chdir(ROOT)
    hand_over([str(interpreter(VENV)), "-m", "tests.bench", *arguments])


def resolve(*sources: str) -> dict[str, str]:
    """Pin requirements for every platform with uv: entry (name, version, marker) to its lines."""
    import subprocess

    command = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
    command += ["--generate-hashes", "--no-header", "--no-emit-index-url", "--no-annotate"]
    try:
        done = subprocess.run([*command, *sources], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    except FileNotFoundError:
        raise SetupProblem("pin needs the program uv: pip install uv") from None
    if done.returncode != 0:
        raise SetupProblem("uv found no set of versions; its lines above say why.")
    entries: dict[str, str] = {}
    entry = ""
    for line in done.stdout.splitlines():
        if not line.startswith((" ", "#")):
            entry = line
            entries[entry] = ""
        entries[entry] += line + "\n"
    return entries


def pin(arguments: list[str]) -> int:
    """Write constraints.txt, and the pins of the real servers and clients of the tests, anew."""
    if arguments:
        raise SetupProblem("pin takes no arguments.")
    TOOLS.mkdir(exist_ok=True)
    backend = TOOLS / "build-backend.in"
    backend.write_text("hatchling\neditables\n", encoding="utf-8")
    sources = {
        "run": (str(PROJECT), str(backend)),
        "test": (str(PROJECT), str(backend), "--group", "test"),
        "check": (str(PROJECT), str(backend), "--group", "check"),
    }
    everything = resolve(*sources["check"])
    chosen = TOOLS / "chosen.txt"
    chosen.write_text("".join(everything.values()), encoding="utf-8")
    parts = [
        "# Every package used here, by exact version and hash, for Linux, macOS and Windows.\n"
        "# Written by 'python3 dev.py pin'. dev.py installs a part and the parts before it.\n"
    ]
    left = dict(everything)
    for part in PARTS:
        names = {entry.split("==")[0] for entry in resolve(*sources[part], "-c", str(chosen))}
        mine = [entry for entry in left if entry.split("==")[0] in names]
        parts.append("".join((f"\n{PART_LINE}{part}\n", *map(left.pop, mine))))
    CONSTRAINTS.write_text("".join(parts), encoding="utf-8")
    for folder in ("real_servers", "real_clients"):
        wanted = ROOT / "tests" / folder / "requirements.in"
        pinned = "".join(resolve(str(wanted)).values())
        wanted.with_suffix(".txt").write_text(pinned, encoding="utf-8")
    return 0


VERBS = {"run": run, "test": test, "check": check, "bench": bench, "pin": pin}


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in VERBS:
        asked_for_help = arguments[:1] in (["-h"], ["--help"], ["help"])
        (sys.stdout if asked_for_help else sys.stderr).write(USAGE)
        return 0 if asked_for_help else 2
    try:
        check_interpreter(sys.version_info[:3])
        return VERBS[arguments[0]](arguments[1:])
    except SetupProblem as problem:
        say(str(problem))
        return 1
    except OSError as problem:
        if problem.errno == errno.ENOSPC:
            say(f"the disk of {ROOT} is full: {MAKE_ROOM}")
        else:
            say(f"{problem.filename or ROOT}: {problem.strerror or problem}")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
