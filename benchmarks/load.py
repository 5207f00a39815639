"""Many browsers in a process of their own, so that their work does not count as the server's.

The process reads requests from its standard input and writes answers to its standard output, a line of JSON each.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any

import orjson

from tests.light_browser import LightBrowser

OPENING_AT_ONCE = 8
LINE_LIMIT = 2**24
ARRIVAL_TIMEOUT = 60.0


class Load:
    """Light browsers, and when which message reached how many of them.

    :param url: where the app is
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._browsers: list[LightBrowser] = []
        self._arrivals: defaultdict[int, list[float]] = defaultdict(list)
        self._news: list[tuple[float, int]] = []
        self._lags: list[float] = []
        self._strays = 0

    async def open(self, count: int, stream: str | None = 'todos') -> None:
        """Open browsers of one tab each."""
        opening = asyncio.Semaphore(OPENING_AT_ONCE)

        async def open_one() -> None:
            async with opening:
                browser = LightBrowser(self._url, self._note)
                await browser.open(stream=stream)
                self._browsers.append(browser)

        await asyncio.gather(*(open_one() for _ in range(count)))

    async def open_members(self, count: int, scopes: int) -> None:
        """Open browsers of one tab each, of a user each, who watch one of so many scopes."""
        opening = asyncio.Semaphore(OPENING_AT_ONCE)

        async def open_one(number: int) -> None:
            async with opening:
                scope = number % scopes + 1
                browser = LightBrowser(self._url, partial(self._note_member, scope), user=f'user {number}')
                await browser.open(f'/{scope}', stream='scoped_tasks', scopes=(scope,))
                self._browsers.append(browser)

        await asyncio.gather(*(open_one(number) for number in range(count)))

    async def members_reached(self, expected: int) -> dict[str, int]:
        """Wait for so many messages to members, and return how many have come to them, and to others."""
        async with asyncio.timeout(ARRIVAL_TIMEOUT):
            while len(self._news) < expected:  # noqa: ASYNC110 - polled, to keep receiving cheap
                await asyncio.sleep(0.002)
        return {'members': len(self._news), 'others': self._strays}

    async def follow(self, count: int) -> None:
        """Open so many further tabs in the first browser, carried by its socket."""
        browser = self._browsers[0]
        for _ in range(count):
            await browser.follow(browser.sockets[0])

    async def arrival(self, version: int) -> float:
        """Wait until the message of a version has reached all browsers, and return when it reached the last one."""
        async with asyncio.timeout(ARRIVAL_TIMEOUT):
            while len(self._arrivals[version]) < len(self._browsers):  # noqa: ASYNC110 - polled, to keep receiving cheap
                await asyncio.sleep(0.002)
        return max(self._arrivals.pop(version))

    async def forget_news(self) -> None:
        """Count messages from now on, for :meth:`news`, :meth:`news_count` and :meth:`lags`."""
        self._news.clear()
        self._lags.clear()
        self._strays = 0

    async def news_count(self) -> int:
        """Return how many messages of streams have come."""
        return len(self._news)

    async def lags(self, version: int) -> list[float]:
        """Wait until all browsers have a version; return how old each todo was when a browser got it, in seconds."""
        async with asyncio.timeout(ARRIVAL_TIMEOUT):
            while len(self._arrivals[version]) < len(self._browsers):  # noqa: ASYNC110 - polled, to keep receiving cheap
                await asyncio.sleep(0.01)
        return self._lags

    async def news(self) -> dict[str, float]:
        """Wait until each browser has received a message of a stream.

        :return: ``last``, when it reached the last one, and ``bytes``, the length of one message
        """
        async with asyncio.timeout(ARRIVAL_TIMEOUT):
            while len(self._news) < len(self._browsers):  # noqa: ASYNC110 - polled, to keep receiving cheap
                await asyncio.sleep(0.002)
        return {'last': max(at for at, _ in self._news), 'bytes': self._news[0][1]}

    async def received(self) -> int:
        """Return how many bytes all sockets have received."""
        return sum(socket.received_bytes for browser in self._browsers for socket in browser.sockets)

    async def stall(self, count: int) -> None:
        """Make some browsers stop reading."""
        for browser in self._browsers[:count]:
            browser.sockets[0].stall()

    async def close(self) -> None:
        """Close all browsers."""
        for browser in self._browsers:
            await browser.close()
        self._browsers.clear()

    def _note_member(self, scope: int, event: str, data: Any, at: float, size: int) -> None:
        if event == 'todosync_data' and 'base' in data:
            if data.get('scope') == scope:
                self._news.append((at, size))
            else:
                self._strays += 1

    def _note(self, event: str, data: Any, at: float, size: int) -> None:
        if event != 'todosync_data':
            return
        self._arrivals[data['version'][0]].append(at)
        self._news.append((at, size))
        if data.get('put') and len(self._news) % len(self._browsers) == 0:  # it is enough to measure one browser
            made_at = datetime.fromisoformat(data['put'][0]['created_at']).timestamp()
            self._lags.append(time.time() - made_at)


class RemoteLoad:
    """A :class:`Load` in another process; its methods are those of the load."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def call(self, method: str, **arguments: Any) -> Any:
        """Call a method of the load and return what it returns."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(orjson.dumps([method, arguments]) + b'\n')
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError('the load process has ended')
        answer = orjson.loads(line)
        if 'error' in answer:
            raise RuntimeError(f'the load failed: {answer["error"]}')
        return answer['result']


@asynccontextmanager
async def load(url: str) -> AsyncIterator[RemoteLoad]:
    """Run a load process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, '-m', __name__, url,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_LIMIT,
    )  # fmt: skip
    try:
        yield RemoteLoad(process)
    finally:
        process.kill()
        await process.wait()


async def serve(url: str) -> None:
    """Answer requests until the input ends."""
    requests = asyncio.StreamReader(limit=LINE_LIMIT)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    load = Load(url)
    while line := await requests.readline():
        method, arguments = orjson.loads(line)
        try:
            answer = {'result': await getattr(load, method)(**arguments)}
        except Exception as error:
            answer = {'error': f'{type(error).__name__}: {error}'}
        sys.stdout.buffer.write(orjson.dumps(answer) + b'\n')
        sys.stdout.buffer.flush()


if __name__ == '__main__':
    import uvloop

    uvloop.run(serve(sys.argv[1]))
