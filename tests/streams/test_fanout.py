"""The fan-out, over real sockets of a real uvicorn server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import engineio.packet
import orjson
import pytest
import socketio
import uvicorn
from nicegui.server import Server
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request, TextMessage
from wsproto.extensions import PerMessageDeflate

from tests.light_socket import LightSocket
from tests.sockets import Inbox, connect, serving, serving_app, until
from todosync.streams.fanout import EVENT_PREFIX, Fanout, find_connection, text_frame

BIG = 'x' * 2**18


@pytest.fixture
def sio() -> socketio.AsyncServer:
    return socketio.AsyncServer(async_mode='asgi')


@pytest.fixture
async def server(sio: socketio.AsyncServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[uvicorn.Server]:
    async with serving(sio) as server:
        monkeypatch.setattr(Server, 'instance', server, raising=False)
        yield server


@pytest.fixture
async def fanout(sio: socketio.AsyncServer) -> AsyncIterator[Fanout]:
    fanout = Fanout(sio, 'news', lambda: 'you missed something')
    yield fanout
    fanout.stop()


async def open_socket(server: uvicorn.Server) -> tuple[LightSocket, Inbox]:
    inbox = Inbox()
    return await connect(server, inbox), inbox


async def test_uvicorn_and_python_socketio_are_as_the_direct_way_needs_them(
    sio: socketio.AsyncServer, server: uvicorn.Server
) -> None:
    socket, _ = await open_socket(server)
    connection = find_connection(sio, socket.sid)
    assert connection is not None, (
        'The WebSocket of a Socket.IO id was not found by environ["asgi.receive"], nor among the connections of '
        'nicegui.server.Server.instance, or it lacks the attributes `transport` and `writable`. Messages are still '
        'delivered, by sio.emit, at about seven times the cost: see todosync/streams/fanout.py'
    )
    assert connection.scope['client'][1] == socket.port
    assert connection.writable.is_set()


async def test_a_connection_is_found_without_a_look_at_the_others(
    sio: socketio.AsyncServer, server: uvicorn.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets = [(await open_socket(server))[0] for _ in range(3)]
    with monkeypatch.context() as patch:
        patch.setattr(server.server_state, 'connections', Unseen())
        connections = [find_connection(sio, socket.sid) for socket in sockets]
    assert [connection and connection.scope['client'][1] for connection in connections] == [
        socket.port for socket in sockets
    ]


class Unseen(set[Any]):
    """Connections that nobody may look through."""

    def __iter__(self) -> NoReturn:
        raise AssertionError('all connections were looked through')


async def test_a_connection_is_found_behind_a_middleware_that_reads_what_comes(
    sio: socketio.AsyncServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = socketio.ASGIApp(sio)

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        async def receive_and_count() -> Any:
            return await receive()

        await app(scope, receive_and_count, send)

    async with serving_app(middleware) as server:
        monkeypatch.setattr(Server, 'instance', server, raising=False)
        sockets = [(await open_socket(server))[0] for _ in range(3)]
        connection = find_connection(sio, sockets[1].sid)
        assert connection is not None
        assert connection.scope['client'][1] == sockets[1].port


async def test_a_connection_that_ends_is_found_no_more(sio: socketio.AsyncServer, server: uvicorn.Server) -> None:
    """Python-socketio knows its socket for a while longer, but nothing can be written to it."""
    socket, _ = await open_socket(server)
    connection = find_connection(sio, socket.sid)
    assert connection is not None
    connection.transport.close()
    assert find_connection(sio, socket.sid) is None


async def test_every_socket_gets_a_message(server: uvicorn.Server, fanout: Fanout) -> None:
    sockets = [await open_socket(server) for _ in range(5)]
    for socket, _ in sockets:
        await fanout.add(socket.sid)
    fanout.send({'version': 1, 'title': 'Käse 🧀'})
    for _, inbox in sockets:
        await inbox.wait_for('news', {'version': 1, 'title': 'Käse 🧀'})


async def test_a_socket_added_twice_gets_a_message_once(server: uvicorn.Server, fanout: Fanout) -> None:
    socket, inbox = await open_socket(server)
    await fanout.add(socket.sid)
    await fanout.add(socket.sid)
    fanout.send('once')
    fanout.send('end')
    await inbox.wait_for('news', 'end')
    assert inbox.events == [('news', 'once'), ('news', 'end')]


@pytest.mark.parametrize('size', [0, 100, 200, 70_000])
async def test_messages_of_every_length_arrive_whole(server: uvicorn.Server, fanout: Fanout, size: int) -> None:
    socket, inbox = await open_socket(server)
    await fanout.add(socket.sid)
    fanout.send('x' * size)
    await inbox.wait_for('news', 'x' * size)


async def test_messages_mix_with_those_of_python_socketio(
    sio: socketio.AsyncServer, server: uvicorn.Server, fanout: Fanout
) -> None:
    socket, inbox = await open_socket(server)
    await fanout.add(socket.sid)
    for number in range(20):
        fanout.send(number)
        await sio.emit('other', number, to=socket.sid)
    await inbox.wait_for('news', 19)
    await inbox.wait_for('other', 19)
    assert [data for event, data in inbox.events if event == 'news'] == list(range(20))
    assert [data for event, data in inbox.events if event == 'other'] == list(range(20))


async def test_with_another_server_than_uvicorn_a_socket_gets_messages_the_public_way(
    sio: socketio.AsyncServer, fanout: Fanout
) -> None:
    app = socketio.ASGIApp(sio)

    async def other_server(scope: Any, receive: Any, send: Any) -> None:
        async def receive_its_own_way() -> Any:
            return await receive()

        await app(dict(scope), receive_its_own_way, send)

    async with serving_app(other_server) as server:
        socket, inbox = await open_socket(server)
        assert find_connection(sio, socket.sid) is None
        await fanout.add(socket.sid)
        fanout.send('by sio.emit')
        await inbox.wait_for('news', 'by sio.emit')


async def test_a_stalled_socket_delays_nobody_and_holds_no_queue(
    sio: socketio.AsyncServer, server: uvicorn.Server, fanout: Fanout
) -> None:
    stalled, stalled_inbox = await open_socket(server)
    lively, lively_inbox = await open_socket(server)
    for socket in (stalled, lively):
        await fanout.add(socket.sid)
    connection = find_connection(sio, stalled.sid)
    assert connection is not None
    stalled.stall()
    sent = 0
    while connection.writable.is_set():
        fanout.send([sent, BIG])
        await lively_inbox.wait_for('news', [sent, BIG])
        sent += 1
    held = connection.transport.get_write_buffer_size()
    for number in range(200):
        fanout.send(number)
    await lively_inbox.wait_for('news', 199)
    assert connection.transport.get_write_buffer_size() <= held, 'something was queued for the stalled socket'
    stalled.recover()
    await stalled_inbox.wait_for('news', 'you missed something')
    assert len(stalled_inbox.events) == sent + 1
    fanout.send('and on')
    await stalled_inbox.wait_for('news', 'and on')


async def test_a_socket_that_closes_while_it_is_stalled_is_forgotten(
    sio: socketio.AsyncServer, server: uvicorn.Server, fanout: Fanout
) -> None:
    stalled, _ = await open_socket(server)
    await fanout.add(stalled.sid)
    connection = find_connection(sio, stalled.sid)
    assert connection is not None
    stalled.stall()
    while not fanout.behind:
        fanout.send(BIG)
        await asyncio.sleep(0)
    stalled.abort()
    await until(lambda: not fanout.behind)
    fanout.send('nobody is there')


def test_a_frame_is_valid_on_compressed_connections_too() -> None:
    """The client has agreed to permessage-deflate, and still takes a frame that is not compressed."""
    client, server = WSConnection(ConnectionType.CLIENT), WSConnection(ConnectionType.SERVER)
    server.receive_data(client.send(Request(host='h', target='/', extensions=[PerMessageDeflate()])))
    assert isinstance(next(server.events()), Request)
    client.receive_data(server.send(AcceptConnection(extensions=[PerMessageDeflate()])))
    accepted = next(client.events())
    assert isinstance(accepted, AcceptConnection)
    assert accepted.extensions, 'compression was not agreed upon'
    for payload in (b'short', b'x' * 1000, b'y' * 40_000, b'z' * 70_000):
        client.receive_data(server.send(TextMessage(data='compressed')) + text_frame(payload))
        texts = [''.join(parts) for parts in _messages(client)]
        assert texts == ['compressed', payload.decode()]


def _messages(connection: WSConnection) -> list[list[str]]:
    messages: list[list[str]] = [[]]
    for event in connection.events():
        assert isinstance(event, TextMessage)
        messages[-1].append(event.data)
        if event.message_finished:
            messages.append([])
    return messages[:-1]


def test_the_prefix_is_that_of_an_event_of_python_socketio() -> None:
    packet = socketio.packet.Packet(socketio.packet.EVENT, data=['news', {'a': 1}]).encode()
    assert orjson.loads(packet[1:]) == ['news', {'a': 1}]
    assert EVENT_PREFIX.decode() == f'{engineio.packet.MESSAGE}{packet[0]}'
