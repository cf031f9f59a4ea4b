"""What about an entry a person should know before they let it run (security.md, S17 and S18)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from core.model.clients import Doubt

# Each makes another program do what it would not: load code, or run another program.
_STEERING = re.compile(
    r"LD_.*|DYLD_.*|NODE_OPTIONS|PYTHON(PATH|STARTUP|HOME)|BASH_ENV|ENV|PATH|IFS|SHELLOPTS|BASHOPTS"
    r"|PERL5OPT|PERL5LIB|RUBYOPT|RUBYLIB|JAVA_TOOL_OPTIONS|GIT_SSH.*",
    re.IGNORECASE,
)
_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "fish", "cmd", "powershell", "pwsh"})
_SHELL_WORDS = re.compile(r"\$\(|`|&&|\|\||^[|;&<>]+$|^~(/|$)|\*")


def doubts(entry: Mapping[str, object]) -> tuple[Doubt, ...]:
    """The grave ones first."""
    return tuple(sorted(_doubts(entry), key=lambda doubt: not doubt.grave))


def _doubts(entry: Mapping[str, object]) -> Iterator[Doubt]:
    env, args = entry.get("env"), entry.get("args")
    for name in env if isinstance(env, dict) else ():
        if _STEERING.fullmatch(name):
            yield Doubt(f"{name} can make the command load or run other code.", grave=True)
    argv = [str(entry.get("command") or ""), *(map(str, args) if isinstance(args, list) else ())]
    program = re.split(r"[/\\]", argv[0])[-1].lower().removesuffix(".exe")
    if program in _SHELLS:
        yield Doubt(f"{program} is a shell: what it is given can start anything.", grave=True)
    else:
        for argument in argv[1:]:
            if _SHELL_WORDS.search(argument):
                yield Doubt(f"There is no shell: {argument!r} is passed as it stands.", grave=False)
    if program in ("npx", "bunx", "uvx") and not any("@" in each[1:] for each in argv[1:]):
        yield Doubt(
            "No version is named, so each start may run a newer one than you looked at.",
            grave=False,
        )
    if _in_the_open(str(entry.get("url") or "")):
        yield Doubt("The address is not encrypted: others on the way can read along.", grave=True)


def _in_the_open(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme != "http" or host == "localhost":
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True
