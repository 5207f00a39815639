"""Hostile sockets beside honest tabs: ``make hostile MINUTES=60``.

A program of its own attacks the server as strangers may: it floods, sends odd frames and requests, and reads and writes
slowly. Beside it, honest tabs are shown what is written. Measured are their latency, and what the server holds before
and after, when all strangers are gone.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

from tests.light_browser import LightBrowser
from tests.light_socket import LightSocket
from tests.server import ROOT, RunningServer

from .report import Chapter, Figure, ms, percentile, size, table
from .servers import post, serving_todos
from .soak import FORGOTTEN_AFTER, Held, held

TODOS = 20_000
HONEST = 5
WRITE_INTERVAL = 0.5
EACH_AT_ONCE = 2
"""How many strangers attack in each way at a time."""
LEAST_ROUNDS = 3
ROUND_MINUTES = 10
"""How long a round is at most. After each the server is looked at."""
PAUSE = 0.05
SETTLE = 45.0
"""Seconds until the server has given up on the last stranger."""
MEMORY_LIMIT = 5e6
KEPT_LIMIT = 200e6
LATENCY_LIMIT = 5.0
EXCERPT = 500
"""How many characters of the log are shown before a traceback."""
READERS = 16
"""How many threads of the server read the database at once before the first measurement: more than its pool keeps."""
ARRIVAL_TIMEOUT = 60.0
"""Seconds after the last write within which the honest tabs must have everything."""
EVENTS = ('todosync_hello', 'todosync_join', 'todosync_up', 'todosync_fetch', 'todosync_leave', 'todosync_probe')
EVENTS_OF_NICEGUI = ('handshake', 'event', 'javascript_response', 'ack', 'log')
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 2**70, 1e308, '', 'x' * 2000, '\0\x1b[2J\n'),
    *([], [[]], {}, {'client_id': {}}),
)
ODD_PACKETS = (
    *(b'', b'4', b'42', b'42[', b'42["a"', b'42[]', b'42{}', b'42[null]', b'429999999999999999["a",1]'),
    *(b'43', b'431[', b'44', b'45', b'46', b'49', b'7', b'x', b'\xc3\xa9', b'40{"a"', b'42/other,["event"]'),
    *(b'451-["event",{"_placeholder":true,"num":0}]', b'459999999999-["event",{}]', b'41', b'1', b'5', b'2probe', b'6'),
)
POLLED = ('43', '9', '1', '3')
ODD_REQUESTS = (
    b'\0\0\0\0',
    b'GET\r\n\r\n',
    b'GET / HTTP/9.9\r\n\r\n',
    b'GET /%0a%1b[2J HTTP/1.1\r\nHost: a\r\n\r\n',
    b'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n',
    b'PATCH /todos/%00 HTTP/1.1\r\nHost: a\r\n\r\n',
    b'POST /todos HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{]',
    b'GET / HTTP/1.1\r\nCookie: session=x\r\n\r\n',
)
FIELDS = ('client_id', 'document_id', 'tab_id', 'tab', 'stream', 'version', 'number', 'event', 'data', 'link_number')


class Stranger:
    """Attacks a server until a moment.

    :param url: the server's
    :param until: ``time.monotonic()`` of the end
    :param chance: makes what is sent
    """

    def __init__(self, url: str, until: float, chance: random.Random) -> None:
        self._url = url
        self._address = urlsplit(url)
        self._until = until
        self._chance = chance
        self.attacks: dict[str, int] = {}

    async def attack(self) -> None:
        """Attack in all ways at once."""
        await asyncio.gather(*(self._again_and_again(way) for way in WAYS for _ in range(EACH_AT_ONCE)))

    async def ask_without_reading(self) -> None:
        """Ask for the list many times, and read nothing."""
        async with self._own_page() as (socket, page):
            with suppress(ConnectionError, TimeoutError):
                await socket.call('todosync_hello', page.handshake)
            socket.stall()
            for _ in range(1000):
                socket.emit('todosync_fetch', {'stream': 'todos', 'version': None})
            await self._sleep(3)

    async def send_odd_events(self) -> None:
        """Send all events with odd contents."""
        async with self._own_page() as (socket, page):
            for event in (*EVENTS, *EVENTS_OF_NICEGUI):
                for value in ODD_VALUES:
                    data = dict.fromkeys(FIELDS, value) | self._chance.choice(({}, {'client_id': page.client_id}))
                    with suppress(TypeError):  # what JSON cannot say
                        socket.emit(event, self._chance.choice((value, data, {})))
            await self._sleep(0.5)

    async def send_odd_packets(self) -> None:
        """Send what is no event."""
        for packet in ODD_PACKETS:
            async with self._socket() as socket:
                socket.send(packet)
                socket.send_frame(0x2, packet)
                socket.send_frame(self._chance.randrange(16), packet)

    async def ping_without_reading(self) -> None:
        """Send WebSocket's own pings, and read none of the answers."""
        async with self._socket() as socket:
            socket.stall()
            for _ in range(5000):
                socket.send_frame(0x9, b'x' * 100)
            await self._sleep(1)

    async def send_attachments(self) -> None:
        """Announce attachments of events, and send them."""
        async with self._socket() as socket:
            socket.send(b'4599-["event",{"_placeholder":true,"num":0}]')
            for _ in range(20):
                socket.send_frame(0x2, b'x' * 200_000)
            await self._sleep(0.5)

    async def send_long_logs(self) -> None:
        """Have the server log."""
        async with self._own_page() as (socket, page):
            for level in ('error', 'warning', 'nonsense'):
                socket.emit('log', {'client_id': page.client_id, 'level': level, 'message': '\x1b[2J\n' * 150_000})
            await self._sleep(0.5)

    async def connect_with_long_ids(self) -> None:
        """Connect as pages that do not exist."""
        for name in ('client_id', 'tab_id', 'document_id', 'sid', 'link_number'):
            async with self._socket(f'&implicit_handshake=true&{name}={"x" * 30_000}'):
                pass

    async def poll_without_end(self) -> None:
        """Begin sockets that poll, and leave them."""
        async with httpx.AsyncClient(base_url=self._url) as http:
            path = '/_nicegui_ws/socket.io/?EIO=4&transport=polling'
            for number in range(20):
                answer = await http.get(path)
                sid = orjson.loads(answer.text[1:])['sid']
                packets = ['40', '42["todosync_fetch",{}]', '42[', POLLED[number % len(POLLED)]]
                await http.post(f'{path}&sid={sid}', content='\x1e'.join(packets))
                if number % 4 == 0:
                    await http.post(f'{path}&sid={sid}', content='40')
                await http.get(f'{path}&sid=%0a{{"level":"ERROR"}}')

    async def send_endless_heads(self) -> None:
        """Send requests whose address or headers do not end."""
        for start in (b'GET /', b'GET / HTTP/1.1\r\nA: ', b'GET / HTTP/1.1\r\nA'):
            async with self._connection() as (_, writer):
                writer.write(start)
                for _ in range(50):
                    writer.write(b'x' * 2**16)
                    await writer.drain()

    async def send_slow_heads(self) -> None:
        """Begin many requests, and do not go on."""
        await self._hold(b'GET / HTTP/1.1\r\nHost: a\r\nA: ')

    async def send_slow_bodies(self) -> None:
        """Begin many bodies, and do not go on."""
        await self._hold(b'POST /todos HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx')

    async def send_large_bodies(self) -> None:
        """Send bodies that are larger than allowed."""
        for path in ('/_nicegui/todosync/session', '/todos', '/'):
            head = f'POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n'.encode()
            async with self._connection() as (_, writer):
                writer.write(head)
                for _ in range(300):
                    writer.write(b'x' * 2**16)
                    await writer.drain()

    async def read_slowly(self) -> None:
        """Ask for what is long, and read a little of it."""
        for path in ('/todos', '/todos/export.json', '/'):
            async with self._connection() as (reader, writer):
                writer.write(f'GET {path} HTTP/1.1\r\nHost: a\r\n\r\n'.encode() * 3)
                await reader.read(1000)
                await self._sleep(1)

    async def send_odd_requests(self) -> None:
        """Send what is no request, or one for something odd."""
        for request in ODD_REQUESTS:
            async with self._connection() as (reader, writer):
                writer.write(request)
                await reader.read(1000)

    async def _again_and_again(self, way: Callable[[Stranger], Awaitable[None]]) -> None:
        while time.monotonic() < self._until:
            with suppress(OSError, TimeoutError, httpx.HTTPError, AssertionError, ValueError):  # it is refused
                async with asyncio.timeout(max(1.0, self._until - time.monotonic())):
                    await way(self)
            self.attacks[way.__name__] = self.attacks.get(way.__name__, 0) + 1
            await self._sleep(PAUSE)

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, min(seconds, self._until - time.monotonic())))

    async def _hold(self, start: bytes) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(self._hold_one(start))

    async def _hold_one(self, start: bytes) -> None:
        with suppress(OSError):
            async with self._connection() as (_, writer):
                writer.write(start)
                await self._sleep(5)

    @asynccontextmanager
    async def _own_page(self) -> Any:
        browser = LightBrowser(self._url)
        try:
            page = await browser.load('/')
            query = '&'.join(f'{name}={value}' for name, value in page.handshake.items())
            async with self._socket(f'&{query}') as socket:
                yield socket, page
        finally:
            await browser.close()

    @asynccontextmanager
    async def _socket(self, query: str = '') -> Any:
        path = f'/_nicegui_ws/socket.io/?EIO=4&transport=websocket{query}'
        assert self._address.hostname
        assert self._address.port
        socket = await LightSocket.connect(self._address.hostname, self._address.port, path)
        try:
            yield socket
        finally:
            socket.abort()

    @asynccontextmanager
    async def _connection(self) -> Any:
        reader, writer = await asyncio.open_connection(self._address.hostname, self._address.port)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


WAYS = (
    Stranger.ask_without_reading,
    Stranger.send_odd_events,
    Stranger.send_odd_packets,
    Stranger.ping_without_reading,
    Stranger.send_attachments,
    Stranger.send_long_logs,
    Stranger.connect_with_long_ids,
    Stranger.poll_without_end,
    Stranger.send_endless_heads,
    Stranger.send_slow_heads,
    Stranger.send_slow_bodies,
    Stranger.send_large_bodies,
    Stranger.read_slowly,
    Stranger.send_odd_requests,
)


class Honest:
    """Tabs that are shown what is written.

    :param server: the server
    """

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._written: dict[str, tuple[float, int]] = {}
        self._browsers: list[LightBrowser] = []
        self.latencies: list[float] = []

    async def open(self) -> None:
        """Open the tabs."""
        for _ in range(HONEST):
            browser = LightBrowser(self._server.url, self._note)
            self._browsers.append(browser)
            await browser.follow(await browser.open())

    async def write_until(self, until: float) -> None:
        """Write again and again, and note when the tabs have it."""
        async with httpx.AsyncClient(base_url=self._server.url, timeout=30) as http:
            for number in itertools.count():
                if time.monotonic() > until:
                    break
                title = f'honest {number}'
                self._written[title] = time.monotonic(), HONEST
                added = await http.post('/todos', json={'todo': {'title': title}})
                await asyncio.sleep(WRITE_INTERVAL)
                await http.delete(f'/todos/{added.json()["id"]}')
        deadline = time.monotonic() + ARRIVAL_TIMEOUT
        while self._written:
            assert time.monotonic() < deadline, f'honest tabs were not shown {self._written}'
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Close the tabs."""
        for browser in self._browsers:
            await browser.close()

    def _note(self, event: str, data: Any, at: float, size: int) -> None:
        for row in data.get('put') or () if event == 'todosync_data' else ():
            if known := self._written.get(row['title']):
                began, missing = known
                self.latencies.append(at - began)
                if missing == 1:
                    del self._written[row['title']]
                else:
                    self._written[row['title']] = began, missing - 1


async def measure(minutes: float, settle: float = SETTLE) -> Chapter:
    """Attack a server beside honest tabs.

    :param minutes: for how long
    :param settle: seconds from the end of the attack to the second measurement
    """
    async with serving_todos(TODOS, RECONNECT_TIMEOUT=FORGOTTEN_AFTER) as server:
        await make_once(server)
        attacks: Counter[str] = Counter()
        rounds = max(LEAST_ROUNDS, round(minutes / ROUND_MINUTES))
        held_after: list[Held] = []
        for _ in range(rounds):
            honest = Honest(server)
            attacks.update(await _attack_beside(honest, server, 60 * minutes / rounds))
            held_after.append(await held(server, settle))
            print(f'round {len(held_after)}: {held_after[-1]}', file=sys.stderr)
        # what is held at most decides which memory can be used again, so the first half of the rounds is no measure
        before, after = held_after[rounds // 2], held_after[-1]
        log = server.log_path.read_text()
    before_first, *tracebacks = log.split('Traceback (most recent call last)')
    if tracebacks:
        print(before_first[-EXCERPT:], tracebacks[0][: 10 * EXCERPT], file=sys.stderr)
    ways = ', '.join(f'{name} {count}' for name, count in sorted(attacks.items()))
    return Chapter(
        'Hostile sockets',
        f'Strangers attack for {minutes:g} minutes, beside {HONEST} honest browsers, in {rounds} rounds; '
        f'growth is counted from the end of round {rounds // 2 + 1}. How often in each way: {ways}.',
        [
            *_growth(before, after),
            Figure('tracebacks in the log', str(len(tracebacks)), size(len(log)), 'none', not tracebacks),
            _latency(honest.latencies),
        ],
    )


async def _attack_beside(honest: Honest, server: RunningServer, seconds: float) -> dict[str, int]:
    await honest.open()
    attacks, _ = await asyncio.gather(attack(server, seconds), honest.write_until(time.monotonic() + seconds))
    await honest.close()
    return attacks


def _growth(before: Held, after: Held) -> Iterator[Figure]:
    growth = after.memory - before.memory
    yield Figure('memory in use', size(after.memory), f'{growth / 1e6:+.1f} MB', 'no growth', growth < MEMORY_LIMIT)
    kept = f'{(after.kept - before.kept) / 1e6:+.1f} MB'
    yield Figure(
        'kept free by Python and glibc', size(after.kept), kept, f'under {size(KEPT_LIMIT)}', after.kept < KEPT_LIMIT
    )
    for name, then, now in (
        ('files and sockets', before.files, after.files),
        ('threads', before.threads, after.threads),
        ('tasks', before.tasks, after.tasks),
        ('pages', before.clients, after.clients),
    ):
        yield Figure(name, str(now), f'{now - then:+d}', 'no growth', now <= then + 3)


def _latency(latencies: list[float]) -> Figure:
    longest = max(latencies)
    return Figure(
        'from a write to honest tabs',
        ms(statistics.median(latencies)),
        f'p95 {ms(percentile(latencies, 95))}, longest {ms(longest)}',
        f'under {ms(LATENCY_LIMIT)}',
        longest < LATENCY_LIMIT,
    )


async def make_once(server: RunningServer) -> None:
    """Have the server make what it makes only once: the threads and the connections of its pools."""
    await post(server, '/benchmark/connections', count=READERS)


async def attack(server: RunningServer, seconds: float) -> dict[str, int]:
    """Attack a server from a program of its own, and return how often in each way."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, '-m', 'benchmarks.hostile', '--attack', server.url, '--minutes', str(seconds / 60),
        stdout=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, 'the attack ended with an error'
    return dict(orjson.loads(output))


def main() -> None:
    """Attack a server, or measure how one stands it."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.hostile', description=__doc__)
    parser.add_argument('--minutes', type=float, default=60.0)
    parser.add_argument('--attack', metavar='URL', help='attack the server with this address, and do nothing else')
    arguments = parser.parse_args()
    if arguments.attack:
        stranger = Stranger(arguments.attack, time.monotonic() + 60 * arguments.minutes, random.Random(1))
        asyncio.run(stranger.attack())
        print(orjson.dumps(stranger.attacks).decode())
    else:
        chapter = asyncio.run(measure(arguments.minutes))
        print(f'{chapter.method}\n\n{table(chapter.figures)}')
        sys.exit(0 if all(figure.reached for figure in chapter.figures) else 1)


if __name__ == '__main__':
    main()
