"""What a client may be asked, under which id, and who may answer."""

from __future__ import annotations

import asyncio
import json

import pytest

from core.gateway import asking
from core.gateway.asking import ASKED_MOST, lacking
from core.gateway.clients import Client
from core.protocol.calls import Ask, Reply
from core.protocol.meta import members_of

ABLE = b'{"roots":{},"sampling":{},"elicitation":{}}'


def client(declared: bytes = ABLE) -> Client:
    return Client("s/one", "2025-11-25", declared=declared)


class Asked:
    """Questions, and what the server gets."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.told: list[tuple[str, bytes]] = []

    def ask(self, method: str = "roots/list", params: bytes = b"{}") -> Ask:
        return Ask(method, params, self.replies.append)

    def tell(self, method: str, params: bytes) -> None:
        self.told.append((method, params))


@pytest.mark.parametrize(
    ("declared", "method", "params", "missing"),
    [
        (b"{}", "roots/list", b"", "roots"),
        (b'{"roots":{}}', "roots/list", b"", ""),
        (b'{"sampling":{}}', "sampling/createMessage", b'{"messages":[]}', ""),
        (b'{"sampling":{}}', "sampling/createMessage", b'{"tools":[]}', "sampling.tools"),
        (b'{"sampling":{"tools":{}}}', "sampling/createMessage", b'{"tools":[]}', ""),
        (b'{"elicitation":{}}', "elicitation/create", b'{"message":"m"}', ""),
        (b'{"elicitation":{}}', "elicitation/create", b'{"mode":"url"}', "elicitation.url"),
        (b'{"elicitation":{"url":{}}}', "elicitation/create", b"{}", "elicitation.form"),
        (b'{"elicitation":{"url":{}}}', "elicitation/create", b'{"mode":"url"}', ""),
        (b"{}", "vendor/question", b"{}", ""),
        (b'{"sampling":{}}', "sampling/createMessage", b"[]", ""),
    ],
)
def test_what_a_client_lacks_is_named(
    declared: bytes, method: str, params: bytes, missing: str
) -> None:
    """By capability and part; an empty elicitation means forms, and unknown questions pass."""
    assert lacking(members_of(declared), method, params) == missing


async def test_an_answer_goes_to_its_question_once() -> None:
    """Another id, another client or a second answer reaches no server."""
    asked, one, other = Asked(), client(), client()
    question = json.loads(asking.put(one, asked.ask(), asked.tell))
    own_id = b"%d" % question["id"]
    assert not asking.answered(other, own_id, Reply(result=b"{}"))
    assert not asking.answered(one, own_id + b"0", Reply(result=b"{}"))
    assert asking.answered(one, own_id, Reply(result=b'{"roots":[]}'))
    assert not asking.answered(one, own_id, Reply(result=b"{}"))
    assert [reply.result for reply in asked.replies] == [b'{"roots":[]}']


async def test_what_cannot_be_asked_is_answered_at_once() -> None:
    """A missing capability, a batch, too many questions: the server never waits for nothing."""
    asked = Asked()
    assert asking.put(client(b"{}"), asked.ask(), asked.tell) == b""
    batching = client()
    batching.batches = 1
    assert asking.put(batching, asked.ask(), asked.tell) == b""
    busy = client()
    for _ in range(ASKED_MOST):
        assert asking.put(busy, asked.ask(), asked.tell)
    assert asking.put(busy, asked.ask(), asked.tell) == b""
    assert [reply.error is not None for reply in asked.replies] == [True] * 3
    assert len(asking.give_up(busy, "it left")) == ASKED_MOST
    assert len(asked.replies) == 3 + ASKED_MOST


async def test_a_question_taken_back_is_told_and_can_be_answered_no_more() -> None:
    """The client gets notifications/cancelled with the id that it knows."""
    asked, one = Asked(), client()
    ask = asked.ask()
    question = json.loads(asking.put(one, ask, asked.tell))
    ask.withdraw()
    await asyncio.sleep(0)  # lets those who wait for it know
    [(method, params)] = asked.told
    assert method == "notifications/cancelled"
    assert json.loads(params)["requestId"] == question["id"]
    assert not asking.answered(one, b"%d" % question["id"], Reply(result=b"{}"))
    assert asked.replies == []


async def test_the_end_of_a_visit_is_known_to_whoever_was_sent_there() -> None:
    """By the id of the elicitation, of which the last ones are remembered."""
    asked, one = Asked(), client(b'{"elicitation":{"url":{}}}')
    for number in range(20):
        params = json.dumps({"mode": "url", "elicitationId": f"e{number}"}).encode()
        asking.put(one, asked.ask("elicitation/create", params), asked.tell)
    assert one.visits[-1] == "e19"
    assert len(one.visits) <= asking.VISITS_KEPT + 1
    assert asking.visit_of(b'{"elicitationId":5}') == ""
