"""A few seconds of hostile sockets; ``make hostile`` has more of them."""

from __future__ import annotations

import asyncio
import statistics
import time

import pytest

from benchmarks import hostile, soak
from benchmarks.servers import serving_todos
from tests.server import RunningServer

SECONDS = 6.0
SETTLE = 1.0
TIMEOUT = 90.0
MORE = 3
"""How many files, threads and tasks may be there for other reasons, such as a job that is due."""
MEMORY_MORE = 3 * hostile.MEMORY_LIMIT
"""Bytes that the first seconds may leave: what grows once is not all there yet. What is kept of strangers is more."""


@pytest.mark.long
async def test_strangers_leave_nothing_behind_and_disturb_nobody() -> None:
    async with serving_todos(5000, RECONNECT_TIMEOUT=hostile.FORGOTTEN_AFTER) as server:
        await hostile.make_once(server)
        fresh = await soak.held(server, SETTLE)
        await hostile.attack(server, SECONDS / 2)
        before = await _held_as_at_first(server, fresh)
        honest = hostile.Honest(server)
        await honest.open()
        attacks, _ = await asyncio.gather(
            hostile.attack(server, SECONDS), honest.write_until(time.monotonic() + SECONDS)
        )
        await honest.write_until(time.monotonic() + 1)
        await honest.close()
        after = await _held_as_at_first(server, fresh)
        log = server.log_path.read_text()
    assert len(attacks) == len(hostile.WAYS)
    # the others that use this machine may delay one message; strangers who disturb would delay all
    assert statistics.median(honest.latencies) < hostile.LATENCY_LIMIT
    assert after.memory < before.memory + MEMORY_MORE
    assert 'Traceback' not in log
    assert all(line.isprintable() for line in log.splitlines())


async def _held_as_at_first(server: RunningServer, fresh: soak.Held) -> soak.Held:
    """Wait until the server has given up on the strangers, and return what it holds then."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        now = await soak.held(server, SETTLE)
        if now.files <= fresh.files + MORE and now.threads <= fresh.threads + MORE and now.tasks <= fresh.tasks + MORE:
            return now
        assert time.monotonic() < deadline, f'{fresh} has become {now}'
