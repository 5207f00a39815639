"""The guard before all socket handlers. It refuses and counts odd frames, and answers where a sender waits for it.

So an odd frame is never an unhandled exception. Many of them make one line in the log per minute, not one for each.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import engineio.packet
import socketio
from nicegui import core
from pydantic import ValidationError
from socketio import packet

from .frames import MAX_ID_LENGTH, OddFrameError
from .socketio_contract import server_difference

MALFORMED = {'ok': False, 'reason': 'malformed'}
"""The answer to an odd frame whose sender waits for an answer."""
LOG_INTERVAL = 60.0
"""Seconds between two lines about odd frames."""
NOT_FOR_BROWSERS = frozenset({'connect', 'connect_error', 'disconnect', '*'})
"""Events that python-socketio itself sends to handlers. A browser that sends one wants to deceive the handlers."""
LAST_PACKET_TYPE = str(len(engineio.packet.packet_names) - 1)
FAULTS_OF_POLLS = 'post request handler error'
"""The message that Engine.IO logs, with a traceback, when it cannot read a request of a polling browser."""

log = logging.getLogger(__name__)
engineio_log = logging.getLogger('engineio.server')


class TextPacket(packet.Packet):  # type: ignore[misc]  # python-socketio has no types
    """A Socket.IO packet without binary attachments, in a form that handlers can read.

    python-socketio keeps attachments until as many have come as the sender has announced. So a stranger could fill the
    memory with them.
    """

    def decode(self, encoded_packet: Any) -> int:
        """Decode a packet.

        :raises OddFrameError: it is no packet, or one of another form
        """
        try:
            attachment_count = super().decode(encoded_packet)
        except (ValueError, TypeError, RecursionError) as error:
            raise OddFrameError(f'no packet: {type(error).__name__}') from None
        if attachment_count or not self._is_ordinary():
            raise OddFrameError('no packet of a browser')
        return 0

    def _is_ordinary(self) -> bool:
        data = self.data
        if len(self.namespace or '') > MAX_ID_LENGTH:
            return False
        if self.packet_type == packet.EVENT:
            return isinstance(data, list) and bool(data) and _is_event_name(data[0])
        if self.packet_type == packet.ACK:
            return isinstance(data, list) and self.id is not None
        return self.packet_type == packet.DISCONNECT or (
            self.packet_type == packet.CONNECT and (data is None or isinstance(data, dict))
        )


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
            'translate_request': _translated(eio._async['translate_request']),
        }
        engineio_log.addFilter(self._is_no_odd_poll)

    def stop(self) -> None:
        """Step aside again; safe to call twice."""
        if not self._before:
            return
        self._sio.packet_class = self._before['packet_class']
        self._sio.eio.handlers['message'] = self._before['message']
        self._sio.eio._async = self._before['async']
        engineio_log.removeFilter(self._is_no_odd_poll)
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
            self.refuse()

    def _checked(self, websocket: type[Any]) -> type[Any]:
        """Return Engine.IO's side of a WebSocket, for which one that sends what is no packet at all has ended.

        Engine.IO takes such a packet apart outside of all handlers, and would leave what belongs to the socket.
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

    def _is_no_odd_poll(self, record: logging.LogRecord) -> bool:
        is_odd = record.msg == FAULTS_OF_POLLS and bool(record.exc_info)
        is_odd = is_odd and isinstance((record.exc_info or (None, None, None))[1], ValueError | KeyError)
        if is_odd:
            self.refuse()
        return not is_odd


def _translated(translate: Callable[..., Awaitable[dict[str, Any]]]) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Return Engine.IO's way to read a request, with an answer for one whose sender is gone before it has come."""

    async def translated(scope: Any, receive: Any, send: Any) -> dict[str, Any]:
        gone = {'REQUEST_METHOD': 'OPTIONS', 'QUERY_STRING': 'EIO=4', 'asgi.scope': scope, 'asgi.send': send}
        return await translate(scope, receive, send) or gone

    return translated


def _is_event_name(name: object) -> bool:
    return isinstance(name, str) and len(name) <= MAX_ID_LENGTH and name not in NOT_FOR_BROWSERS
