"""The upstream of the benchmarks: a server that costs as little as one can.

``small`` answers with a short text, ``medium`` with 100 KB, ``large`` with a megabyte. Run:
``python -m tests.bench.echo [MORE]``; it then lists that many more tools, with words and a schema
of common size, which answer as ``small`` does. ``BENCH_CORE`` names the core it keeps to.
"""

from __future__ import annotations

import os
import sys

import msgspec

from tests.bench.process import pin

CORE = "BENCH_CORE"
VERSION = b"2025-11-25"
MEDIUM_TEXT = 100_000  # bytes
LARGE_TEXT = 1_000_000

_RESULT = b'{"content":[{"type":"text","text":"%b"}],"isError":false}'
_SMALL = _RESULT % b"pong"
_RESULTS = {
    b'"medium"': _RESULT % (b"x" * MEDIUM_TEXT),
    b'"large"': _RESULT % (b"x" * LARGE_TEXT),
}
_SCHEMA = b'{"type":"object","properties":{"text":{"type":"string"}}}'
_TOOL = b'{"name":"%b","description":"%b","inputSchema":%b}'
_COMMON_SCHEMA = (
    b'{"type":"object","properties":{"owner":{"type":"string","description":"Who owns the '
    b'repository: a person or an organisation."},"repository":{"type":"string","description":"Its '
    b'name, without the owner."},"title":{"type":"string","description":"One line that says what '
    b'it is about."},"labels":{"type":"array","items":{"type":"string"},"description":"Names of '
    b'labels that exist."}},"required":["owner","repository","title"]}'
)
_COMMON_WORDS = (
    b"Opens an issue in a repository and answers with its number and its address. Looks first "
    b"whether an open issue has the same title, and then answers with that one."
)
INITIALIZED = (
    b'{"protocolVersion":"%b","capabilities":{"tools":{}},'
    b'"serverInfo":{"name":"echo","version":"1"}}' % VERSION
)
_UNKNOWN = b'{"jsonrpc":"2.0","id":%b,"error":{"code":-32601,"message":"There is no such method."}}'


class Message(msgspec.Struct):
    """As much of a message as has to be known to answer it."""

    method: str = ""
    id: msgspec.Raw = msgspec.Raw()
    params: msgspec.Raw = msgspec.Raw()


read = msgspec.json.Decoder(Message).decode


def tool(name: bytes) -> bytes:
    """One of the tools of common size, as it is listed."""
    return _TOOL % (name, _COMMON_WORDS, _COMMON_SCHEMA)


def tools(more: int) -> bytes:
    """The result of tools/list."""
    own = ((b"small", b"Say a word."), (b"medium", b"Say more."), (b"large", b"Say much."))
    listed = [_TOOL % (name, words, _SCHEMA) for name, words in own]
    listed += [tool(b"open_issue_%d" % number) for number in range(more)]
    return b'{"tools":[%b]}' % b",".join(listed)


def answer(message: Message, listed: bytes) -> bytes:
    """What to answer to a request; nothing to a notification."""
    if not message.id:
        return b""
    match message.method:
        case "initialize":
            result = INITIALIZED
        case "tools/list":
            result = listed
        case "tools/call":
            params = bytes(message.params)
            result = next((each for name, each in _RESULTS.items() if name in params), _SMALL)
        case "ping":
            result = b"{}"
        case _:
            return _UNKNOWN % message.id
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (message.id, result)


def main() -> None:
    listed = tools(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    if CORE in os.environ:
        pin(os.getpid(), int(os.environ[CORE]))
    kept = b""
    while chunk := os.read(0, 1 << 18):
        *lines, kept = (kept + chunk).split(b"\n")
        answers = (answer(read(line), listed) for line in lines)
        _write(b"".join(b"%b\n" % each for each in answers if each))


def _write(data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(1, left) :]


if __name__ == "__main__":
    main()
