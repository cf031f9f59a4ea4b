"""Envelopes: outer members are understood strictly, payloads cross as the bytes they were."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.protocol import envelope
from core.protocol.envelope import Kind, Malformed
from tests.fakes.faultsrv.hostile import LINES

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
IDS = st.integers(-(2**63), 2**63) | st.text()
SPACES = st.sampled_from([None, 1])
"""How the JSON is written; both are legal on one line once newlines are gone."""


def written(value: object, indent: int | None = None) -> bytes:
    """JSON with as much white space as an odd but lawful writer might use."""
    return json.dumps(value, indent=indent).replace("\n", "\t ").encode()


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', Kind.REQUEST),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', Kind.REQUEST),
        (b'{"jsonrpc":"2.0","method":"notifications/initialized"}', Kind.NOTIFICATION),
        (b'{"jsonrpc":"2.0","id":"a","result":{}}', Kind.RESULT),
        (b'{"jsonrpc":"2.0","id":1,"result":null}', Kind.RESULT),
        (b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}', Kind.ERROR),
        (b' {"id" : 1 , "result" : 3 , "jsonrpc" : "2.0" , "extra" : [] }\r', Kind.RESULT),
    ],
)
def test_kinds(message: bytes, kind: Kind) -> None:
    """Each of the four kinds is told by its members, in any order, with others beside them."""
    assert envelope.kind_of(envelope.decode(message)) is kind


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"Server listening", "not_json"),
        (b"", "not_json"),
        (b'{"jsonrpc":"2.0"', "not_json"),
        (b'{"jsonrpc":"2.0"}{}', "not_json"),
        (b'{"jsonrpc":"2.0","id":1,"result":NaN}', "not_json"),
        (b'{"jsonrpc":"2.0","id":1,"result":{"a":"\xff"}}', "utf8"),
        (b"\xff\xfe", "utf8"),
        (b"[]", "not_jsonrpc"),
        (b"3", "not_jsonrpc"),
        (b"null", "not_jsonrpc"),
        (b"{}", "not_jsonrpc"),
        (b'{"jsonrpc":"1.0","id":1,"result":{}}', "not_jsonrpc"),
        (b'{"jsonrpc":2.0,"id":1,"result":{}}', "not_jsonrpc"),
        (b'{"JSONRPC":"2.0","id":1,"result":{}}', "not_jsonrpc"),
        (b'{"jsonrpc":"2.0","method":3}', "not_jsonrpc"),
        (b'{"jsonrpc":"2.0","method":null}', "not_jsonrpc"),
        (b'{"jsonrpc":"2.0"}', "not_jsonrpc"),
        (b'{"jsonrpc":"2.0","id":1}', "not_jsonrpc"),
        (b'{"jsonrpc":"2.0","Method":"ping"}', "not_jsonrpc"),
        (b'{"jsonrpc":"2.0","id":1,"Result":{}}', "not_jsonrpc"),
        (b'{"jsonrpc":"2.0","result":{}}', "not_jsonrpc"),
        (b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', "not_jsonrpc"),
        (b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * 10**5 + b"]" * 10**5 + b"}", "too_deep"),
    ],
)
def test_malformed(message: bytes, why: str) -> None:
    """What is no message is refused with a word to count it by, and a reason."""
    with pytest.raises(Malformed) as caught:
        envelope.kind_of(envelope.decode(message))
    assert caught.value.kind == why
    assert str(caught.value)


@pytest.mark.parametrize("index", range(len(LINES)))
def test_hostile_corpus(index: int) -> None:
    """Each line of the fault server's corpus is understood or refused, and nothing worse."""
    try:
        envelope.kind_of(envelope.decode(LINES[index]))
    except Malformed as malformed:
        seen = malformed.kind
    else:
        seen = "understood"
    assert seen in {"understood", "not_json", "not_jsonrpc", "utf8", "too_deep"}


@given(st.binary() | st.text().map(str.encode) | JSON.map(written))
def test_any_bytes(message: bytes) -> None:
    """Any bytes are a message, which Python reads as an object too, or are refused."""
    try:
        found = envelope.decode(message)
        envelope.kind_of(found)
    except Malformed:
        return
    assert json.loads(message)["jsonrpc"] == "2.0"


@given(IDS, JSON, SPACES)
def test_payload_bytes_are_kept(request_id: int | str, payload: object, indent: int | None) -> None:
    """Id and payload come out as the very bytes that went in, white space included."""
    raw_id, raw = written(request_id, indent), written(payload, indent)
    found = envelope.decode(b'{"jsonrpc": "2.0", "id":%b, "result": %b}' % (raw_id, raw))
    assert bytes(found.id) == raw_id
    assert bytes(found.result) == raw
    assert envelope.kind_of(found) is Kind.RESULT
    assert envelope.is_request_id(bytes(found.id))


@given(st.text(), JSON, st.integers(0, 2**62), IDS)
def test_what_we_write_we_read(
    method: str, payload: object, request_id: int, their_id: int | str
) -> None:
    """Every kind we write reads back as itself, in one line, by our reader and by Python's."""
    raw, raw_id = written(payload), written(their_id)
    for message, kind, wanted in (
        (
            envelope.request(request_id, method, raw),
            Kind.REQUEST,
            {"id": request_id, "method": method, "params": payload},
        ),
        (
            envelope.notification(method, memoryview(raw)),
            Kind.NOTIFICATION,
            {"method": method, "params": payload},
        ),
        (envelope.result(raw_id, raw), Kind.RESULT, {"id": their_id, "result": payload}),
        (envelope.error(raw_id, memoryview(raw)), Kind.ERROR, {"id": their_id, "error": payload}),
    ):
        assert b"\n" not in message
        assert json.loads(message) == {"jsonrpc": "2.0", **wanted}
        assert envelope.kind_of(envelope.decode(message)) is kind


def test_params_may_be_left_out() -> None:
    """Without params the member is not there at all."""
    assert envelope.request(7, "ping", b"") == b'{"jsonrpc":"2.0","id":7,"method":"ping"}'
    assert envelope.notification("x", b"") == b'{"jsonrpc":"2.0","method":"x"}'


@given(st.integers(-(2**31), 2**31), st.text(), st.none() | JSON)
def test_error_object(code: int, message: str, data: object) -> None:
    """An error has code and message, and data only when there is some."""
    wanted = {"code": code, "message": message, **({} if data is None else {"data": data})}
    assert json.loads(envelope.error_object(code, message, data)) == wanted


@pytest.mark.parametrize(
    ("raw", "allowed"),
    [
        (b"0", True),
        (b"-1", True),
        (b"123456789012345678901234567890", True),
        (b'""', True),
        (b'"a"', True),
        (b"1.5", False),
        (b"1e5", False),
        (b"null", False),
        (b"true", False),
        (b"{}", False),
        (b"[1]", False),
    ],
)
def test_request_ids(raw: bytes, allowed: bool) -> None:
    """A request's id is a string or an integer (MCP 2025-11-25, basic#requests)."""
    assert envelope.is_request_id(raw) is allowed


def test_a_repeated_member_counts_last() -> None:
    """Of a member given twice the last counts, as for Python's reader and most others."""
    message = b'{"jsonrpc":"2.0","id":1,"id":2,"result":"a","result":"b"}'
    found = envelope.decode(message)
    assert (bytes(found.id), bytes(found.result)) == (b"2", b'"b"')
    assert json.loads(message)["id"] == 2
