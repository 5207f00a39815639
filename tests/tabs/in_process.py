"""Sockets of the real Socket.IO server that lead nowhere: what is sent to them stays in their queues."""

from __future__ import annotations

import asyncio
from typing import Any

import engineio.async_socket
import orjson
import socketio


class InProcessSocket:
    """A socket that is connected to a server of this process, without a network between."""

    def __init__(self, sio: socketio.AsyncServer) -> None:
        self._sio = sio
        self._end = engineio.async_socket.AsyncSocket(sio.eio, sio.eio.generate_id())
        self._acknowledgements = 0
        self.sid = ''

    @classmethod
    async def connect(cls, sio: socketio.AsyncServer, query: str = '') -> InProcessSocket:
        socket = cls(sio)
        end = socket._end
        end.connected = True
        sio.eio.sockets[end.sid] = end
        environ = {'QUERY_STRING': query, 'asgi.scope': {'type': 'websocket', 'query_string': query.encode()}}
        await sio.eio.handlers['connect'](end.sid, environ)
        await socket.send('0')
        packet = await socket.receive()
        assert packet.startswith('0'), packet
        socket.sid = orjson.loads(packet[1:])['sid']
        return socket

    async def send(self, packet: str) -> None:
        await self._sio.eio.handlers['message'](self._end.sid, packet)

    async def receive(self) -> str:
        async with asyncio.timeout(20):
            return str((await self._end.queue.get()).data)

    async def call(self, event: str, data: Any) -> Any:
        self._acknowledgements += 1
        await self.send(f'2{self._acknowledgements}{orjson.dumps([event, data]).decode()}')
        while not (packet := await self.receive()).startswith(f'3{self._acknowledgements}['):
            pass
        return orjson.loads(packet[packet.index('[') :])[0]

    async def disconnect(self) -> None:
        await self._end.close(wait=False, abort=True)
        del self._sio.eio.sockets[self._end.sid]
