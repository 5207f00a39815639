"""Writes over REST and through the sockets of browsers, as fast as they are answered."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import orjson

from tests.light_browser import LightBrowser
from tests.light_socket import LightSocket
from tests.server import RunningServer
from todosync.ids import IdMaker
from todosync.writes import BATCH_LIMIT

from .load import load
from .processes import memory_bytes
from .report import Chapter, Figure, median, ms, percentile, size
from .servers import serving

CONNECTIONS = 8
BROWSERS = 20
RATE_SHARE = 0.7
"""The share of the bare endpoint's rate that must be reached."""
MAX_LAG = 0.25
SOCKET_SHARE = 1.5
"""How many times the rate of REST must be reached through sockets."""
make_id = IdMaker()


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
        by_rest, by_sockets = await compare(server, seconds / 2, turns)
    slowest = percentile(lags, 99)
    return Chapter(
        'Writes over REST and through sockets',
        f'{CONNECTIONS} connections insert todos for {seconds:g} s, each as soon as its last one is answered, with '
        f'{count} browsers connected, in turns with a bare FastAPI + SQLModel endpoint on the same kind of SQLite file '
        '(WAL, synchronous=FULL). *Behind*: from when a todo was made until a socket has it. *Through sockets*: '
        f'{CONNECTIONS} browsers send what waits in their queues, {BATCH_LIMIT} inserts at a time, in turns with REST.',
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
            Figure(
                'writes per second through sockets',
                f'{by_sockets.rate:.0f} ({by_sockets.rate / by_rest.rate:.1f} times)',
                f'REST {by_rest.rate:.0f}',
                f'{SOCKET_SHARE:g} times REST',
                by_sockets.rate >= SOCKET_SHARE * by_rest.rate and by_sockets.refused == 0,
            ),
        ],
    )


async def write(server: RunningServer, written: Written, seconds: float) -> None:
    """Insert todos for some seconds."""
    began = time.monotonic()
    await asyncio.gather(*(_write_one_by_one(server, written, began + seconds) for _ in range(CONNECTIONS)))
    written.seconds += time.monotonic() - began


async def compare(server: RunningServer, seconds: float, turns: int) -> tuple[Written, Written]:
    """Insert todos over REST and through sockets, in turns."""
    by_rest, by_sockets = Written(), Written()
    async with AsyncExitStack() as stack:
        queues = []
        for _ in range(CONNECTIONS):
            browser = LightBrowser(server.url)
            stack.push_async_callback(browser.close)
            queues.append(Queue(await browser.open()))
        for _ in range(turns):
            await write(server, by_rest, seconds / turns)
            began = time.monotonic()
            await asyncio.gather(*(queue.send(by_sockets, began + seconds / turns) for queue in queues))
            by_sockets.seconds += time.monotonic() - began
    return by_rest, by_sockets


class Queue:
    """What waits in a browser.

    :param socket: that of the browser
    """

    def __init__(self, socket: LightSocket) -> None:
        self._socket = socket
        self._id = secrets.token_hex(16)
        self._sequence = 0

    async def send(self, written: Written, until: float) -> None:
        """Insert todos for some time, each batch as soon as the last one is answered."""
        while time.monotonic() < until:
            confirmed = self._sequence
            batch = {'queue': self._id, 'confirmed': confirmed, 'writes': [self._insert() for _ in range(BATCH_LIMIT)]}
            answer = await self._socket.call('todosync_write', batch)
            done = sum(outcome['state'] == 'done' for outcome in answer.get('outcomes', []))
            written.answered += done
            written.refused += BATCH_LIMIT - done

    def _insert(self) -> dict[str, Any]:
        self._sequence += 1
        values = {'title': 'Buy milk'}
        return {'sequence': self._sequence, 'stream': 'todos', 'action': 'insert', 'id': make_id(), 'values': values}


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
