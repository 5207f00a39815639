"""The guard before all socket handlers. It refuses and counts odd frames, and answers where a sender waits for it.

So an odd frame is never an unhandled exception. Many of them make one line in the log per minute, not one for each.
"""

from __future__ import annotations

import inspect
import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import engineio.packet
import engineio.payload
import socketio
from nicegui import core
from pydantic import ValidationError
from socketio import packet

from .frames import OddFrameError
from .packets import TextPacket
from .socketio_contract import server_difference

MALFORMED = {'ok': False, 'reason': 'malformed'}
"""The answer to an odd frame whose sender waits for an answer."""
LOG_INTERVAL = 60.0
"""Seconds between two lines about odd frames."""
POLLED_PACKETS = frozenset(
    {engineio.packet.CLOSE, engineio.packet.PONG, engineio.packet.MESSAGE, engineio.packet.UPGRADE}
)
"""The types of packets that polling browsers send."""
LAST_PACKET_TYPE = str(len(engineio.packet.packet_names) - 1)
ASKS = re.compile(r'2([0-9]{1,15})\[')
"""The beginning of an event whose sender waits for an answer."""

log = logging.getLogger(__name__)


class Guard:
    """Checks everything that browsers send to a Socket.IO server, before a handler gets it.

    :param sio: the server
    :param clock: returns the time in seconds
    """

    def __init__(self, sio: socketio.AsyncServer, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._sio = sio
        self._clock = clock
        self._before: dict[str, Any] = {}
        self._logged_at = float('-inf')
        self._logged_count = 0
        self.refused_count = 0
        """How many frames were refused since the start of the process."""

    def start(self) -> None:
        """Begin to check packets, as far as the internals of python-socketio allow it; safe to call twice."""
        if self._before:
            return
        if moved := server_difference(self._sio):
            log.info('odd packets are refused by python-socketio itself: %s', moved)
            return
        eio = self._sio.eio
        self._before = {'packet_class': self._sio.packet_class, 'message': eio.handlers['message'], 'async': eio._async}
        self._sio.packet_class = TextPacket
        eio.handlers['message'] = self._receive
        eio._async = {
            **eio._async,
            'websocket': self._checked(eio._async['websocket']),
            'translate_request': self._translated(eio._async['translate_request']),
        }

    def stop(self) -> None:
        """Step aside again; safe to call twice."""
        if not self._before:
            return
        self._sio.packet_class = self._before['packet_class']
        self._sio.eio.handlers['message'] = self._before['message']
        self._sio.eio._async = self._before['async']
        self._before = {}

    def wrap(
        self,
        handler: Callable[[str, Any], Any],
        read: Callable[[Any], Any],
        *,
        odd: tuple[type[Exception], ...] = (),
    ) -> Callable[..., Awaitable[Any]]:
        """Return a handler of a socket event that gets only frames that it can handle.

        :param handler: called with the Socket.IO id and the value that ``read`` returns
        :param read: reads the data of a frame; for odd data it raises a :class:`pydantic.ValidationError` or an
            :class:`OddFrameError` if it cannot
        :param odd: the errors that the handler itself raises for an odd frame
        """

        async def guarded(sid: str, *data: Any) -> Any:
            try:
                if len(data) > 1:
                    raise OddFrameError('more than one argument')
                frame = read(data[0] if data else None)
            except (ValidationError, OddFrameError):
                return self.refuse()
            try:
                answer = handler(sid, frame)
                return await answer if inspect.isawaitable(answer) else answer
            except odd:
                return self.refuse()
            except Exception as error:
                core.app.handle_exception(error)
                return {'ok': False}

        return guarded

    def refuse(self) -> dict[str, Any]:
        """Count an odd frame, and return the answer to it."""
        self.refused_count += 1
        now = self._clock()
        if now - self._logged_at >= LOG_INTERVAL:
            count, self._logged_count = self.refused_count - self._logged_count, self.refused_count
            self._logged_at = now
            log.warning('refused %d frames that no browser sends', count)
        return dict(MALFORMED)

    async def _receive(self, eio_sid: str, data: Any) -> None:
        if not isinstance(data, str) or not data:
            self.refuse()
            return
        try:
            await self._before['message'](eio_sid, data)
        except OddFrameError:
            answer = self.refuse()
            if asks := ASKS.match(data):
                await self._answer(eio_sid, int(asks[1]), answer)

    async def _answer(self, eio_sid: str, number: int, answer: dict[str, Any]) -> None:
        """Answer a packet that could not be read. Its sender may wait for the answer before it sends anything more."""
        if self._sio.manager.sid_from_eio_sid(eio_sid, '/'):
            acknowledgement = self._sio.packet_class(packet.ACK, namespace='/', id=number, data=[answer])
            await self._sio._send_packet(eio_sid, acknowledgement)

    def _checked(self, websocket: type[Any]) -> type[Any]:
        """Return Engine.IO's class for its side of a WebSocket, which takes a socket for ended that sends no packet.

        Engine.IO itself reads packets outside of all handlers. Its error there would leave parts of the socket behind.
        """
        guard = self

        class CheckedWebSocket(websocket):  # type: ignore[misc]
            async def wait(self) -> Any:
                data = await super().wait()
                if isinstance(data, str) and not ('0' <= data[:1] <= LAST_PACKET_TYPE):
                    guard.refuse()
                    raise OSError('what came is no packet')
                return data

        return CheckedWebSocket

    def _translated(
        self, translate: Callable[..., Awaitable[dict[str, Any]]]
    ) -> Callable[..., Awaitable[dict[str, Any]]]:
        """Return Engine.IO's function that reads a request, which also answers if the sender is gone meanwhile."""

        async def translated(scope: Any, receive: Any, send: Any) -> dict[str, Any]:
            gone = {'REQUEST_METHOD': 'OPTIONS', 'QUERY_STRING': 'EIO=4', 'asgi.scope': scope, 'asgi.send': send}
            environ = await translate(scope, receive, send)
            if not environ:
                return gone
            eio_sid = parse_qs(environ['QUERY_STRING']).get('sid', [''])[0]
            self._forget_closed(eio_sid)
            environ['wsgi.input'] = _CheckedBody(environ['wsgi.input'], lambda: self._end_poll(eio_sid))
            return environ

        return translated

    def _forget_closed(self, eio_sid: str) -> None:
        """Forget a socket that is closed. Engine.IO does so a little later, and fails to answer until then."""
        sockets = self._sio.eio.sockets
        if eio_sid in sockets and sockets[eio_sid].closed:
            del sockets[eio_sid]

    async def _end_poll(self, eio_sid: str) -> None:
        self.refuse()
        if socket := self._sio.eio.sockets.get(eio_sid):
            await socket.close(wait=False, abort=True, reason=self._sio.eio.reason.TRANSPORT_ERROR)


class _CheckedBody:
    """The body that a polling browser sends. If it holds anything but packets of a browser, the socket is ended.

    Engine.IO would only log that, and keep the socket for as long as it waits for a browser that is gone.
    """

    def __init__(self, body: Any, end: Callable[[], Awaitable[None]]) -> None:
        self._body = body
        self._end = end

    async def read(self, length: int | None = None) -> bytes:
        """Return the body, or nothing if it is not as browsers send it."""
        data: bytes = await self._body.read(length)
        if _holds_packets(data):
            return data
        await self._end()
        return b''


def _holds_packets(data: bytes) -> bool:
    try:
        packets = engineio.payload.Payload(encoded_payload=data.decode()).packets
    except (ValueError, LookupError, RecursionError):
        return False
    return all(packet.packet_type in POLLED_PACKETS for packet in packets)
