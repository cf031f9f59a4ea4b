"""Which request a message answers that is too long, too deep or too broken to be read."""

from __future__ import annotations

import re

# Where serialisers put the envelope's id: at the very start, or at the very end. An "id" further
# in belongs to the payload.
_ID_FIRST = re.compile(rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d+)\s*,')
_ID_LAST = re.compile(rb',\s*"id"\s*:\s*(\d+)\s*\}\s*$')
# A request of the server's own that cannot be read; its id is from the server's count, not ours.
_REQUEST = re.compile(rb'\s*\{\s*(?:"(?:jsonrpc|id)"\s*:\s*(?:"[^"]*"|-?\d+)\s*,\s*)*"method"\s*:')


def answered_id(head: bytes, tail: bytes) -> bytes:
    """The id as JSON, from the two ends of the message; empty if it is no answer or hides it."""
    if _REQUEST.match(head):
        return b""
    match = _ID_FIRST.match(head) or _ID_LAST.search(tail)
    return match[1] if match is not None else b""
