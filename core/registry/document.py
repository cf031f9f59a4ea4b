"""What a registry answers, as far as we read it (registry API v0.1, server.json of 2025-12-11)."""

from __future__ import annotations

from typing import Any

import msgspec


class Variable(msgspec.Struct, rename="camel", omit_defaults=True):
    """A value that stands in braces in another one."""

    description: str = ""
    is_required: bool = False
    is_secret: bool = False
    value: str | None = None
    default: str | None = None


class Named(Variable, rename="camel", omit_defaults=True):
    """An environment variable or a header."""

    name: str = ""
    variables: dict[str, Variable] = {}


class Argument(Named, rename="camel", omit_defaults=True):
    """One argument of a command; ``type`` is ``positional`` or ``named``."""

    type: str = "positional"
    value_hint: str = ""
    format: str = ""


class Transport(msgspec.Struct, omit_defaults=True):
    type: str = "stdio"


class Package(msgspec.Struct, rename="camel", omit_defaults=True):
    registry_type: str
    identifier: str
    version: str = ""
    registry_base_url: str = ""
    runtime_hint: str = ""
    transport: Transport = msgspec.field(default_factory=Transport)
    runtime_arguments: list[Argument] = []
    package_arguments: list[Argument] = []
    environment_variables: list[Named] = []


class Remote(msgspec.Struct, omit_defaults=True):
    type: str
    url: str = ""
    headers: list[Named] = []
    variables: dict[str, Variable] = {}


class Server(msgspec.Struct, omit_defaults=True):
    name: str
    description: str = ""
    version: str = ""
    packages: list[Package] = []
    remotes: list[Remote] = []


class Official(msgspec.Struct, rename="camel", omit_defaults=True):
    """What the registry itself says of an entry."""

    status: str = "active"
    status_message: str = ""
    is_latest: bool = True


class Meta(msgspec.Struct, omit_defaults=True):
    official: Official = msgspec.field(
        name="io.modelcontextprotocol.registry/official", default_factory=Official
    )


class Listed(msgspec.Struct, omit_defaults=True):
    server: Server
    meta: Meta = msgspec.field(name="_meta", default_factory=Meta)


class Paging(msgspec.Struct, rename="camel"):
    next_cursor: str | None = None


class Page(msgspec.Struct):
    """One answer; an entry that is not as agreed must not hide the others."""

    servers: list[msgspec.Raw]
    metadata: Paging = msgspec.field(default_factory=Paging)


_page = msgspec.json.Decoder(Page)
_raw = msgspec.json.Decoder()


def read_page(body: bytes) -> tuple[list[Listed], str]:
    """The entries of a page and where the next one begins; raises msgspec.DecodeError."""
    page = _page.decode(body)
    listed = []
    for entry in page.servers:
        try:
            listed.append(msgspec.convert(_without_nulls(_raw.decode(entry)), Listed))
        except (msgspec.ValidationError, RecursionError):
            continue
    return listed, page.metadata.next_cursor or ""


def _without_nulls(value: Any) -> Any:
    """Some registries write null for what is absent."""
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value
