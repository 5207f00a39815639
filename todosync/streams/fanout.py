"""The fan-out: sends one message to many sockets. It encodes the message once and needs no task or queue per socket.

The public way is ``sio.emit`` to a room. It needs a task, a timer and a queue for each socket, which costs about seven
times as much as the writing itself. So the fan-out writes the finished frame to the transport of each socket. For that
it uses internals of uvicorn and python-socketio; ``tests/streams/test_fanout.py`` fails when these have changed.
A socket whose transport is not found gets the message the public way. That happens with another server than uvicorn,
with long polling, and with a release whose internals are others.
"""

from __future__ import annotations

import asyncio
import itertools
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Protocol
from weakref import WeakSet

import orjson
import socketio
from nicegui import server as nicegui_server

from .tasks import Tasks

EVENT_PREFIX = b'42'
"""An Engine.IO message (4) that holds a Socket.IO event (2)."""
FINAL_TEXT = 0x81
"""The first byte of a WebSocket frame that holds a complete text message without compression."""


class Connection(Protocol):
    """The attributes of uvicorn's side of a WebSocket that the fan-out uses."""

    scope: Any
    transport: asyncio.Transport
    writable: asyncio.Event
    """Cleared while the transport holds more than its high-water mark."""


class Fanout:
    """Sends messages to the sockets that were added, until they close. Belongs to the event loop.

    A slow socket that has not yet taken earlier messages gets no further ones. So it delays no other socket, and no
    messages pile up for it in memory. When it can take messages again, it gets the announcement.

    :param sio: the Socket.IO server of the sockets
    :param event: the name of the Socket.IO event that carries the messages
    :param announcement: returns a message after which the browser asks for the changes that it missed
    """

    def __init__(self, sio: socketio.AsyncServer, event: str, announcement: Callable[[], Any]) -> None:
        self._sio = sio
        self._event = event
        self._announcement = announcement
        self._connections: WeakSet[Connection] = WeakSet()
        self._behind: dict[Connection, asyncio.Task[None]] = {}
        self._emits = Tasks()
        self._room = f'fanout:{id(self)}'

    @property
    def behind(self) -> int:
        """How many sockets get no messages now, because they have not yet taken earlier ones."""
        return len(self._behind)

    async def add(self, sid: str) -> None:
        """Send all further messages to a socket, too; safe to call twice.

        :param sid: its Socket.IO id
        """
        if connection := find_connection(self._sio, sid):
            self._connections.add(connection)
        else:
            await self._sio.enter_room(sid, self._room)

    async def remove(self, sid: str) -> None:
        """Send a socket no further messages; safe to call twice.

        :param sid: its Socket.IO id
        """
        if connection := find_connection(self._sio, sid):
            self._connections.discard(connection)
            if announcing := self._behind.pop(connection, None):
                announcing.cancel()
        await self._sio.leave_room(sid, self._room)

    def send(self, message: Any) -> None:
        """Send a JSON-like message to every socket. Returns at once."""
        frame = self._frame(message)
        for connection in self._connections:
            if connection.transport.is_closing() or connection in self._behind:
                continue
            if connection.writable.is_set():
                connection.transport.write(frame)
            else:
                self._behind[connection] = asyncio.create_task(self._announce_when_writable(connection))
        if any(True for _ in self._sio.manager.get_participants('/', self._room)):
            self._emits.begin(self._sio.emit(self._event, message, room=self._room))

    async def send_to(self, sid: str, event: str, message: bytes) -> None:
        """Send a message to one socket, and return when the socket has taken it or is gone.

        The bytes are not copied, however many sockets are sent them and however long those take.

        :param sid: its Socket.IO id
        :param event: the name of the Socket.IO event
        :param message: JSON
        """
        if connection := find_connection(self._sio, sid):
            head, tail = EVENT_PREFIX + b'[' + orjson.dumps(event) + b',', b']'
            header = frame_header(len(head) + len(message) + len(tail))
            connection.transport.writelines([header + head, message, tail])
            await connection.writable.wait()
        else:
            await self._sio.emit(event, orjson.Fragment(message), to=sid)
            await self._taken_by_polling(sid)

    def stop(self) -> None:
        """Forget the sockets; safe to call twice."""
        for task in self._behind.values():
            task.cancel()
        self._behind.clear()
        self._connections.clear()

    async def _announce_when_writable(self, connection: Connection) -> None:
        await connection.writable.wait()  # uvicorn also sets it when the connection is lost
        self._behind.pop(connection, None)
        if not connection.transport.is_closing():
            connection.transport.write(self._frame(self._announcement()))

    async def _taken_by_polling(self, sid: str) -> None:
        eio = self._sio.eio
        socket = eio.sockets.get(self._sio.manager.eio_sid_from_sid(sid, '/'))
        if socket is not None and not socket.closed:
            with suppress(TimeoutError):  # who does not poll for that long is disconnected
                await asyncio.wait_for(socket.queue.join(), eio.ping_interval + eio.ping_timeout)

    def _frame(self, message: Any) -> bytes:
        return text_frame(EVENT_PREFIX + orjson.dumps([self._event, message]))


def text_frame(payload: bytes) -> bytes:
    """Return a message as an uncompressed WebSocket frame, which every connection allows (RFC 7692, section 6)."""
    return frame_header(len(payload)) + payload


def frame_header(length: int) -> bytes:
    """Return what stands before a message of so many bytes in a WebSocket frame."""
    if length < 126:
        return struct.pack('!BB', FINAL_TEXT, length)
    if length < 2**16:
        return struct.pack('!BBH', FINAL_TEXT, 126, length)
    return struct.pack('!BBQ', FINAL_TEXT, 127, length)


def find_connection(sio: socketio.AsyncServer, sid: str) -> Connection | None:
    """Return the connection of a socket; ``None`` if it is not found, or if no frame can be written to it."""
    environ = sio.get_environ(sid) or {}
    scope = environ.get('asgi.scope', {})
    if scope.get('type') != 'websocket':
        return None
    # uvicorn gives an app a method of the connection. Where a middleware has put a function of its own around that, all
    # connections are looked through for the one with this scope, which python-socketio keeps, too
    owner = getattr(environ.get('asgi.receive'), '__self__', None)
    candidates = itertools.chain([owner], _all_connections())
    return next((candidate for candidate in candidates if _has_scope(candidate, scope)), None)


def _all_connections() -> Iterator[Any]:
    server = getattr(nicegui_server.Server, 'instance', None)
    yield from server.server_state.connections if server is not None else ()


def _has_scope(candidate: Any, scope: Any) -> bool:
    return getattr(candidate, 'scope', None) is scope and _takes_frames(candidate)


def _takes_frames(connection: Any) -> bool:
    writable, transport = getattr(connection, 'writable', None), getattr(connection, 'transport', None)
    if transport is None or not (hasattr(transport, 'write') and hasattr(transport, 'is_closing')):
        return False
    return isinstance(writable, asyncio.Event) and not transport.is_closing()
