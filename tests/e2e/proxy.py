"""A proxy between a browser and several processes, which does not keep the browser on one of them."""

from __future__ import annotations

import asyncio
import threading
from typing import Self

from tests.server import RunningServer


class Proxy:
    """Gives each new connection to one server, and closes the old ones that carry no WebSocket when that changes.

    :param server: the server
    :param of_sockets: gets the WebSockets, if it is another one
    """

    def __init__(self, server: RunningServer, of_sockets: RunningServer | None = None) -> None:
        self.server = server
        self.of_sockets = of_sockets
        self.url = ''
        self._idle: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        listener = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._carry, '127.0.0.1', 0), self._loop)
        self.url = f'http://127.0.0.1:{listener.result().sockets[0].getsockname()[1]}'
        return self

    def __exit__(self, *exception: object) -> None:
        asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def lead_to(self, server: RunningServer) -> None:
        """Give connections to another server from now on."""
        self.server = server
        self._loop.call_soon_threadsafe(self._close_idle)

    def _close_idle(self) -> None:
        for writer in self._idle:
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.read(2**16)
        is_socket = b'upgrade: websocket' in request.lower()
        server = self.of_sockets if is_socket and self.of_sockets else self.server
        if not is_socket:
            self._idle.add(writer)
        try:
            their_reader, their_writer = await asyncio.open_connection('127.0.0.1', server.port)
            their_writer.write(request)
            await asyncio.gather(_copy(reader, their_writer), _copy(their_reader, writer))
        except OSError:  # a server that is away, or one of the two has gone
            writer.close()
        finally:
            self._idle.discard(writer)


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.wait(others) if others else None


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(2**16):
        writer.write(data)
        await writer.drain()
    writer.close()
