"""Tabs come and go while todos are written; measures what stays in the server afterwards."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass

from tests.light_browser import LightBrowser
from tests.server import RunningServer

from .processes import memory_bytes, open_files, threads
from .report import Chapter, Figure, size
from .servers import post, serving

BROWSERS_AT_ONCE = 10
TABS = 3
VISIT_TIME = 1.0
"""Seconds that each visit lasts. Without a limit, the memory would depend on the speed of the machine."""
FORGOTTEN_AFTER = 3.0
"""Seconds after which the server forgets a page; short, so that it happens in a short soak, too."""
OWN_READERS = 6
"""How many threads of the server may read the database while each browser writes."""
LEAST_ROUNDS = 4
MEMORY_LIMIT = 5e6


@dataclass(frozen=True)
class Held:
    """What the server holds.

    ``memory`` is what is in use. ``kept`` is the rest: what Python and glibc keep free, because it lies between what is
    used or is to be used again.
    """

    memory: int
    kept: int
    files: int
    threads: int
    tasks: int
    clients: int


async def measure(short: bool, minutes: float = 0) -> Chapter:
    """Have browsers come and go.

    :param minutes: for how long; in any case for some rounds, of a minute each if it is not to be short
    """
    seconds, settle = (2.0, 0.0) if short else (45.0, 15.0)
    began = time.monotonic()
    async with serving('instrumented', RECONNECT_TIMEOUT=FORGOTTEN_AFTER) as server:
        await post(server, '/benchmark/connections', count=BROWSERS_AT_ONCE + OWN_READERS)
        held_after: list[Held] = []
        visits = 0
        while len(held_after) < LEAST_ROUNDS or time.monotonic() < began + 60 * minutes:
            visits += await come_and_go(server, seconds)
            held_after.append(await held(server, settle))
            print(f'soak round {len(held_after)}: {visits} visits, {held_after[-1]}', file=sys.stderr)
    # the growth is counted from the second measurement: by then everything exists that is made only once. The files of
    # the database are opened before, because they stay open for the largest number of readers that there ever was
    before, after = held_after[1], held_after[-1]
    growth = after.memory - before.memory
    return Chapter(
        'Soak',
        f'{BROWSERS_AT_ONCE} browsers at a time, each with {TABS} tabs over one socket, open the page, write, and go '
        f'after {VISIT_TIME:g} s: {visits:,} visits in {(time.monotonic() - began) / 60:.0f} minutes. What the server '
        f'holds when they are forgotten, which they are after each {seconds:g} s, and how much more that is than after '
        'the second time.',
        [
            Figure('memory in use', size(after.memory), f'{growth / 1e6:+.1f} MB', 'no growth', growth < MEMORY_LIMIT),
            _figure('files and sockets', before.files, after.files),
            _figure('threads', before.threads, after.threads),
            _figure('tasks', before.tasks, after.tasks),
            _figure('pages', before.clients, after.clients),
        ],
    )


async def come_and_go(server: RunningServer, seconds: float) -> int:
    """Have browsers come and go, and return how many have."""
    until = time.monotonic() + seconds
    visits = 0

    async def visit_again_and_again() -> None:
        nonlocal visits
        while time.monotonic() < until:
            time_to_go = asyncio.create_task(asyncio.sleep(VISIT_TIME))
            browser = LightBrowser(server.url)
            leader = await browser.open()
            for _ in range(TABS - 1):
                await browser.follow(leader)
            todo = await asyncio.to_thread(server.add, 'Buy milk')
            await asyncio.to_thread(server.request, 'DELETE', f'/todos/{todo["id"]}')
            await time_to_go
            await browser.close()
            visits += 1

    await asyncio.gather(*(visit_again_and_again() for _ in range(BROWSERS_AT_ONCE)))
    return visits


async def held(server: RunningServer, settle: float) -> Held:
    """Wait until all pages are forgotten, and return what is left.

    :param settle: seconds until the last ping that was due to a closed socket has been given up, too
    """
    counts = await post(server, '/benchmark/counts')
    while counts['clients']:
        await asyncio.sleep(1)
        counts = await post(server, '/benchmark/counts')
    await asyncio.sleep(settle)
    counts = await post(server, '/benchmark/counts')
    memory = await post(server, '/benchmark/memory')
    return Held(
        memory, max(0, memory_bytes(server.pid) - memory), open_files(server.pid), threads(server.pid), **counts
    )


def _figure(name: str, before: int, after: int) -> Figure:
    return Figure(name, str(after), f'{after - before:+d}', 'no growth', after <= before + 2)
