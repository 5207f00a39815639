"""A long way between browsers and a server: what is sent arrives later, or not at all."""

from __future__ import annotations

import asyncio
from typing import Self

from tests.server import RunningServer

CHUNK = 2**16


class LongWay:
    """Leads connections to a server, and delays what they carry. Use it as a context.

    :param server: the server

    Example::

        async with LongWay(server) as way:
            way.round_trip = 0.3
            await page.goto(way.url)
    """

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._listener: asyncio.Server
        self._writers: set[asyncio.StreamWriter] = set()
        self.round_trip = 0.0
        """Seconds to the server and back."""
        self.is_cut = False
        self.url = ''

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._carry, '127.0.0.1', 0)
        self.url = f'http://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}'
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """End all connections, and let no new one through until :attr:`is_cut` is false again."""
        self.is_cut = True
        for writer in self._writers:
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.close()
            return
        their_reader, their_writer = await asyncio.open_connection('127.0.0.1', self._server.port)
        both = {writer, their_writer}
        self._writers |= both
        await asyncio.gather(self._copy(reader, their_writer), self._copy(their_reader, writer), return_exceptions=True)
        self._writers -= both

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand on what comes, half a round trip later, in its order."""
        loop, last = asyncio.get_running_loop(), 0.0
        try:
            while data := await reader.read(CHUNK):
                last = max(last, loop.time() + self.round_trip / 2)
                loop.call_at(last, writer.write, data)
        finally:
            loop.call_at(max(last, loop.time()), writer.close)
