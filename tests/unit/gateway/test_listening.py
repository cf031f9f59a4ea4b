"""What a listener asked to hear, what it is promised, and how each message is stamped."""

from __future__ import annotations

import json

import msgspec
import pytest

from core.gateway.listening import URIS_MOST, Listener, honoured, wanted
from core.protocol.calls import Hello
from core.protocol.meta import SUBSCRIPTION_ID, Terms

EVERYTHING = {
    "toolsListChanged": True,
    "promptsListChanged": True,
    "resourcesListChanged": True,
    "resourceSubscriptions": ["a:", "b:", "a:"],
}
TERMS = Terms("2026-07-28", b"{}")


def asked(**notifications: object) -> bytes:
    return json.dumps({"notifications": notifications}).encode()


def test_only_what_a_server_promises_is_acknowledged() -> None:
    """And only what was asked for; resources once each."""
    full = Hello(
        "2025-11-25",
        capabilities=b'{"resources":{"subscribe":true}}',
        promises_list_changed=frozenset({"tools", "prompts", "resources"}),
    )
    heard = honoured(wanted(asked(**EVERYTHING)), full)
    assert msgspec.to_builtins(heard) == {**EVERYTHING, "resourceSubscriptions": ["a:", "b:"]}
    assert msgspec.to_builtins(honoured(wanted(asked(**EVERYTHING)), Hello("2025-11-25"))) == {}
    assert msgspec.to_builtins(honoured(wanted(asked()), full)) == {}


@pytest.mark.parametrize(
    "params",
    [
        b"",
        b"{}",
        asked(toolsListChanged=1),
        asked(resourceSubscriptions="a:"),
        asked(resourceSubscriptions=["a:"] * (URIS_MOST + 1)),
    ],
)
def test_a_wrong_wish_is_refused(params: bytes) -> None:
    """No filter at all, members of another kind, too many resources."""
    with pytest.raises(msgspec.DecodeError):
        wanted(params)


async def test_each_message_has_the_id_of_the_request_that_opened_the_stream() -> None:
    """As it was written, a number or a text, beside whatever _meta there was."""
    for request_id in (b"7", b'"seven"'):
        method = "notifications/tools/list_changed"
        client = Listener("s/one", TERMS, request_id, frozenset({method}))
        client.tell(method, b'{"_meta":{"x":1}}')
        client.tell("notifications/message", b'{"level":"error"}')
        [told] = [json.loads(message) for message in await client.told(1)]
        assert told["params"]["_meta"] == {"x": 1, SUBSCRIPTION_ID: json.loads(request_id)}
