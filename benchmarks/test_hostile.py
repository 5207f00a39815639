"""A few seconds of hostile sockets; ``make hostile`` has more of them."""

from __future__ import annotations

import asyncio
import time

import pytest

from benchmarks import hostile
from benchmarks.processes import memory_bytes, open_files
from benchmarks.servers import post, serving_todos

SECONDS = 6.0
TIMEOUT = 90.0


@pytest.mark.long
async def test_strangers_leave_nothing_behind_and_disturb_nobody() -> None:
    async with serving_todos(5000, RECONNECT_TIMEOUT=hostile.FORGOTTEN_AFTER) as server:

        async def tasks() -> int:
            return int((await post(server, '/benchmark/counts'))['tasks'])

        honest = hostile.Honest(server)
        await honest.open()
        await honest.write_until(time.monotonic() + 1)
        before = await tasks(), open_files(server.pid), memory_bytes(server.pid)
        attacks, _ = await asyncio.gather(
            hostile.attack(server, SECONDS), honest.write_until(time.monotonic() + SECONDS)
        )
        assert len(attacks) == len(hostile.WAYS)
        assert max(honest.latencies) < hostile.LATENCY_LIMIT
        async with asyncio.timeout(TIMEOUT):
            while await tasks() > before[0] + 3 or open_files(server.pid) > before[1] + 3:  # noqa: ASYNC110 - in the server
                await asyncio.sleep(0.2)
        assert memory_bytes(server.pid) < before[2] + 2 * hostile.MEMORY_LIMIT
        await honest.write_until(time.monotonic() + 1)
        await honest.close()
        log = server.log_path.read_text()
    assert 'Traceback' not in log
    assert all(line.isprintable() for line in log.splitlines())
