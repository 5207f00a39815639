"""Real sockets for tests: a uvicorn server with Socket.IO in the test's own event loop, and clients of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import socketio
import uvicorn

from tests.light_socket import LightSocket

TIMEOUT = 90.0
"""Seconds. Long, for slow machines: a test that passes does not need them."""


class Inbox:
    """What a socket received.

    :ivar listener: called with each event and its data
    """

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.listener: Callable[[str, Any], None] = lambda event, data: None

    def __call__(self, event: str, data: Any, at: float, size: int) -> None:
        self.events.append((event, data))
        self.listener(event, data)

    async def wait_for(self, event: str, data: Any) -> None:
        await until(lambda: (event, data) in self.events)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def serving(sio: socketio.AsyncServer, **options: Any) -> AsyncIterator[uvicorn.Server]:
    """Serve Socket.IO as NiceGUI does."""
    async with serving_app(socketio.ASGIApp(sio), **options) as server:
        yield server


@contextlib.asynccontextmanager
async def serving_app(app: Any, **options: Any) -> AsyncIterator[uvicorn.Server]:
    """Serve an ASGI app as NiceGUI does: uvicorn with wsproto."""
    config = uvicorn.Config(app, host='127.0.0.1', port=0, ws='wsproto', log_level='warning', lifespan='off', **options)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[assignment,method-assign]  # pytest keeps its own
    running = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield server
    finally:
        server.should_exit = True
        await running


async def connect(server: uvicorn.Server, inbox: Inbox) -> LightSocket:
    port = server.servers[0].sockets[0].getsockname()[1]
    path = '/socket.io/?EIO=4&transport=websocket'
    return await LightSocket.connect('127.0.0.1', port, path, listener=inbox)
