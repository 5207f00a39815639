"""Puts todosync into the NiceGUI app, and finds it there again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from asgi_correlation_id import CorrelationIdMiddleware
from nicegui import app, ui

from . import api, browser, exports, metrics
from .models import TODOS
from .server import SyncServer
from .serving import AfterStart, load_all_elements
from .settings import Settings
from .streams import Record, Stream
from .tuning import settle_allocator

log = logging.getLogger(__name__)


def setup(settings: Settings | None = None, *, streams: Iterable[Stream] = ()) -> SyncServer:
    """Put todosync into the NiceGUI app: routes, the browser's part, and what runs from start-up to shutdown.

    Call it once, before ``ui.run()``. Importing ``todosync`` does nothing of this.

    :param settings: the settings (default: from the environment)
    :param streams: the tables of one's own that are to be kept alive besides the todos
    :return: the server, for those who want to look at its parts
    :raises pydantic.ValidationError: a setting is wrong

    Example::

        settings = todosync.Settings()
        todosync.setup(settings)
        ui.run(storage_secret=settings.resolve_storage_secret())
    """
    settle_allocator()
    server = SyncServer(settings or Settings(), streams)
    if server.settings.is_production:
        load_all_elements()
    app.state.todosync = server
    app.add_middleware(AfterStart, start=server.start)
    app.add_middleware(CorrelationIdMiddleware)
    for router in (api.make_router(server), exports.make_router(server), metrics.make_router(server.status)):
        app.include_router(router)
        server.api_routes += router.routes
    app.include_router(browser.make_router(server.sessions))
    ui.add_head_html(browser.serve_modules(), shared=True)
    if server.cannot_share_sockets:
        log.warning('each tab keeps a socket of its own: %s', server.cannot_share_sockets)
        ui.add_head_html(browser.keep_tabs_apart(server.cannot_share_sockets), shared=True)
    app.on_startup(server.start)
    app.on_connect(server.on_connect)
    app.on_delete(server.on_delete)
    app.on_shutdown(server.stop)
    return server


def current_server() -> SyncServer:
    """Return the server that ``setup()`` made.

    :raises RuntimeError: ``setup()`` has not been called

    Example::

        with todosync.current_server().database.write() as session:  # in a thread
            session.add(Note(text='Call Ann'))
    """
    server = getattr(app.state, 'todosync', None)
    if not isinstance(server, SyncServer):
        raise RuntimeError('call todosync.setup() before ui.run()')
    return server


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


def broadcast_list(stream: Stream = TODOS) -> list[Record]:
    """Return a stream's rows, newest first, read through the cache; never older than the last commit.

    Blocks: call it in a thread.

    :raises RuntimeError: called on an event loop, or ``setup()`` has not been called

    Example::

        todos = await asyncio.to_thread(todosync.broadcast_list)
    """
    records: list[Record] = current_server().channel(stream).read_list()[stream.name]
    return records
