"""Who runs here: finds the server that ``setup()`` made, from anywhere in the program. Imports nothing of todosync."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import orjson
from nicegui import app

if TYPE_CHECKING:
    from todosync.assembly import SyncServer
    from todosync.streams import Row, Stream


def current_server() -> SyncServer:
    """Return the server that ``setup()`` made.

    :raises RuntimeError: ``setup()`` has not been called

    Example::

        with todosync.current_server().database.write() as session:  # in a thread
            session.add(Note(text='Call Ann'))
    """
    server = getattr(app.state, 'todosync', None)
    if server is None:
        raise RuntimeError('call todosync.setup() before ui.run()')
    return cast('SyncServer', server)


def set_current_server(server: SyncServer) -> None:
    """Make a server the one that :func:`current_server` returns."""
    app.state.todosync = server


def broadcast_later() -> None:
    """Have all committed changes broadcast. Returns at once, from any thread; never raises.

    Writes through todosync, and through any other program, are noticed by themselves; this is for code that wants a
    broadcast without waiting for that.

    :raises RuntimeError: ``setup()`` has not been called

    Example::

        todosync.broadcast_later()
    """
    current_server().broadcaster.broadcast_later()


def enqueue(run: Callable[..., Any], *arguments: Any, at: datetime | None = None, job_id: str | None = None) -> str:
    """Have a function run as a durable job, now or later, in one of the processes that share the jobs.

    When this returns, the job is stored: in production it runs even if this process ends now. It runs once, in a
    thread; if it raises, that is kept as a :class:`FailedExecution`, unless its :func:`job` says to try again. Blocks:
    call it in a thread.

    :param run: a function of a module that is marked with :func:`job`; only its name is stored
    :param arguments: JSON values
    :param at: when, with a time zone (default: now)
    :param job_id: replaces what waits under this id, another attempt too (default: a new id)
    :return: the id, with which ``current_server().jobs.cancel(job_id)`` takes the job back
    :raises ValueError: the function cannot be imported by name, or the time has no zone
    :raises TypeError: it is not marked, it is a coroutine function, or an argument is no JSON value
    :raises DatabaseUnavailableError: the job could not be stored
    :raises RuntimeError: called on an event loop, or ``setup()`` has not been called

    Example::

        tomorrow = datetime.now(UTC) + timedelta(days=1)
        await run.io_bound(todosync.enqueue, remind, note.id, at=tomorrow)
    """
    return current_server().jobs.enqueue(run, *arguments, at=at, job_id=job_id)


def read_rows(stream: Stream) -> list[Row]:
    """Return a stream's rows in their order, read through the cache; never older than the last commit.

    Blocks: call it in a thread.

    :param stream: one of those given to ``todosync.setup()``
    :return: the rows, as JSON-like dicts
    :raises RuntimeError: called on an event loop, or ``setup()`` has not been called with this stream

    Example::

        notes = await asyncio.to_thread(todosync.read_rows, NOTES)
    """
    snapshot = current_server().channel(stream).source.read()
    return cast('list[Row]', orjson.loads(snapshot.value)[stream.name])
