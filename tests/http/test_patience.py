"""A connection that takes too much or too long is ended, by real sockets against uvicorn; the others are served."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import socketio
import uvicorn

from tests.sockets import Inbox, connect, serving, serving_app, until
from todosync.http.patience import HEAD_LIMIT, TOO_LARGE, PatientHttp, PatientWebSocket

LONG = b'x' * 20_000_000


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the number of bytes that were sent, or with something long."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get('body', b'')), message.get('more_body', False)
    body = LONG if scope['path'] == '/long' else b'%d bytes' % size
    headers = [(b'content-length', b'%d' % len(body))]
    await send({'type': 'http.response.start', 'status': 200, 'headers': headers})
    await send({'type': 'http.response.body', 'body': body})


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, 'todosync')
    for name in ('HEAD_TIMEOUT', 'BODY_GRACE', 'TAKING_TIMEOUT'):
        monkeypatch.setattr(f'todosync.http.patience.{name}', 0.3)
    monkeypatch.setattr('todosync.http.patience.LOOK_INTERVAL', 0.02)


@pytest.fixture
async def server() -> AsyncIterator[uvicorn.Server]:
    async with serving_app(app, http=PatientHttp) as server:
        yield server


class Stranger:
    """A connection that sends what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self._writer = reader, writer

    @classmethod
    async def open(cls, server: uvicorn.Server) -> Stranger:
        port = server.servers[0].sockets[0].getsockname()[1]
        return cls(*await asyncio.open_connection('127.0.0.1', port))

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def received(self) -> bytes:
        """Return everything until the connection ends."""
        try:
            async with asyncio.timeout(10):
                return await self.reader.read()
        except ConnectionError:
            return b''


async def ask(
    server: uvicorn.Server, request: bytes = b'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
) -> bytes:
    stranger = await Stranger.open(server)
    stranger.send(request)
    return await stranger.received()


async def test_honest_requests_are_answered(server: uvicorn.Server) -> None:
    assert (await ask(server)).endswith(b'0 bytes')
    body = b'x' * 300_000
    head = b'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n' % len(body)
    assert (await ask(server, head + body)).endswith(b'300000 bytes')
    assert (await ask(server, b'GET / HTTP/1.1\r\nHost: a\r\n\r\n' * 2 + b'GET / HTTP/1.0\r\n\r\n')).count(
        b'0 bytes'
    ) == 3


@pytest.mark.parametrize('start', [b'GET /', b'GET / HTTP/1.1\r\nA: ', b'GET / HTTP/1.1\r\nA'])
async def test_an_endless_head_is_refused_at_once(
    server: uvicorn.Server, start: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('todosync.http.patience.HEAD_TIMEOUT', 3600.0)
    stranger = await Stranger.open(server)
    stranger.send(start + b'x' * (HEAD_LIMIT + 300_000))
    assert await stranger.received() in {b'', TOO_LARGE}  # of a connection that ends before all is read, that is lost
    assert (await ask(server)).endswith(b'0 bytes')


@pytest.mark.parametrize('start', [b'', b'GET', b'GET / HTTP/1.1\r\nHost: a\r\n'])
async def test_a_head_that_does_not_come_is_not_waited_for(
    server: uvicorn.Server, start: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    strangers = [await Stranger.open(server) for _ in range(5)]
    for stranger in strangers:
        stranger.send(start)
    assert [await stranger.received() for stranger in strangers] == [b''] * 5
    assert sum(record.name == 'todosync.http.patience' for record in caplog.records) <= 2


async def test_a_body_that_comes_too_slowly_is_not_waited_for(server: uvicorn.Server) -> None:
    stranger = await Stranger.open(server)
    stranger.send(b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx')
    assert await stranger.received() == b''


async def test_who_does_not_take_an_answer_is_not_waited_for(server: uvicorn.Server) -> None:
    stranger = await Stranger.open(server)
    stranger.send(b'GET /long HTTP/1.1\r\nHost: a\r\n\r\n')
    await until(lambda: len(server.server_state.connections) == 1)
    await until(lambda: not server.server_state.connections)
    assert (await ask(server)).endswith(b'0 bytes')


async def test_who_takes_a_long_answer_slowly_gets_it(server: uvicorn.Server) -> None:
    stranger = await Stranger.open(server)
    stranger.send(b'GET /long HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    received = 0
    while chunk := await stranger.reader.read(200_000):
        received += len(chunk)
        await asyncio.sleep(0.01)
    assert received > len(LONG)


async def test_a_socket_that_does_not_read_gets_no_more_pongs_and_is_ended(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr('todosync.http.patience.TAKING_TIMEOUT', 3600.0)
    sio = socketio.AsyncServer(async_mode='asgi')
    sio.on('are you there?', lambda sid, data: True)
    async with serving(sio, http=PatientHttp) as server:
        stranger, honest = await connect(server, Inbox()), await connect(server, Inbox())
        connection = next(c for c in server.server_state.connections if c.client[1] == stranger.port)
        assert isinstance(connection, PatientWebSocket)
        stranger.stall()
        while connection.writable.is_set():
            await sio.emit('news', 'x' * 2**20, to=stranger.sid)
            await asyncio.sleep(0)
        waiting = connection.transport.get_write_buffer_size()
        for _ in range(2000):
            stranger.send_frame(0x9, b'x' * 125)
        for _ in range(10):
            assert await honest.call('are you there?', None) is True
        assert connection.transport.get_write_buffer_size() == waiting
        monkeypatch.setattr('todosync.http.patience.TAKING_TIMEOUT', 0.0)
        await until(lambda: connection not in server.server_state.connections)
        assert await honest.call('are you there?', None) is True
    assert 'what was sent was not taken' in caplog.text
