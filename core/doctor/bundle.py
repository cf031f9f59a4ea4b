"""A file to attach to a bug report: only what is listed here goes in, and no secret with it."""

from __future__ import annotations

import io
import platform
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import msgspec

from core.config import disk
from core.config.jsonc import Document, JsoncError, parse
from core.doctor.outline import outline, secrets_around, secrets_in
from core.doctor.premises import Premises
from core.doctor.redaction import Redaction, redaction
from core.model.findings import Finding
from core.model.status import Snapshot
from core.telemetry.logfile import tail
from core.telemetry.logging import MAIN_LOG
from core.web.wire import diagnostics_json, snapshot_json

LOG_LINES = 1000
LOG_BYTES = 256 * 1024
SERVER_LOG_BYTES = 32 * 1024
MOST_SERVER_LOGS = 50

PACKAGES = (
    *("click", "dbus-fast", "filelock", "httptools", "httpx", "keyring", "msgspec", "pillow"),
    *("platformdirs", "prometheus-client", "psutil", "pystray", "uvloop", "watchdog"),
)

README = """\
A report of MCP Proxy Tray, made by "mcpproxy-tray doctor --bundle".

findings.json  what the doctor found
versions.json  versions of the program, Python, the system and the libraries used
state.json     the servers and how they are, if the program was running
config.json    the shape of the config file; all values are masked but harmless ones
logs/          the last lines of the program's log and the servers' logs

Every value that the config file masks, every secret that was read from the keyring, and every
environment variable that is named like a secret, was replaced by *** in all files, in each usual
spelling. So was what merely looks like a secret, and your home directory is written ~. Look
through the files before you send them.
"""

UNKNOWN_SECRETS = """\
The logs are left out: the config file cannot be read, so it is not known which secrets to
take out of them.
"""


def bundle(
    premises: Premises,
    findings: Sequence[Finding],
    snapshot: Snapshot | None,
    from_keyring: Iterable[str] = (),
) -> bytes:
    """A zip archive. Reads files, so call it off the event loop.

    ``from_keyring`` are the secrets that no file tells.
    """
    document, readable = _document(premises.config_file)
    redact = redaction((*_secrets(premises, document), *from_keyring))
    files: dict[str, str] = {
        "findings.json": _json(diagnostics_json(premises.version, findings), redact),
        "versions.json": _json(_versions(premises.version), redact),
        "state.json": _json(snapshot_json(snapshot) if snapshot is not None else None, redact),
        "config.json": _json(outline(document) if document is not None else None, redact),
    }
    if readable:
        for path in _logs(premises.log_dir):
            files[f"logs/{path.name}"] = redact(_tail(path)) + "\n"
    else:
        files["logs/README.txt"] = UNKNOWN_SECRETS
    home = premises.environ.get("HOME") or premises.environ.get("USERPROFILE", "")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", README)
        for name, text in files.items():
            archive.writestr(name, text.replace(home, "~") if len(home) > 1 else text)
    return packed.getvalue()


def _document(path: Path) -> tuple[Document | None, bool]:
    """The config file, and whether what may be secret is known: there is no file, or it reads."""
    try:
        return parse(disk.read(path).decode()), True
    except FileNotFoundError:
        return None, True
    except (disk.NotAFile, OSError, UnicodeDecodeError, JsoncError):
        return None, False


def _secrets(premises: Premises, document: Document | None) -> Iterator[str]:
    """What may be secret now, and what was before the last edit: logs remember it."""
    documents = [document] if document is not None else []
    before, _ = _document(premises.config_file.with_name(f"{premises.config_file.name}.bak"))
    if before is not None:
        documents.append(before)
    for each in documents:
        yield from secrets_in(each, premises.environ)
    yield from secrets_around(premises.environ)
    if premises.overrides.api_key:
        yield premises.overrides.api_key


def _versions(version: str) -> Mapping[str, str]:
    versions = {
        "mcpproxy-tray": version,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions


def _logs(directory: Path) -> list[Path]:
    """The program's log and the servers' that were written last."""
    servers = sorted(directory.glob("server-*.log"), key=_written_at, reverse=True)
    return [directory / MAIN_LOG, *servers[:MOST_SERVER_LOGS]]


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _tail(path: Path) -> str:
    most = LOG_BYTES if path.name == MAIN_LOG else SERVER_LOG_BYTES
    try:
        return "\n".join(tail(path, LOG_LINES, most))
    except OSError as error:
        return f"It cannot be read: {error.strerror or error}."


def _json(data: object, redact: Redaction) -> str:
    """Redacted text by text, because a secret's spelling may hold what JSON escapes."""
    clean = _clean(msgspec.to_builtins(data), redact)
    return msgspec.json.format(msgspec.json.encode(clean), indent=2).decode() + "\n"


def _clean(value: object, redact: Redaction) -> object:
    match value:
        case str():
            return redact(value)
        case dict():
            return {key: _clean(below, redact) for key, below in value.items()}
        case list() | tuple():
            return [_clean(below, redact) for below in value]
        case _:
            return value
