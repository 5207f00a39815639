"""Finds the server that ``setup()`` made, from anywhere in the program. Imports nothing of todosync."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import orjson
from nicegui import app

if TYPE_CHECKING:
    from todosync.assembly import SyncServer
    from todosync.streams import Row, ScopeValue, Stream


def current_server() -> SyncServer:
    """Return the server that ``setup()`` made.

    :raises RuntimeError: ``setup()`` has not been called

    Example::

        with todosync.current_server().database.write() as session:  # in a thread
            session.add(Note(text='Call Ann'))
    """
    server = getattr(app.state, 'todosync', None)
    if server is None:
        raise RuntimeError('there is no server yet; call todosync.setup(settings, streams=[...]) before ui.run()')
    return cast('SyncServer', server)


def set_current_server(server: SyncServer) -> None:
    """Make a server the one that :func:`current_server` returns."""
    app.state.todosync = server


def broadcast_later() -> None:
    """Have all committed changes broadcast soon. Any thread may call this. It returns at once.

    todosync also notices writes by itself, its own and those of any other program. This is for code that does not want
    to wait for that.

    :raises RuntimeError: ``setup()`` has not been called

    Example::

        todosync.broadcast_later()
    """
    current_server().broadcaster.broadcast_later()


def enqueue(run: Callable[..., Any], *arguments: Any, at: datetime | None = None, job_id: str | None = None) -> str:
    """Have a function run as a durable job, now or later, in one of the processes that share the jobs.

    When this returns, the job is stored. In production it runs even if this process ends now. It runs once, in a
    thread. If it raises an error, the error is kept as a :class:`FailedExecution`, unless its :func:`job` says to try
    again. This call blocks, so call it in a thread.

    :param run: a function of a module that is marked with :func:`job`; only its name is stored
    :param arguments: the arguments of the function, JSON values
    :param at: the time, with a time zone (default: now)
    :param job_id: an id of your own; a job that waits under it, also for another attempt, is replaced (default: a new
        id)
    :return: the id; ``current_server().jobs.cancel(job_id)`` removes the job as long as it waits
    :raises ValueError: the function cannot be imported by name, or the time has no zone
    :raises TypeError: the function is not marked or is a coroutine function, or an argument is no JSON value
    :raises DatabaseUnavailableError: the job could not be stored
    :raises UnknownOutcomeError: the connection was lost during the commit, so the job may have been stored. To add it
        again under the same ``job_id`` replaces it as long as it waits
    :raises RuntimeError: the call comes from an event loop, or ``setup()`` was not called

    Example::

        tomorrow = datetime.now(UTC) + timedelta(days=1)
        await run.io_bound(todosync.enqueue, remind, note.id, at=tomorrow)
    """
    return current_server().jobs.enqueue(run, *arguments, at=at, job_id=job_id)


def read_rows(stream: Stream, scope: ScopeValue | None = None) -> list[Row]:
    """Return a stream's rows in their order, through the cache. They are never older than the last commit.

    This call blocks, so call it in a thread.

    :param stream: a stream that was given to ``todosync.setup()``
    :param scope: its scope, if it has scopes
    :return: the rows, as dicts of JSON values
    :raises RuntimeError: the call comes from an event loop, or ``setup()`` was not called with this stream

    Example::

        notes = await asyncio.to_thread(todosync.read_rows, NOTES)
    """
    snapshot = current_server().source(stream, scope).read()
    return cast('list[Row]', orjson.loads(snapshot.value)[stream.name])
