"""Limits of time and size for connections. uvicorn itself has none, so a stranger could keep connections for ever.

A proxy such as Caddy has limits of its own. These are for a process without a proxy, and for what a proxy lets through.
They use internals of uvicorn, which ``tests/http/test_patience.py`` checks.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Any, Literal
from weakref import WeakSet

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from uvicorn.server import ServerState

HEAD_LIMIT = 64 * 2**10
"""The largest size in bytes of the head of a request: its address and its headers."""
HEAD_TIMEOUT = 15.0
"""Seconds within which a connection must send the head of a request."""
BODY_GRACE = 15.0
BODY_RATE = 4 * 2**10
"""Seconds that the body of any request may take, and the bytes per second that it must bring after that."""
TAKING_TIMEOUT = 30.0
TAKING_RATE = 2**10
"""For how many seconds a connection may read fewer bytes per second than this, while more waits for it."""
LOOK_INTERVAL = 5.0
"""Seconds between two checks of all connections. Time is counted in checks, so that a process that was stopped for a
while does not blame its own pause on the connections."""
TOO_LARGE = (
    b'HTTP/1.1 431 Request Header Fields Too Large\r\n'
    b'content-type: text/plain; charset=utf-8\r\ncontent-length: 37\r\nconnection: close\r\n\r\n'
    b'The head of this request is too large'
)

SLOW_READER = 'what was sent was not taken'

log = logging.getLogger(__name__)


class Taking:
    """Tells whether a connection reads what is sent to it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._left = 0
        self._waited = 0.0

    def has_taken(self) -> None:
        """Note that the connection has read nearly everything."""
        self._waited = 0.0

    def is_stuck(self) -> bool:
        """Check how much waits to be sent, and return whether it has not become less for too long."""
        before, self._left = self._left, self._transport.get_write_buffer_size()
        is_waiting = before > 0 and self._left > max(0, before - TAKING_RATE * LOOK_INTERVAL)
        self._waited = self._waited + LOOK_INTERVAL if is_waiting else 0.0
        return self._waited > TAKING_TIMEOUT


class PatientHttp(HttpToolsProtocol):
    """uvicorn's HTTP protocol with limits: it ends connections that send too much or take too long."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.ws_protocol_class is WSProtocol:
            self.ws_protocol_class = PatientWebSocket
        self._awaits: Literal['head', 'body'] | None = 'head'
        self._waited = 0.0
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to check a connection."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self.taking = Taking(self.transport)
        look_from_now_on(self.server_state)

    def data_received(self, data: bytes) -> None:
        """Read what has come, unless the head of the request is too large."""
        if self._awaits is None:
            self._await('head')  # of the next request
        super().data_received(data)
        if self._awaits != 'head' or self.transport.is_closing():
            return
        self._size += len(data)
        if self._size > HEAD_LIMIT:
            self.transport.write(TOO_LARGE)
            self.transport.close()

    # the next three are called by the parser
    def on_headers_complete(self) -> None:
        """Note that the head is complete."""
        self._await('body')
        super().on_headers_complete()
        if self.cycle is not None:
            _send_only_while_open(self.cycle)

    def on_body(self, body: bytes) -> None:
        """Note how much of the body has come."""
        self._size += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the body is complete."""
        self._await(None)
        super().on_message_complete()

    def resume_writing(self) -> None:
        """Note that the connection reads again."""
        self.taking.has_taken()
        super().resume_writing()

    def look(self) -> str | None:
        """Return why this connection must end, ``None`` if it may go on. Called once per ``LOOK_INTERVAL``."""
        if not self.flow.read_paused:  # otherwise the connection waits for the app
            self._waited += LOOK_INTERVAL
        if self._awaits == 'head' and self._waited > HEAD_TIMEOUT:
            return 'the head of a request did not come'
        if self._awaits == 'body' and self._waited > BODY_GRACE + self._size / BODY_RATE:
            return 'the body of a request came too slowly'
        return SLOW_READER if self.taking.is_stuck() else None

    def _await(self, part: Literal['head', 'body'] | None) -> None:
        self._awaits, self._waited, self._size = part, 0.0, 0


class PatientWebSocket(WSProtocol):
    """uvicorn's WebSocket protocol with limits: it ends connections that do not read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to check a connection."""
        super().connection_made(transport)
        self.taking = Taking(transport)

    def resume_writing(self) -> None:
        """Note that the connection reads again."""
        self.taking.has_taken()
        super().resume_writing()

    def handle_ping(self, event: Any) -> None:
        """Answer a ping, unless the connection does not read the answers."""
        if self.writable.is_set():
            super().handle_ping(event)

    def look(self) -> str | None:
        """Return why this connection must end, ``None`` if it may go on. Called once per ``LOOK_INTERVAL``."""
        return SLOW_READER if self.taking.is_stuck() else None


def _send_only_while_open(cycle: RequestResponseCycle) -> None:
    """Have an answer end without an exception when the connection goes: uvicorn learns of it a moment later."""
    send = cycle.send

    async def send_while_open(message: ASGISendEvent) -> None:
        if cycle.transport.is_closing():
            cycle.disconnected = True
        await send(message)

    cycle.send = send_while_open  # type: ignore[method-assign]


_looked_at: WeakSet[ServerState] = WeakSet()


def look_from_now_on(state: ServerState) -> None:
    """Check the connections of a server every few seconds, as long as there are any; safe to call twice."""
    if state not in _looked_at:
        _looked_at.add(state)
        asyncio.get_running_loop().call_later(LOOK_INTERVAL, _look, state)


def _look(state: ServerState) -> None:
    _looked_at.discard(state)
    ended: Counter[str] = Counter()
    for connection in list(state.connections):
        if isinstance(connection, PatientHttp | PatientWebSocket) and (why := connection.look()):
            ended[why] += 1
            connection.transport.abort()
    for why, count in ended.items():  # one line for all of them
        log.info('%d connections were ended: %s', count, why)
    if state.connections:
        look_from_now_on(state)
