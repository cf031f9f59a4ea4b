"""Owns a name on a message bus and leaves every call without an answer.

``python -m … ADDRESS NAME`` prints ``owned`` once it does, and lives until its input ends.
"""

from __future__ import annotations

import asyncio
import sys

from dbus_fast.aio import MessageBus
from dbus_fast.constants import MessageType


async def main(address: str, name: str) -> None:
    bus = await MessageBus(address).connect()
    # Whatever a handler calls handled gets no error from the library either.
    bus.add_message_handler(lambda message: message.message_type is MessageType.METHOD_CALL)
    await bus.request_name(name)
    sys.stdout.write("owned\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
