"""The messages that wait to be sent to a socket. Their size is limited, for sockets that do not read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import socketio
from nicegui import server as nicegui_server

LIMIT = 8 * 2**20
"""How many bytes may wait for one socket. One more message may come on top."""
PACKET_OVERHEAD = 512
"""How many bytes of memory a waiting message takes besides its text."""
TAKING_TIME = 5.0
"""Seconds for which the end of a socket waits until its browser has taken what it was sent."""

log = logging.getLogger(__name__)


def limit_backlogs(sio: socketio.AsyncServer) -> None:
    """Give each new socket of a Socket.IO server a :class:`Backlog`; safe to call twice."""
    eio = sio.eio

    def close(backlog: Backlog) -> None:
        for eio_sid, socket in list(eio.sockets.items()):
            if socket.queue is backlog:
                scope = sio.environ.get(eio_sid, {}).get('asgi.scope')
                eio.start_background_task(_close, socket, eio.reason.SERVER_DISCONNECT, scope)

    eio.create_queue = lambda: Backlog(close)


def lift_limit(sio: socketio.AsyncServer) -> None:
    """Give new sockets Engine.IO's own queues again; safe to call twice."""
    vars(sio.eio).pop('create_queue', None)


async def _close(socket: Any, reason: str, scope: Any) -> None:
    await socket.close(wait=False, abort=True, reason=reason)
    # who does not read does not see the end either: without this, what is on its way to it would wait for ever
    server = getattr(nicegui_server.Server, 'instance', None)
    for connection in list(server.server_state.connections) if server is not None else ():
        if getattr(connection, 'scope', None) is scope and hasattr(connection, 'transport'):
            connection.transport.abort()


class Backlog(asyncio.Queue[Any]):
    """The messages that wait for one socket: an Engine.IO queue of limited size.

    When it would exceed the limit, the queue drops all messages, accepts no more, and the socket is closed.

    :param close: closes the socket of this queue
    """

    def __init__(self, close: Callable[[Backlog], None]) -> None:
        super().__init__()
        self.size = 0
        """About how many bytes of memory the messages take."""
        self._close = close
        self._has_ended = False

    def put_nowait(self, packet: Any) -> None:
        """Add a packet to be sent; ``None`` means that the socket is closed."""
        if packet is not None and (self._has_ended or self._is_full()):
            return
        super().put_nowait(packet)

    async def put(self, packet: Any) -> None:
        """Do the same. It never has to wait."""
        self.put_nowait(packet)

    async def join(self) -> None:
        """Wait until everything was taken, but not for ever: a polling browser that is gone takes nothing."""
        with suppress(TimeoutError):
            await asyncio.wait_for(super().join(), TAKING_TIME)

    def _put(self, packet: Any) -> None:
        self.size += _size(packet)
        super()._put(packet)

    def _get(self) -> Any:
        packet = super()._get()
        self.size -= _size(packet)
        return packet

    def _is_full(self) -> bool:
        if self.size <= LIMIT:
            return False
        self._has_ended = True
        log.warning('a socket is closed that does not read: %d bytes waited for it', self.size)
        while not self.empty():
            self.get_nowait()
            self.task_done()
        super().put_nowait(None)  # wakes whoever waits for the next message
        self._close(self)
        return True


def _size(packet: Any) -> int:
    data = getattr(packet, 'data', None)
    return PACKET_OVERHEAD + (len(data) if isinstance(data, str | bytes) else 0)
