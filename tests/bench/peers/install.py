"""Brings the gateways that PyPI and npm have into ``.tools/peers``, each apart from the others.

Nothing of the project depends on them; each is installed at the version its row names.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import dev
from tests.bench.peers.catalogue import PEERS, Peer, Source

PLACE = dev.TOOLS / "peers"


def found(peer: Peer) -> str | None:
    """The program of a gateway that is installed here or on PATH, if it is.

    On PATH several go by the name mcp-proxy, so there only those count that no registry has.
    """
    if peer.source is Source.OURS:
        return peer.program
    if peer.source is Source.ELSEWHERE:
        return shutil.which(peer.program)
    program = _directory(peer) / _BIN[peer.source] / peer.program
    return str(program) if program.exists() else None


def missing(peer: Peer) -> str:
    """Why it is left out, as a sentence."""
    if peer.source is Source.ELSEWHERE:
        return f"{peer} is left out: no program {peer.program} is on PATH."
    return f"{peer} is left out: it is not installed (bench peers --install)."


def install() -> None:
    """Raises dev.SetupProblem."""
    with dev.Turn():
        for peer in PEERS:
            if peer.source not in _BIN or found(peer) is not None:
                continue
            dev.say(f"installing {peer.package} {peer.version} from {peer.source}")
            if peer.source is Source.PYPI:
                _from_pypi(peer)
            else:
                _from_npm(peer)


_BIN = {Source.PYPI: Path("bin"), Source.NPM: Path("node_modules", ".bin")}


def _directory(peer: Peer) -> Path:
    return PLACE / f"{peer.package}-{peer.version}-{peer.source.lower()}"


def _from_pypi(peer: Peer) -> None:
    environment = _directory(peer)
    dev.create(environment)
    dev.pip(environment, "install", f"{peer.package}=={peer.version}")


def _from_npm(peer: Peer) -> None:
    npm = shutil.which("npm")
    if npm is None:
        dev.say(f"{peer} needs npm, which is not installed")
        return
    directory = _directory(peer)
    directory.mkdir(parents=True, exist_ok=True)
    wanted = {"private": True, "dependencies": {peer.package: peer.version}}
    (directory / "package.json").write_text(json.dumps(wanted), encoding="utf-8")
    quiet = ["--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]
    if dev.call([npm, "install", *quiet, "--loglevel=error"], cwd=directory) != 0:
        raise dev.SetupProblem(f"npm could not install {peer.package}; its lines above say why.")
