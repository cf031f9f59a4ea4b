"""What the suite starts as its client: tells the test where the mock server is, and waits."""

from __future__ import annotations

import json
import os
import socket
import sys


def main() -> None:
    port, url = sys.argv[1:]
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    with socket.create_connection(("127.0.0.1", int(port))) as wire:
        wire.sendall(json.dumps({"url": url, "context": context}).encode() + b"\n")
        said = json.loads(wire.makefile().readline())
    sys.exit(said or 0)


if __name__ == "__main__":
    main()
