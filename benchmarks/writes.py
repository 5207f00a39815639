"""Writes over REST, as fast as they are answered."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass

import orjson

from tests.server import RunningServer

from .load import load
from .processes import memory_bytes
from .report import Chapter, Figure, median, ms, percentile, size
from .servers import serving

CONNECTIONS = 8
BROWSERS = 20
RATE_SHARE = 0.7
"""The share of the bare endpoint's rate that must be reached."""
MAX_LAG = 0.25


@dataclass
class Written:
    """What a number of connections wrote."""

    answered: int = 0
    refused: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        return self.answered / self.seconds


async def measure(short: bool) -> Chapter:
    """Measure the rate of writes, and their effect on browsers and memory."""
    seconds, turns, count = (1.0, 1, 2) if short else (60.0, 6, BROWSERS)
    bare, ours = Written(), Written()
    async with serving('bare_api') as bare_server, serving('instrumented') as server, load(server.url) as browsers:
        await browsers.call('open', count=count)
        await write(bare_server, Written(), seconds / turns)
        await write(server, ours, seconds / turns)
        before, written_before = memory_bytes(server.pid), ours.answered
        ours.seconds = ours.answered = 0
        await browsers.call('forget_news')
        for _ in range(turns):  # in turns, so that other work on the machine slows down both alike
            await write(bare_server, bare, seconds / turns)
            await write(server, ours, seconds / turns)
        lags = await browsers.call('lags', version=written_before + ours.answered)
        messages = await browsers.call('news_count') / count
        growth = (memory_bytes(server.pid) - before) / ours.answered
        missing = written_before + ours.answered - len(await asyncio.to_thread(server.todos))
    slowest = percentile(lags, 99)
    return Chapter(
        'Writes over REST',
        f'{CONNECTIONS} connections insert todos for {seconds:g} s, each as soon as its last one is answered, with '
        f'{count} browsers connected, in turns with a bare FastAPI + SQLModel endpoint on the same kind of SQLite file '
        '(WAL, synchronous=FULL). *Behind*: from when a todo was made until a socket has it.',
        [
            Figure(
                'writes per second',
                f'{ours.rate:.0f} ({ours.rate / bare.rate:.0%})',
                f'bare endpoint {bare.rate:.0f}',
                f'{RATE_SHARE:.0%} of bare',
                ours.rate >= RATE_SHARE * bare.rate,
            ),
            Figure('writes refused / missing', f'{ours.refused} / {missing}', '', '0 / 0', ours.refused + missing == 0),
            Figure(
                'browsers behind, p50 / p99', f'{ms(median(lags))} / {ms(slowest)}', '', ms(MAX_LAG), slowest < MAX_LAG
            ),
            Figure('writes per message', f'{ours.answered / messages:.1f}', '', 'coalesced', ours.answered > messages),
            Figure('memory growth per todo written', size(growth), 'a row of the list is about 1 kB'),
        ],
    )


async def write(server: RunningServer, written: Written, seconds: float) -> None:
    """Insert todos for some seconds."""
    began = time.monotonic()
    await asyncio.gather(*(_write_one_by_one(server, written, began + seconds) for _ in range(CONNECTIONS)))
    written.seconds += time.monotonic() - began


async def _write_one_by_one(server: RunningServer, written: Written, until: float) -> None:
    reader, writer = await asyncio.open_connection('127.0.0.1', server.port)
    body = orjson.dumps({'todo': {'title': 'Buy milk'}})
    request = (
        f'POST /todos HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n'
        f'Content-Length: {len(body)}\r\n\r\n'
    ).encode() + body
    while time.monotonic() < until:
        writer.write(request)
        head = await reader.readuntil(b'\r\n\r\n')
        length = re.search(rb'content-length: (\d+)', head, re.IGNORECASE)
        assert length, head
        await reader.readexactly(int(length[1]))
        if head.startswith(b'HTTP/1.1 201'):
            written.answered += 1
        else:
            written.refused += 1
    writer.close()
