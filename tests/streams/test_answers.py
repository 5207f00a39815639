"""Answers to what sockets ask: nothing piles up for one that does not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import uvicorn
from nicegui.server import Server

from tests.light_socket import LightSocket
from tests.sockets import Inbox, connect, serving, until
from tests.streams.house import NEVER, House
from todos import TODOS
from todosync.streams.answers import Answers
from todosync.streams.channel import ANSWER_EVENT
from todosync.streams.channels import Channels
from todosync.streams.disk_cache import DiskCache
from todosync.streams.fanout import find_connection
from todosync.streams.version import NOTHING, Version
from todosync.tabs.backlog import Backlog, limit_backlogs

ROWS = 7000
TITLE = 'x' * 480
ASKS = 3000
QUESTION = {'stream': TODOS.name, 'version': None}


@pytest.fixture
def house(house: House) -> House:
    limit_backlogs(house.sio)
    return house


@pytest.fixture
async def channels(house: House) -> AsyncIterator[Channels]:
    channels = Channels(
        [await house.channel()],
        is_connected=lambda sid: bool(house.sio.manager.is_connected(sid, '/')),
        may_subscribe=lambda sid: True,
    )
    yield channels
    await channels.stop()


@pytest.fixture
async def server(house: House, channels: Channels, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[uvicorn.Server]:
    async with serving(house.sio) as server:
        monkeypatch.setattr(Server, 'instance', server, raising=False)
        yield server


async def open_socket(server: uvicorn.Server) -> tuple[LightSocket, Inbox]:
    inbox = Inbox()
    return await connect(server, inbox), inbox


def snapshots(inbox: Inbox) -> list[Any]:
    return [data for event, data in inbox.events if event == ANSWER_EVENT and TODOS.name in data]


def count_asks(house: House, channels: Channels) -> Callable[[], int]:
    """Have the channels asked; returns a function that tells how often they have been."""
    handled: list[str] = []

    async def handle(sid: str, data: dict[str, Any]) -> dict[str, Any]:
        try:
            return await channels.answer_fetch(sid, data)
        finally:
            handled.append(sid)

    house.sio.on('todosync_fetch', handle)
    return lambda: len(handled)


def queued(house: House, sid: str) -> int:
    """Return how many bytes the process holds for a socket."""
    connection = find_connection(house.sio, sid)
    assert connection is not None
    return connection.transport.get_write_buffer_size() + backlog_of(house, sid).size


def backlog_of(house: House, sid: str) -> Backlog:
    backlog = house.sio.eio.sockets[house.sio.manager.eio_sid_from_sid(sid, '/')].queue
    assert isinstance(backlog, Backlog)
    return backlog


async def test_a_socket_that_asks_three_thousand_times_and_does_not_read_gets_one_answer(
    house: House, channels: Channels, server: uvicorn.Server
) -> None:
    handled = count_asks(house, channels)
    await house.execute('INSERT INTO todos(title) VALUES (:title)', *({'title': TITLE} for _ in range(ROWS)))
    stranger, inbox = await open_socket(server)
    stranger.stall()
    for _ in range(ASKS):
        stranger.emit('todosync_fetch', QUESTION)
    await until(lambda: handled() == ASKS)
    honest, its_inbox = await open_socket(server)
    assert await honest.call('todosync_fetch', QUESTION) == {'ok': True}
    await until(lambda: len(snapshots(its_inbox)) == 1)
    size = len(orjson.dumps(snapshots(its_inbox)[0]))
    assert queued(house, stranger.sid) < 2 * size
    stranger.recover()
    assert await stranger.call('todosync_fetch', QUESTION) == {'ok': True}
    # those that the system's own buffers took, the one that was under way, and one for all that was asked meanwhile
    await until(lambda: len(snapshots(inbox)) >= 2)
    assert len(snapshots(inbox)) < 20


async def test_all_who_ask_at_the_same_version_share_one_copy_of_the_list(
    house: House, server: uvicorn.Server, tmp_path: Path
) -> None:
    house.cache = DiskCache(tmp_path, ttl=NEVER, size_limit=2**20)  # each reading gives other bytes
    await house.add('Buy milk')
    channel = await house.channel()
    sockets = [await open_socket(server) for _ in range(3)]
    answers = [await channel.subscribe(socket.sid, NOTHING) for socket, _ in sockets]
    assert answers[0] is answers[1] is answers[2]
    await house.add('Call Ann')
    newer = await channel.subscribe(sockets[0][0].sid, NOTHING)
    assert [todo['title'] for todo in orjson.loads(newer)['todos']] == ['Call Ann', 'Buy milk']
    house.cache.close()


async def test_a_socket_that_asked_while_the_database_was_away_is_answered_afterwards(
    house: House,
    channels: Channels,
    server: uvicorn.Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr('todosync.streams.answers.RETRY_INTERVAL', 0.01)
    house.sio.on('todosync_fetch', channels.answer_fetch)
    await house.add('Buy milk')
    socket, inbox = await open_socket(server)
    await house.execute('ALTER TABLE changes RENAME TO gone')
    assert await socket.call('todosync_fetch', QUESTION) == {'ok': True}
    await until(lambda: 'what browsers lack of the todos could not be read' in caplog.text)
    await house.execute('ALTER TABLE gone RENAME TO changes')
    await until(lambda: len(snapshots(inbox)) == 1)
    assert caplog.text.count('what browsers lack') == 1


async def test_a_socket_that_has_gone_is_asked_for_no_more() -> None:
    connected, answered = {'a', 'b'}, asyncio.Queue[str]()

    async def answer(sid: str, version: Version) -> None:
        await answered.put(sid)
        if sid == 'a':
            connected.discard(sid)

    answers = Answers('todos', answer, connected.__contains__)
    for sid in ('a', 'b', 'a', 'b'):
        answers.ask(sid, NOTHING)
    assert [await answered.get() for _ in range(2)] == ['a', 'b']
    answers.ask('a', NOTHING)
    answers.ask('b', NOTHING)
    assert await answered.get() == 'b'
    await answers.stop()
    assert answered.empty()


async def test_a_browser_that_polls_gets_one_answer_at_a_time(
    house: House, channels: Channels, server: uvicorn.Server
) -> None:
    handled = count_asks(house, channels)
    await house.add('Buy milk')
    await channels.of(TODOS).catch_up()
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f'http://127.0.0.1:{port}/socket.io/?EIO=4&transport=polling'
    question = f'42{orjson.dumps(["todosync_fetch", QUESTION]).decode()}'
    async with httpx.AsyncClient() as http:
        handshake = orjson.loads((await http.get(url)).text[1:])
        url += f'&sid={handshake["sid"]}'
        await http.post(url, content='40')
        sid = orjson.loads((await http.get(url)).text[2:])['sid']
        for _ in range(20):
            await http.post(url, content='\x1e'.join([question] * 10))
        await until(lambda: handled() == 200 and not backlog_of(house, sid).empty())
        for _ in range(2):  # the first one, and one for all that was asked before it was taken
            assert len((await http.get(url)).text.split('\x1e')) == 1
