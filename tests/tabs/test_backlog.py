"""What waits for a socket that does not read is bounded, and the socket is closed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import socketio
import uvicorn
from nicegui.server import Server

from tests.light_socket import LightSocket
from tests.sockets import Inbox, connect, serving, until
from todosync.tabs.backlog import LIMIT, Backlog, lift_limit, limit_backlogs

MESSAGE = 'x' * 2**17


@pytest.fixture
def sio() -> socketio.AsyncServer:
    sio = socketio.AsyncServer(async_mode='asgi')
    sio.on('say it', lambda sid, data: sio.start_background_task(sio.emit, 'said', data, to=sid))
    sio.on('are you there?', lambda sid, data: True)
    limit_backlogs(sio)
    return sio


@pytest.fixture
async def server(sio: socketio.AsyncServer) -> AsyncIterator[uvicorn.Server]:
    async with serving(sio) as server:
        yield server


def backlog_of(sio: socketio.AsyncServer, socket: LightSocket) -> Backlog:
    backlog = sio.eio.sockets[sio.manager.eio_sid_from_sid(socket.sid, '/')].queue
    assert isinstance(backlog, Backlog)
    return backlog


async def test_a_socket_that_does_not_read_what_it_asked_for_is_closed(
    sio: socketio.AsyncServer, server: uvicorn.Server, caplog: pytest.LogCaptureFixture
) -> None:
    gone: list[str] = []
    sio.on('disconnect', lambda sid, reason: gone.append(sid))
    stranger, honest = await connect(server, Inbox()), await connect(server, Inbox())
    backlog = backlog_of(sio, stranger)
    stranger.stall()
    largest = 0
    while not gone:
        await sio.emit('news', MESSAGE, to=stranger.sid)
        largest = max(largest, backlog.size)
        assert await honest.call('are you there?', None) is True
    assert gone == [stranger.sid]
    assert largest < LIMIT + 2 * len(MESSAGE)
    await sio.emit('news', MESSAGE, to=stranger.sid)
    assert backlog.size < len(MESSAGE)
    assert 'a socket is closed that does not read' in caplog.text
    stranger.recover()
    await until(lambda: not stranger.is_open)


async def test_nothing_of_a_socket_that_never_reads_is_left(
    sio: socketio.AsyncServer, server: uvicorn.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Server, 'instance', server, raising=False)
    stranger = await connect(server, Inbox())
    backlog = backlog_of(sio, stranger)
    stranger.stall()
    while sio.manager.is_connected(stranger.sid, '/'):
        await sio.emit('news', MESSAGE, to=stranger.sid)
    await until(lambda: not server.server_state.connections)
    await until(lambda: not server.server_state.tasks)
    assert backlog.size < len(MESSAGE)


async def test_one_large_message_is_fine(sio: socketio.AsyncServer, server: uvicorn.Server) -> None:
    inbox = Inbox()
    socket = await connect(server, inbox)
    await sio.emit('news', 'x' * (2 * LIMIT), to=socket.sid)
    await until(lambda: len(inbox.events) == 1)
    assert backlog_of(sio, socket).size == 0
    assert await socket.call('are you there?', None) is True


def test_a_server_that_is_left_has_its_own_queues_again(sio: socketio.AsyncServer) -> None:
    lift_limit(sio)
    lift_limit(sio)
    assert not isinstance(sio.eio.create_queue(), Backlog)
