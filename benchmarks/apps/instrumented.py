"""The app as it is, with routes that time what happens inside it."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import re
import runpy
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
from anyio import to_thread
from fastapi import WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse
from nicegui import Client, app, core
from sqlalchemy import event
from sqlmodel import Session

import todosync
from todos import TODOS
from todosync.streams.fanout import Fanout, find_connection, text_frame

MAIN = Path(__file__).parent.parent.parent / 'main.py'
PAUSE = 0.15
"""Seconds between two changes, and the length of a round of the fan-out. All work has ended long before."""
ROOM = 'benchmark'
EVENT = 'todosync_data'
HOUR = 3600.0
THREADS_MAX = 32
"""How many threads the event loop's own pool may have."""
FLOOR_PAGE = """<!doctype html><p>Buy milk</p><script>
  const show = (text) => (document.querySelector('p').textContent = text);
  const channel = new BroadcastChannel('floor');
  channel.onmessage = ({ data }) => show(data);
  if (location.hash === '#socket') new WebSocket(location.href.split('#')[0].replace('http', 'ws')).onmessage =
    ({ data }) => (channel.postMessage(data), show(data));
</script>"""

committed_at = 0.0
floor_sockets: set[WebSocket] = set()


@event.listens_for(Session, 'after_commit')
def note_commit(session: Session) -> None:
    global committed_at  # noqa: PLW0603 - there is one database
    committed_at = time.time()


@app.post('/benchmark/renames/{todo_id}')
async def rename(todo_id: int, rounds: int, floor: bool) -> dict[str, float]:
    """Change a title as a handler does, again and again, while the server has no other work.

    :param floor: tell it to the pages of the floor, too, at once
    :return: when each of the titles was committed
    """
    writer = todosync.current_server().writer
    commits = {}
    for number in range(rounds):
        title = f'painted-{number}'
        await asyncio.sleep(PAUSE)
        await writer.in_thread(writer.update, TODOS, todo_id, {'title': title})
        commits[title] = committed_at
        if floor:
            for socket in floor_sockets:
                await socket.send_text(title)
    return commits


@app.get('/benchmark/floor', response_class=HTMLResponse)
async def floor() -> str:
    """Show one line of text in the quickest way."""
    return FLOOR_PAGE


@app.websocket('/benchmark/floor')
async def open_floor_socket(socket: WebSocket) -> None:
    """Send renamed todos to a page of the floor."""
    await socket.accept()
    floor_sockets.add(socket)
    with suppress(WebSocketDisconnect):
        await socket.receive()
    floor_sockets.discard(socket)


@app.post('/benchmark/counts')
async def counts() -> dict[str, int]:
    """Count everything that could stay in memory."""
    gc.collect()
    await to_thread.run_sync(_do_nothing)  # with this, AnyIO ends threads that have long had no work
    return {'tasks': len(asyncio.all_tasks()), 'clients': len(Client.instances)}


class Mallinfo(ctypes.Structure):
    """What glibc says of its memory, see mallinfo2(3)."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *('arena', 'ordblks', 'smblks', 'hblks', 'hblkhd'),
            *('usmblks', 'fsmblks', 'uordblks', 'fordblks', 'keepcost'),
        )
    ]


@app.post('/benchmark/memory')
async def memory() -> int:
    """Return how many bytes are in use, without what Python and glibc keep free."""
    gc.collect()
    library = ctypes.CDLL(None)
    library.mallinfo2.restype = Mallinfo
    by_glibc = library.mallinfo2()
    return _bytes_of_small_objects() + by_glibc.uordblks + by_glibc.hblkhd


def _bytes_of_small_objects() -> int:
    """Return what CPython says of its own memory. It says it only on the file of errors."""
    with tempfile.TemporaryFile() as said:
        errors = os.dup(2)
        os.dup2(said.fileno(), 2)
        sys._debugmallocstats()  # noqa: SLF001
        os.dup2(errors, 2)
        os.close(errors)
        said.seek(0)
        found = re.search(rb'bytes in allocated blocks\s*=\s*([\d,]+)', said.read())
    assert found
    return int(found[1].replace(b',', b''))


@app.post('/benchmark/connections')
async def open_connections(count: int) -> None:
    """Make what is made only once: have so many threads read the database at once, and leave all that to the pools."""
    together = threading.Barrier(count)
    with ThreadPoolExecutor(count) as others:
        read_at_once = (asyncio.wrap_future(others.submit(_read_database, together)) for _ in range(count))
        await asyncio.gather(*read_at_once, *(asyncio.to_thread(time.sleep, PAUSE) for _ in range(THREADS_MAX)))


def _read_database(together: threading.Barrier) -> None:
    with todosync.current_server().database.read() as session:
        session.connection()
        together.wait()


def _do_nothing() -> None:
    pass


@app.post('/benchmark/quiet')
async def be_quiet() -> None:
    """Send no pings to sockets that connect from now on, because pings would be measured, too."""
    core.sio.eio.ping_interval = HOUR


@app.post('/benchmark/fanout/{way}')
async def fan_out(way: str, first: int, rounds: int) -> list[dict[str, float]]:
    """Send messages to all sockets, one after the other.

    :param way: ``app``, ``emit`` or ``floor``
    :param first: the version of the first message
    :return: for each message when it began, and the processor time of the event loop's thread
    """
    for sid in sids():
        await core.sio.enter_room(sid, ROOM)
    send = await {'app': by_app, 'emit': by_emit, 'floor': by_floor}[way]()
    results = []
    for version in range(first, first + rounds):
        await asyncio.sleep(PAUSE)
        idle = await timed(None)
        began = time.monotonic()
        used = await timed(send(message(version)))
        results.append({'began': began, 'cpu': max(0.0, used - idle)})
    return results


async def timed(work: Coroutine[Any, Any, None] | None) -> float:
    before = time.thread_time()
    if work is not None:
        await work
    await asyncio.sleep(PAUSE)
    return time.thread_time() - before


def message(version: int) -> dict[str, Any]:
    """Return a message of the usual size. It changes nothing, because no browser shows its stream."""
    todo = {'id': 1, 'title': 'Buy milk', 'completed': True, 'created_at': '2026-11-22T18:00:00.000000Z'}
    base, after = [version - 1, 'mark'], [version, 'mark']
    return {'stream': 'benchmark', 'base': base, 'version': after, 'put': [todo], 'del': []}


async def by_app() -> Callable[[Any], Coroutine[Any, Any, None]]:
    fanout = Fanout(core.sio, EVENT, lambda: None)
    for sid in sids():
        await fanout.add(sid)

    async def send(content: Any) -> None:
        fanout.send(content)

    return send


async def by_emit() -> Callable[[Any], Coroutine[Any, Any, None]]:
    async def send(content: Any) -> None:
        await core.sio.emit(EVENT, content, room=ROOM)

    return send


async def by_floor() -> Callable[[Any], Coroutine[Any, Any, None]]:
    """Return the floor: write a finished frame to each transport, and nothing else."""
    connections = [connection for sid in sids() if (connection := find_connection(core.sio, sid))]

    async def send(content: Any) -> None:
        frame = text_frame(b'42' + orjson.dumps([EVENT, content]))
        for connection in connections:
            connection.transport.write(frame)

    return send


def sids() -> list[str]:
    return [sid for sid, _ in core.sio.manager.get_participants('/', None)]


runpy.run_path(str(MAIN), run_name='__main__')
