"""Many starts of one program in the same moment; ``python -m tests.faults.racers ROUNDS``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path

from tests.program import PROGRAM, START_LIMIT, STOP_LIMIT, Home

RACERS = 20
REFUSED = 3  # exit code of a start that found another instance


async def race(home: Home, racers: int = RACERS) -> list[str]:
    """Start so many at once, then end the winner; what was wrong, in words."""
    home.configure({})
    running = [
        await asyncio.create_subprocess_exec(
            *PROGRAM,
            "serve",
            *home.flags,
            env=home.environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(racers)
    ]
    try:
        async with asyncio.timeout(2 * START_LIMIT):
            return await _judge(running)
    finally:
        for process in running:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _judge(running: list[asyncio.subprocess.Process]) -> list[str]:
    wrong = []
    first_lines = await asyncio.gather(*(_first_line(process) for process in running))
    winners = [
        process for process, line in zip(running, first_lines, strict=True) if b"http://" in line
    ]
    if len(winners) != 1:
        wrong.append(f"{len(winners)} of {len(running)} starts won")
    losers = [process for process in running if process not in winners]
    for process in losers:
        _, told = await process.communicate()
        if process.returncode != REFUSED:
            wrong.append(f"a loser ended with {process.returncode}: {told.decode()[-300:]}")
        elif b"already runs with the data directory" not in told:
            wrong.append(f"a loser did not say why: {told.decode()[-300:]}")
    for process in winners:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_LIMIT):
            _, told = await process.communicate()
        if process.returncode != 0 or told:
            wrong.append(f"the winner ended with {process.returncode}: {told.decode()[-300:]}")
    return wrong


async def _first_line(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    return await process.stdout.readline()


def main(rounds: int) -> int:
    failed = 0
    for number in range(1, rounds + 1):
        with tempfile.TemporaryDirectory() as directory:
            Path(directory).chmod(0o700)
            wrong = asyncio.run(race(Home(Path(directory))))
        failed += bool(wrong)
        for words in wrong:
            sys.stdout.write(f"round {number}: {words}\n")
    good = rounds - failed
    sys.stdout.write(f"{good} of {rounds} rounds of {RACERS} starts had exactly one winner\n")
    return os.EX_OK if not failed else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
