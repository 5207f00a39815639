"""The messages that wait to be sent to a socket. Their size is limited, for sockets that do not read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

LIMIT = 8 * 2**20
"""How many bytes may wait for one socket. One more message may come on top."""
PACKET_OVERHEAD = 512
"""How many bytes of memory a waiting message takes besides its text."""

log = logging.getLogger(__name__)


def limit_backlogs(eio: Any) -> None:
    """Give each new socket of an Engine.IO server a :class:`Backlog`; safe to call twice."""

    def close(backlog: Backlog) -> None:
        for socket in list(eio.sockets.values()):
            if socket.queue is backlog:
                eio.start_background_task(socket.close, wait=False, abort=True, reason=eio.reason.SERVER_DISCONNECT)

    eio.create_queue = lambda: Backlog(close)


def lift_limit(eio: Any) -> None:
    """Give new sockets Engine.IO's own queues again; safe to call twice."""
    vars(eio).pop('create_queue', None)


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
