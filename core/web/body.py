"""Reading what a request carries."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from core.asgi import BodyTooLarge, read_body
from core.web.exchange import Request
from core.web.guard import MIB
from core.web.replies import Refused

LARGEST = 4 * MIB

T = TypeVar("T")


async def read_json(request: Request, shape: type[T]) -> T:
    """The body as the shape. Raises Refused naming what does not fit, ClientGone."""
    try:
        body = await read_body(request.receive, LARGEST)
        return msgspec.json.decode(body, type=shape)
    except BodyTooLarge:
        raise Refused(
            413, "body_too_large", f"The body may have at most {LARGEST} bytes."
        ) from None
    except msgspec.DecodeError as error:
        raise Refused(400, "bad_request", f"The body does not fit: {error}.") from None
