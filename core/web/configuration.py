"""Routes about the config file as a whole: looking at it, trying out a text, putting one in place.

What is shown has masks in place of secrets; a text that still has them keeps those secrets.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from core.errors import ConfigError
from core.model.config import Problem
from core.model.intents import ReplaceConfig, RestoreConfig
from core.web import wire
from core.web.actions import AcceptedData, submit
from core.web.body import read_json
from core.web.exchange import Request, Response
from core.web.replies import Refused, success
from core.web.site import Site


class ConfigData(msgspec.Struct, frozen=True):
    """``digest`` names the content that was shown; an edit of it says so."""

    file: str
    revision: int
    digest: str
    text: str


class TextBody(msgspec.Struct, frozen=True):
    text: str


class ApplyBody(msgspec.Struct, frozen=True):
    text: str
    digest: str


class ValidatedData(msgspec.Struct, frozen=True):
    valid: bool
    problems: tuple[wire.ProblemJson, ...]


async def show(site: Site, _: Request) -> Response:
    try:
        shown = await site.config.show()
    except ConfigError as error:
        raise Refused(409, "config_invalid", str(error)) from error
    revision = site.door.snapshot.config.revision
    return success(ConfigData(shown.file, revision, shown.digest, shown.text))


async def validate(site: Site, request: Request) -> Response:
    body = await read_json(request, TextBody)
    problems = await site.config.try_out(body.text)
    return success(ValidatedData(not problems, _shown(problems)))


async def apply(site: Site, request: Request) -> Response:
    body = await read_json(request, ApplyBody)
    return success(AcceptedData(await submit(site, ReplaceConfig(body.text, body.digest))), 202)


async def restore(site: Site, _: Request) -> Response:
    return success(AcceptedData(await submit(site, RestoreConfig())), 202)


def _shown(problems: Sequence[Problem]) -> tuple[wire.ProblemJson, ...]:
    return tuple(wire.ProblemJson(each.path, each.message, each.line) for each in problems)
