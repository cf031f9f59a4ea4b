"""Owns the name of the notification daemon and answers nothing: ``python -m … ADDRESS``.

Prints ``owned`` once it does, and lives until its input ends.
"""

from __future__ import annotations

import asyncio
import sys

from dbus_fast.aio import MessageBus

from tests.fakes.tray_host import NOTIFICATIONS


async def main(address: str) -> None:
    bus = await MessageBus(address).connect()
    await bus.request_name(NOTIFICATIONS)
    sys.stdout.write("owned\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
