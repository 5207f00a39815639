"""The processor time of an idle server, and the time until it notices another process's commit."""

from __future__ import annotations

import asyncio
import sqlite3
import time

from tests.server import RunningServer

from .load import load
from .processes import cpu_seconds
from .report import Chapter, Figure, median, ms
from .servers import serving, serving_plain

BROWSERS = 500
PAUSE = 0.1


async def measure(short: bool) -> Chapter:
    """Measure an idle server, and commits by another process."""
    browsers, seconds, turns, rounds = (10, 1.0, 1, 5) if short else (BROWSERS, 10.0, 3, 50)
    async with serving('instrumented') as server, load(server.url) as browser_load:
        empty = await idle_share(server, seconds)
        await browser_load.call('open', count=1)
        delays = []
        for number in range(rounds):
            await browser_load.call('forget_news')
            committed_at = await asyncio.to_thread(_commit, server, f'by another process {number}')
            delays.append((await browser_load.call('news'))['last'] - committed_at)
            await asyncio.sleep(PAUSE)
        async with serving_plain(count=1) as plain_server, load(plain_server.url) as plain_load:
            await browser_load.call('open', count=browsers - 1)
            await plain_load.call('open', count=browsers, stream=None)
            shares = [
                (await idle_share(server, seconds), await idle_share(plain_server, seconds)) for _ in range(turns)
            ]
    busy, plain = (median(share) for share in zip(*shares, strict=True))
    return Chapter(
        'Idle, and commits by another process',
        f'Processor time of the server in intervals of {seconds:g} s in which nothing happens, in turns with '
        'a plain NiceGUI page that as many browsers show. *Another process* writes with '
        "Python's `sqlite3`; the time is from the end of its commit until a browser's socket has the change.",
        [
            Figure('idle server without browsers', _share(empty), '', '2 % of a core', empty < 0.02),
            Figure(
                f'idle server with {browsers} browsers',
                _share(busy),
                f'plain NiceGUI {_share(plain)}',
                '3.5 % of a core',
                busy <= 0.035,
            ),
            Figure(
                "another process's commit to a browser, p50",
                ms(median(delays)),
                'polling every 0.1 s: 52 ms',
                '10 ms',
                median(delays) < 0.01,
            ),
        ],
    )


async def idle_share(server: RunningServer, seconds: float) -> float:
    """Return how much of a core the server uses, as a share of 1."""
    await asyncio.sleep(1)
    before, began = cpu_seconds(server.pid), time.monotonic()
    await asyncio.sleep(seconds)
    return (cpu_seconds(server.pid) - before) / (time.monotonic() - began)


def _commit(server: RunningServer, title: str) -> float:
    connection = sqlite3.connect(server.storage / 'development.sqlite3')
    with connection:
        connection.execute('INSERT INTO todos(title) VALUES (?)', (title,))
    committed_at = time.monotonic()
    connection.close()
    return committed_at


def _share(value: float) -> str:
    return f'{value:.1%}'
