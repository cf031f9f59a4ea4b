"""The upstream of the benchmarks: a server of two tools that costs as little as one can.

``small`` answers with a short text, ``large`` with a megabyte. Run: ``python -m tests.bench.echo``.
"""

from __future__ import annotations

import os

import msgspec

SMALL = b'{"content":[{"type":"text","text":"%b"}],"isError":false}'
LARGE_TEXT = 1_000_000  # bytes

_SCHEMA = b'{"type":"object","properties":{"text":{"type":"string"}}}'
_ANSWERS = {
    "initialize": b'{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},'
    b'"serverInfo":{"name":"echo","version":"1"}}',
    "tools/list": b'{"tools":[{"name":"small","description":"Say a word.","inputSchema":%b},'
    b'{"name":"large","description":"Say much.","inputSchema":%b}]}' % (_SCHEMA, _SCHEMA),
}
_SMALL = SMALL % b"pong"
_LARGE = SMALL % (b"x" * LARGE_TEXT)


class _Message(msgspec.Struct):
    method: str
    id: msgspec.Raw = msgspec.Raw()
    params: msgspec.Raw = msgspec.Raw()


_decoder = msgspec.json.Decoder(_Message)


def main() -> None:
    kept = b""
    while chunk := os.read(0, 1 << 18):
        *lines, kept = (kept + chunk).split(b"\n")
        _write(b"".join(map(_answer, lines)))


def _answer(line: bytes) -> bytes:
    message = _decoder.decode(line)
    if not message.id:
        return b""  # a notification
    answer = _ANSWERS.get(message.method)
    if answer is None:
        answer = _LARGE if b'"large"' in bytes(message.params) else _SMALL
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}\n' % (message.id, answer)


def _write(data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(1, left) :]


if __name__ == "__main__":
    main()
