"""A browser's socket without a browser: the parts of WebSocket, Engine.IO and Socket.IO that a client needs.

Written out rather than taken from a library, so that a thousand of them fit into one load process and its own work does
not drown what is measured.
"""

from __future__ import annotations

import asyncio
import base64
import os
import struct
import time
from collections.abc import Callable
from typing import Any

import orjson

Listener = Callable[[str, Any, float, int], None]
"""Called with the event, its data, when it came (``time.monotonic``), and how many bytes it took on the wire."""

CONNECT_TIMEOUT = 60.0
LARGEST_SHORT_LENGTH = 125
MASK = b'\0\0\0\0'
"""A client must mask its frames. A mask of zeros costs nothing."""


class LightSocket(asyncio.Protocol):
    """One Socket.IO connection over a WebSocket.

    :param listener: called with each event
    """

    def __init__(self, listener: Listener = lambda event, data, at, size: None) -> None:
        self.listener = listener
        self.sid = ''
        self.received_bytes = 0
        self.is_open = False
        self._is_lost = False
        self._transport: asyncio.Transport
        self._buffer = b''
        self._upgraded = False
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._acknowledgements: dict[int, asyncio.Future[Any]] = {}
        self._last_acknowledgement = 0

    @classmethod
    async def connect(
        cls, host: str, port: int, path: str, *, listener: Listener | None = None, cookie: str = ''
    ) -> LightSocket:
        """Open a connection and wait until Socket.IO has accepted it.

        :param path: with the query, as in ``/socket.io/?EIO=4&transport=websocket``
        """
        socket = cls(listener) if listener else cls()
        await asyncio.get_running_loop().create_connection(lambda: socket, host, port)
        try:
            await socket.shake_hands(host, port, path, cookie)
        except BaseException:
            socket.abort()
            raise
        return socket

    async def shake_hands(self, host: str, port: int, path: str, cookie: str) -> None:
        """Ask for a WebSocket, and wait until Socket.IO has accepted it."""
        key = base64.b64encode(os.urandom(16)).decode()
        headers = [
            f'GET {path} HTTP/1.1',
            f'Host: {host}:{port}',
            'Upgrade: websocket',
            'Connection: Upgrade',
            f'Sec-WebSocket-Key: {key}',
            'Sec-WebSocket-Version: 13',
            *([f'Cookie: {cookie}'] if cookie else []),
        ]
        self._transport.write(('\r\n'.join(headers) + '\r\n\r\n').encode())
        await asyncio.wait_for(self._ready, CONNECT_TIMEOUT)

    def emit(self, event: str, data: Any) -> None:
        """Send an event."""
        self.send(b'42' + orjson.dumps([event, data]))

    async def call(self, event: str, data: Any) -> Any:
        """Send an event and return the answer."""
        self._last_acknowledgement += 1
        number = self._last_acknowledgement
        self._acknowledgements[number] = asyncio.get_running_loop().create_future()
        self.send(b'42%d' % number + orjson.dumps([event, data]))
        return await asyncio.wait_for(self._acknowledgements[number], CONNECT_TIMEOUT)

    def stall(self) -> None:
        """Stop reading, like a browser without a network."""
        self._transport.pause_reading()

    def recover(self) -> None:
        """Read again."""
        self._transport.resume_reading()

    def close(self) -> None:
        """End the connection."""
        self._transport.close()

    def abort(self) -> None:
        """End the connection without a closing message, like a browser that crashes."""
        if not self._is_lost:  # asyncio's own loop fails where a closed connection is aborted
            self._transport.abort()

    @property
    def port(self) -> int:
        """The port from which the connection comes."""
        return int(self._transport.get_extra_info('sockname')[1])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, 'write')
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._is_lost = True
        for waiting in (self._ready, *self._acknowledgements.values()):
            _fail(waiting, exc or ConnectionError('the server closed the connection'))

    def data_received(self, data: bytes) -> None:
        at = time.monotonic()
        self._buffer += data
        if not self._upgraded:
            self._upgrade()
        while self._upgraded and (frame := self._next_frame()) is not None:
            opcode, payload, size = frame
            self.received_bytes += size
            if opcode == 0x1:
                self._receive(payload, at, size)
            elif opcode == 0x9:
                self._transport.write(bytes([0x8A, 0x80 | len(payload)]) + MASK + payload)
            elif opcode == 0x8:
                self._transport.close()

    def _upgrade(self) -> None:
        head, separator, rest = self._buffer.partition(b'\r\n\r\n')
        if not separator:
            return
        if b' 101 ' not in head.splitlines()[0]:
            _fail(self._ready, ConnectionError(head.splitlines()[0].decode()))
            self._transport.close()
            return
        self._upgraded = True
        self._buffer = rest

    def _next_frame(self) -> tuple[int, bytes, int] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        length, start = buffer[1] & 0x7F, 2
        if length > LARGEST_SHORT_LENGTH:
            form, start = ('!H', 4) if length == LARGEST_SHORT_LENGTH + 1 else ('!Q', 10)
            if len(buffer) < start:
                return None
            (length,) = struct.unpack_from(form, buffer, 2)
        end = start + length
        if len(buffer) < end:
            return None
        self._buffer = buffer[end:]
        return buffer[0] & 0x0F, buffer[start:end], end

    def _receive(self, packet: bytes, at: float, size: int) -> None:
        if packet == b'2':
            self.send(b'3')
        elif packet[:1] == b'0':
            self.send(b'40')
        elif packet[:2] == b'40':
            self.sid = orjson.loads(packet[2:])['sid']
            self.is_open = True
            if not self._ready.done():
                self._ready.set_result(None)
        elif packet[:2] == b'44':
            _fail(self._ready, ConnectionError(packet.decode()))
        elif packet[:2] == b'43':
            start = packet.index(b'[')
            waiting = self._acknowledgements.pop(int(packet[2:start]))
            if not waiting.done():
                waiting.set_result(orjson.loads(packet[start:])[0])
        elif packet[:2] == b'42':
            event, *data = orjson.loads(packet[2:])
            self.listener(event, data[0] if data else None, at, size)

    def send(self, payload: bytes) -> None:
        """Send a packet as it is."""
        self.send_frame(0x1, payload)

    def send_frame(self, opcode: int, payload: bytes) -> None:
        """Send a WebSocket frame."""
        length, start = len(payload), 0x80 | opcode
        if length <= LARGEST_SHORT_LENGTH:
            header = struct.pack('!BB', start, 0x80 | length)
        elif length < 2**16:
            header = struct.pack('!BBH', start, 0x80 | 126, length)
        else:
            header = struct.pack('!BBQ', start, 0x80 | 127, length)
        self._transport.write(header + MASK + payload)


def _fail(waiting: asyncio.Future[Any], error: Exception) -> None:
    if not waiting.done():
        waiting.set_exception(error)
        waiting.exception()  # retrieved: nobody may be waiting for it
