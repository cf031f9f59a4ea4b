"""Servers that a registry has to offer, in the words of our own config file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Need:
    """A value that a person may or has to supply; ``variable`` is where ours is looked for."""

    name: str
    description: str
    required: bool
    secret: bool
    variable: str = ""  # the environment variable; empty: left out of the entry


@dataclass(frozen=True, slots=True)
class Way:
    """One way to have the server: ``entry`` as it would stand in ``mcpServers``.

    ``runs`` is the same for people: the whole command or the address.
    """

    kind: str
    entry: Mapping[str, object]
    runs: str
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """A published server; ``called`` is a name it could have here.

    ``unusable`` says for each way that is not offered why; ``warning`` what speaks against it.
    """

    name: str
    called: str
    version: str
    description: str
    ways: tuple[Way, ...]
    unusable: tuple[str, ...] = ()
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Offers:
    """What a search found; ``more`` if the registry has further ones."""

    offers: tuple[Offer, ...]
    more: bool
