"""The client manager behaves as python-socketio's own, and a socket costs the same however many there are."""

from __future__ import annotations

import random
import re
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import socketio
from nicegui import core
from nicegui.testing import User, user_simulation

from tests.tabs.in_process import InProcessSocket
from todosync.tabs import socketio_contract
from todosync.tabs.client_manager import IndexedManager, index_rooms

MAIN = """
import todosync
from nicegui import ui
todosync.share_socket()
@ui.page('/')
def index(): ui.button('press')
ui.run(storage_secret='secret')
"""
FEW, MANY = 50, 5000
ONCE = 20
"""Lines that run for the first page of all, or when something else of the page is due."""


@pytest.fixture
async def user(tmp_path: Path) -> AsyncIterator[User]:
    main = tmp_path / 'main.py'
    main.write_text(MAIN)
    async with user_simulation(main_file=main) as user:
        yield user


def test_the_installed_python_socketio_is_as_expected() -> None:
    assert socketio_contract.manager_difference() is None
    assert socketio_contract.server_difference(socketio.AsyncServer(async_mode='asgi')) is None


@pytest.mark.parametrize('name', [*socketio_contract.METHODS])
def test_a_method_that_is_gone_or_takes_something_else_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socketio.AsyncManager, name, lambda self, anything: None)
    assert name in str(socketio_contract.manager_difference())
    monkeypatch.delattr(socketio.AsyncManager, name)
    monkeypatch.delattr(socketio.AsyncManager.__mro__[1], name)
    assert f'{name} is gone' in str(socketio_contract.manager_difference())


def test_a_disconnect_that_has_more_to_forget_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    original = socketio.AsyncManager.basic_disconnect

    def basic_disconnect(self: Any, sid: str, namespace: str, **kwargs: Any) -> None:
        original(self, sid, namespace, **kwargs)
        self.something_new.discard(sid)

    monkeypatch.setattr(socketio.AsyncManager, 'basic_disconnect', basic_disconnect)
    assert 'something_new' in str(socketio_contract.manager_difference())


def test_a_server_keeps_its_manager_where_python_socketio_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    sio = socketio.AsyncServer(async_mode='asgi')
    monkeypatch.setattr(socketio_contract, 'STATE', {'a_state_of_the_future': dict})
    index_rooms(sio)
    assert type(sio.manager) is socketio.AsyncManager


@pytest.mark.parametrize('seed', range(20))
def test_rooms_are_those_of_the_original_whatever_happens(seed: int) -> None:
    original, indexed = (socketio.AsyncServer(async_mode='asgi') for _ in range(2))
    chance = random.Random(seed)
    if seed % 2:
        index_rooms(indexed)
    for step in range(300):
        if step == 100:
            index_rooms(indexed)  # with sockets that are connected already
        _do_the_same(chance, original.manager, indexed.manager)
    assert type(indexed.manager) is IndexedManager
    sids = _sids(original.manager)
    for sid in sids:
        for manager in (original.manager, indexed.manager):
            manager.basic_disconnect(sid, '/')
    assert indexed.manager.rooms == original.manager.rooms == {}
    assert not any(indexed.manager.get_rooms(sid, '/') for sid in sids)


def _do_the_same(chance: random.Random, original: Any, indexed: Any) -> None:
    sids = _sids(original)
    action = chance.choice(['come', 'come', 'enter', 'enter', 'leave', 'close', 'end', 'go'])
    sid, room = chance.choice(sids or ['nobody']), f'room {chance.randrange(5)}'
    number = str(chance.random())
    for manager in (original, indexed):
        if action == 'come':
            manager.basic_enter_room(number, '/', None, eio_sid=f'eio {number}')
            manager.basic_enter_room(number, '/', number, eio_sid=f'eio {number}')
            manager.callbacks[number] = {}
            manager.pending_connect.setdefault('/', []).append(number)
        elif action == 'enter' and sids:
            manager.basic_enter_room(sid, '/', room)
        elif action == 'leave':
            manager.basic_leave_room(sid, '/', room)
        elif action == 'close':
            manager.basic_close_room(room, '/')
        elif action == 'end' and sids:
            manager.pre_disconnect(sid, '/')
        elif action == 'go':
            manager.basic_disconnect(sid, '/')
    for name in ('rooms', 'callbacks', 'pending_connect', 'pending_disconnect'):
        assert getattr(indexed, name) == getattr(original, name)
    for sid in sids:
        assert sorted(indexed.get_rooms(sid, '/')) == sorted(original.get_rooms(sid, '/'))


def _sids(manager: Any) -> list[str]:
    return sorted(manager.rooms.get('/', {}).get(None, {}))


async def test_a_connect_a_frame_and_the_end_of_a_socket_cost_the_same_with_many_others(user: User) -> None:
    few = await _lines_of_a_life(user, others=FEW)
    many = await _lines_of_a_life(user, others=MANY)
    assert all(many[step] <= few[step] + ONCE for step in few), (few, many)
    assert min(few.values()) > 0


async def _lines_of_a_life(user: User, others: int) -> dict[str, int]:
    """Return how many lines of python-socketio and of ours run for one socket while there are others."""
    sockets = []
    while len(sockets) < others:
        sockets.append(socket := await InProcessSocket.connect(core.sio))
        await core.sio.enter_room(socket.sid, str(uuid.uuid4()))  # as that of a page
    page = (await user.http_client.get('/')).text
    found = re.search(r"'client_id': '([0-9a-f-]+)'", page)
    assert found
    client_id = found[1]
    counts: dict[str, int] = {}
    with counted_lines(counts, 'connect'):
        query = f'client_id={client_id}&tab_id=tab&document_id=document&next_message_id=0&implicit_handshake=true'
        socket = await InProcessSocket.connect(core.sio, query)
    with counted_lines(counts, 'hello'):
        assert (await socket.call('todosync_hello', {'client_id': client_id, 'document_id': 'document'}))['ok']
    frame = {'client_id': client_id, 'level': 'debug', 'message': 'a frame'}
    with counted_lines(counts, 'frame'):
        numbered = {'client_id': client_id, 'document_id': 'document', 'number': 1, 'event': 'log', 'data': frame}
        assert await socket.call('todosync_up', numbered) == {'ok': True, 'received': 1}
    with counted_lines(counts, 'end'):
        await socket.disconnect()
    for socket in sockets:
        await socket.disconnect()
    return counts


@contextmanager
def counted_lines(counts: dict[str, int], name: str) -> Iterator[None]:
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        path = frame.f_code.co_filename
        if '/socketio/' not in path and '/todosync/tabs/' not in path:
            return None
        count += event == 'line'
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
    counts[name] = count
