"""Many browsers in a process of their own, so that their work is not the server's.

The process reads requests from its standard input and writes answers to its standard output, a line of JSON each.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from .light_browser import LightBrowser

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
        self._arrivals: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)

    async def open(self, count: int, stream: str | None = 'todos') -> None:
        """Open browsers of one tab each."""
        opening = asyncio.Semaphore(OPENING_AT_ONCE)

        async def open_one() -> None:
            async with opening:
                browser = LightBrowser(self._url, self._note)
                await browser.open(stream=stream)
                self._browsers.append(browser)

        await asyncio.gather(*(open_one() for _ in range(count)))

    async def follow(self, count: int) -> None:
        """Open so many further tabs in the first browser, carried by its socket."""
        browser = self._browsers[0]
        for _ in range(count):
            await browser.follow(browser.sockets[0])

    async def arrivals(self, version: int, stream: str = 'todos', count: int | None = None) -> dict[str, float]:
        """Wait until a version, or a later one, has reached all browsers.

        :return: ``last``, when it reached the last one, and ``bytes``, the length of the first message with it
        """
        expected = len(self._browsers) if count is None else count
        key = f'{stream} {version}'
        async with asyncio.timeout(ARRIVAL_TIMEOUT):
            while len(self._arrivals[key]) < expected:  # noqa: ASYNC110 - polled, so that receiving stays cheap
                await asyncio.sleep(0.002)
        found = self._arrivals.pop(key)
        return {'last': max(at for at, _ in found), 'bytes': found[0][1]}

    async def received(self) -> int:
        """Return how many bytes all sockets have received."""
        return sum(socket.received_bytes for browser in self._browsers for socket in browser.sockets)

    async def stall(self, count: int) -> None:
        """Have some browsers read nothing any more."""
        for browser in self._browsers[:count]:
            browser.sockets[0].stall()

    async def close(self) -> None:
        """Close all browsers."""
        for browser in self._browsers:
            await browser.close()
        self._browsers.clear()

    def _note(self, event: str, data: Any, at: float, size: int) -> None:
        if event == 'todosync_data':
            self._arrivals[f'{data["stream"]} {data["version"]}'].append((at, size))


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
