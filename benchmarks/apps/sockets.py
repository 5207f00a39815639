"""An app of one page whose tabs share a socket, with a route that times what sockets cost in its server."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Awaitable, Callable

import httpx
import socketio
from fastapi.responses import JSONResponse
from nicegui import app, core, ui

import todosync
from tests.tabs.in_process import InProcessSocket
from todosync.tabs.client_manager import IndexedManager

settings = todosync.Settings()
todosync.setup(settings)


@ui.page('/')
def index() -> None:
    ui.button('press')


@app.post('/benchmark/sockets')
async def sockets(count: int, rounds: int, indexed: bool) -> JSONResponse:
    """Time one socket beside so many others, and the end of all of them, in seconds of processor time.

    :param indexed: whether with the client manager of ours, or with python-socketio's
    """
    core.sio.manager = IndexedManager() if indexed else socketio.AsyncManager()
    core.sio.manager.set_server(core.sio)
    others = [await connect() for _ in range(count)]

    async def come() -> None:
        others.append(await connect())

    async def look() -> None:
        core.sio.rooms(others[0].sid)

    costs = {'connect': await timed(rounds, come)}
    costs['frame'] = await time_of_frames(rounds)
    costs['rooms'] = await timed(rounds, look)
    costs['end'] = await timed(rounds, lambda: others.pop().disconnect())
    left = len(others)
    if not indexed:  # all of them would take minutes
        core.sio.manager = IndexedManager.taking_over(core.sio.manager)
    began = time.process_time()
    for socket in others:
        await socket.disconnect()
    # each costs as much as there are left, without an index: half of the first one's cost on average
    costs['end_of_all'] = time.process_time() - began if indexed else costs['end'] * left / 2
    return JSONResponse(costs)


async def time_of_frames(rounds: int) -> float:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url='http://inside') as browser:
        page = (await browser.get('/')).text
    found = re.search(r"'client_id': '([0-9a-f-]+)'", page)
    assert found
    client_id = found[1]
    query = f'client_id={client_id}&tab_id=tab&document_id=document&next_message_id=0&implicit_handshake=true'
    socket = await InProcessSocket.connect(core.sio, query)
    await socket.call('todosync_hello', {'client_id': client_id, 'document_id': 'document'})
    numbers = iter(range(1, rounds + 1))

    async def send() -> None:
        data = {'client_id': client_id, 'level': 'debug', 'message': 'a frame'}
        frame = {
            'client_id': client_id,
            'document_id': 'document',
            'number': next(numbers),
            'event': 'log',
            'data': data,
        }
        assert (await socket.call('todosync_up', frame))['ok']

    cost = await timed(rounds, send)
    await socket.disconnect()
    return cost


async def timed(rounds: int, run: Callable[[], Awaitable[None]]) -> float:
    began = time.process_time()
    for _ in range(rounds):
        await run()
    return (time.process_time() - began) / rounds


async def connect() -> InProcessSocket:
    """Connect a socket that is in a room of its own, as that of a page is."""
    socket = await InProcessSocket.connect(core.sio)
    await core.sio.enter_room(socket.sid, str(uuid.uuid4()))
    return socket


ui.run(host=settings.host, port=settings.port, reload=False, show=False, show_welcome_message=False)
