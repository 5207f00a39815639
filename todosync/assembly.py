"""The assembly: which parts there are, how they are wired, and the order in which they start and stop.

Imports every room but ``production``, which adds itself by ``todosync.add_production()``.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from fastapi import APIRouter
from nicegui import Client, app, core
from starlette.routing import BaseRoute

from todosync import upkeep
from todosync.cable import Cable, MemoryCable, SqliteCable
from todosync.database import Database, DatabaseUnavailableError
from todosync.http import AfterStart, make_export_router, make_health_router
from todosync.jobs import Jobs, LocalJobs
from todosync.runtime import current_server, set_current_server
from todosync.settings import Settings
from todosync.streams import Broadcaster, Cache, Channel, Channels, DiskCache, MemoryCache, Stream, check_names
from todosync.tabs import Sessions, Tabs, share_socket, shared_socket
from todosync.views import Views
from todosync.writes import Writer

if TYPE_CHECKING:
    from todosync.production import StatusBoard

BROADCAST_MAX_AGE = 60.0
"""Seconds without a successful broadcast run after which a process is not healthy; it runs every 10 by itself."""
STREAMS_MODULE = 'streams/streams.js'
"""What pages load besides ``leader.js`` in an app that has streams: any page may lead, and pass them on to others."""
RETRY_INTERVAL = 1.0
"""Seconds between two attempts to open what a server needs."""

log = logging.getLogger(__name__)


def setup(settings: Settings | None = None, *, streams: Iterable[Stream] = ()) -> SyncServer:
    """Put todosync into the NiceGUI app: the browser's part, and what runs from start-up to shutdown.

    Call it before ``ui.run()``. Importing ``todosync`` does nothing of this. It may be called again: the last call
    counts until NiceGUI has started, as in tests; then the running server is kept and returned, as for each client of
    an app without a page function.

    :param settings: the settings (default: from the environment)
    :param streams: the tables that are to be kept alive; one that no migration makes is created as its model says
    :return: the server, for those who want to look at its parts
    :raises pydantic.ValidationError: a setting is wrong

    Example::

        settings = todosync.Settings()
        todosync.setup(settings, streams=[NOTES])
        ui.run(storage_secret=settings.resolve_storage_secret())
    """
    if app.is_started:
        return current_server()
    with suppress(RuntimeError):  # there is none before the first call
        current_server().remove_routes()
    server = SyncServer(settings or Settings(), streams)
    set_current_server(server)
    share_socket(tabs_per_socket=server.settings.tabs_per_socket, reconnect_timeout=server.settings.reconnect_timeout)
    server.add_routes(make_health_router(server))
    # of the current server, whichever it is by then
    app.add_middleware(AfterStart, start=_start)
    app.on_startup(_start)
    app.on_connect(_on_connect)
    app.on_delete(_on_delete)
    app.on_shutdown(_stop)
    return server


async def _start() -> None:
    await current_server().start()


async def _stop() -> None:
    await current_server().stop()


def _on_connect(client: Client) -> None:
    current_server().on_connect(client)


def _on_delete(client: Client) -> None:
    current_server().on_delete(client)


class Part(Protocol):
    """What starts with a server, and stops with it."""

    def start(self) -> None:
        """Start; safe to call twice."""

    def stop(self) -> None:
        """Stop; safe to call twice. May block, and is called in a thread."""


class SyncServer:
    """All parts of one process, wired together.

    :param settings: the settings
    :param streams: the tables that are to be kept alive

    Example::

        server = todosync.setup(settings)
        print(server.health())
    """

    def __init__(self, settings: Settings, streams: Iterable[Stream] = ()) -> None:
        self.settings = settings
        self.streams = list(streams)
        check_names(self.streams)
        self.database = Database(
            settings.data_url,
            migrations=settings.migrations,
            busy_timeout=settings.busy_timeout,
            on_commit=self._on_commit,
        )
        self.writer = Writer(self.database)
        self.cache = self._make_cache()
        self.cable = self._make_cable()
        self.jobs = Jobs(settings.queue_url, settings.poll_interval)
        for run, cron in upkeep.SCHEDULE.items():
            self.jobs.add_recurring(run.__name__, run, cron)
        self.local_jobs = LocalJobs(self.jobs.failed)
        self.broadcaster = Broadcaster(self.database, self.cable, self.local_jobs, self.jobs.failed, self.streams)
        self.commits = self.database.commit_signal(settings.poll_interval, self.broadcaster.broadcast_later)
        self.views = Views()
        self._socket = shared_socket()
        # the tabs are made anew whenever share_socket() is called
        self.channels = Channels(
            map(self._make_channel, self.streams),
            is_connected=lambda sid: core.sio.manager.is_connected(sid, '/'),
            may_subscribe=self._socket.is_leader,
        )
        self.api_routes: list[BaseRoute] = []
        """The routes that have nothing to do with pages."""
        self._app_routes: list[BaseRoute] = []
        self.parts: list[Part] = []
        """What starts after everything else, and stops before it."""
        self.checks: dict[str, Callable[[], dict[str, Any]]] = {}
        """What :meth:`health` looks at besides, by name; each returns at least ``ok``. Without it this process still
        serves, so a check that fails makes it degraded, not unhealthy."""
        self.status: StatusBoard | None = None
        """The reports of all processes, where ``add_production()`` was asked for."""
        self.is_started = False
        self.is_draining = False
        self._stopping = threading.Event()
        self._starting: asyncio.Task[None] | None = None

    @property
    def tabs(self) -> Tabs:
        """Which tabs are carried over which socket."""
        return self._socket.tabs

    @property
    def sessions(self) -> Sessions:
        """Which browser session a page belongs to."""
        return self._socket.sessions

    def add_routes(self, router: APIRouter) -> None:
        """Serve routes that have nothing to do with pages. A lifespan of the router's is not taken over.

        :param router: the routes

        Example::

            server.add_routes(make_router(server))
        """
        if core.is_script_mode_re_execution():
            return  # they are there since the script's first execution
        # FastAPI puts the lifespan of a router around that of the app, once more for each router of each test
        lifespan = app.router.lifespan_context
        before = list(app.router.routes)
        app.include_router(router)
        app.router.lifespan_context = lifespan
        self._app_routes += [route for route in app.router.routes if route not in before]
        self.api_routes += router.routes

    def remove_routes(self) -> None:
        """Serve the routes no longer that were added: another server takes the place of this one."""
        for route in self._app_routes:
            with suppress(ValueError):  # NiceGUI removes routes between tests
                app.router.routes.remove(route)

    def add_exports(self, *streams: Stream) -> None:
        """Offer each stream for download, at ``/<name>/export.csv`` and ``/<name>/export.json``.

        :param streams: streams of this server

        Example::

            server.add_exports(NOTES)
        """
        self.add_routes(make_export_router(self, streams))

    def channel(self, stream: Stream) -> Channel:
        """Return a stream's channel.

        :param stream: a stream that was given to ``setup()``
        :raises RuntimeError: it was not
        """
        return self.channels.of(stream)

    async def start(self) -> None:
        """Bring the database up to date, load the lists, and begin to broadcast; later calls wait for the first."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        await asyncio.shield(self._starting)

    async def _start(self) -> None:
        if self.streams:
            self._socket.entries.add(STREAMS_MODULE)
        if not await asyncio.to_thread(self._open_patiently):
            return
        await self.channels.start()
        self._socket.role_listeners.append(self.views.set_role)
        core.sio.on('todosync_fetch', self.channels.answer_fetch)
        self.commits.start()
        for part in self.parts:
            part.start()
        self.is_started = True

    async def stop(self) -> None:
        """Stop everything, in the opposite order; safe to call twice."""
        self._stopping.set()
        if self._starting is not None:
            await asyncio.wait([self._starting])  # what is stopped half way through its start would run on
        for part in reversed(self.parts):
            await asyncio.to_thread(part.stop)
        await asyncio.to_thread(self.commits.stop)
        if self.views.set_role in self._socket.role_listeners:
            self._socket.role_listeners.remove(self.views.set_role)
        self._socket.entries.discard(STREAMS_MODULE)
        await self.channels.stop()
        self.views.clear()
        await asyncio.to_thread(self.close)

    def open(self) -> None:
        """Open what does not need an event loop: database, cable and jobs. Blocks. :meth:`start` does this, too.

        For a program beside the app, which writes or has jobs run, and serves no pages.

        :raises DatabaseUnavailableError: the database, or the store of the jobs, cannot be opened now
        :raises OSError: the storage directory, or the cable, cannot be opened

        Example::

            server = todosync.setup(settings, streams=[NOTES])
            server.open()
        """
        self.settings.prepare_storage()
        self.database.migrate()
        for stream in self.streams:
            self.database.install_change_log(stream.log_table)
        self.cable.start()
        self.jobs.start()
        self.local_jobs.start()
        self.broadcaster.start()

    def close(self) -> None:
        """Close what :meth:`open` has opened, in the opposite order; safe to call twice. Blocks."""
        self.broadcaster.stop()
        self.local_jobs.stop()
        self.jobs.stop()
        self.cable.stop()
        self.cache.close()
        self.database.close()

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Return whether this process can serve, and what it looked at. Blocks."""
        checks: dict[str, Any] = {}
        started = time.perf_counter()
        try:
            with self.database.read() as session:
                checks['versions'] = {stream.name: stream.version(session) for stream in self.streams}
            checks['database'] = {'ok': True, 'ms': round((time.perf_counter() - started) * 1000, 1)}
        except Exception as error:
            checks['database'] = {'ok': False, 'error': f'{type(error).__name__}: {error}'}
        age = self.broadcaster.seconds_since_success()
        checks['broadcast'] = {'ok': age < BROADCAST_MAX_AGE, 'seconds_since_success': round(age, 1)}
        parts_are_well = checks['database']['ok'] and checks['broadcast']['ok']
        healthy = parts_are_well and self.is_started and not self.is_draining
        further = {name: check() for name, check in self.checks.items()}
        checks |= {**further, 'sockets': self.tabs.socket_count, 'followers': self.tabs.carried_count}
        status = 'ok' if healthy else 'draining' if self.is_draining else 'unhealthy' if self.is_started else 'starting'
        if status == 'ok' and not all(check['ok'] for check in further.values()):
            status = 'degraded'
        return healthy, {'status': status, **checks}

    def drain(self) -> None:
        """Call this process unhealthy from now on, so that no new request is sent to it, while it still serves."""
        self.is_draining = True

    def _open_patiently(self) -> bool:
        """Open everything as soon as that is possible: a database may start later than the servers that use it.

        :return: whether it did, before the server was stopped
        """
        known = ''
        while not self._stopping.is_set():
            try:
                self.open()
            except (DatabaseUnavailableError, OSError) as error:
                if str(error) != known:
                    log.error('cannot start yet, trying on: %s', error)
                known = str(error)
                self._stopping.wait(RETRY_INTERVAL)
            else:
                return True
        return False

    def _make_cache(self) -> Cache:
        settings = self.settings
        if settings.is_production:
            return DiskCache(settings.cache_dir, settings.cache_ttl, settings.cache_size_limit)
        return MemoryCache(settings.cache_ttl)

    def _make_cable(self) -> Cable:
        settings = self.settings
        match settings.cable_adapter:
            case 'sqlite':
                return SqliteCable(settings.cable_path)
            case 'postgres':
                from todosync.cable.postgres import PostgresCable

                return PostgresCable(settings.data_url)
            case 'memory':
                return MemoryCable()

    def _make_channel(self, stream: Stream) -> Channel:
        limit = self.settings.embed_limit
        channel = Channel(stream, self.database, self.cache, self.cable, core.sio, embed_limit=limit)
        channel.on_change(partial(self.views.refresh, stream.name))
        return channel

    def _on_commit(self) -> None:
        for stream in self.streams:
            self.cache.invalidate(stream.topic)
        self.broadcaster.broadcast_later()

    def on_connect(self, client: Client) -> None:
        """Note that a page is connected, over its own socket or over that of another tab.

        :param client: the page
        """
        client._head_html = ''  # it has been sent; kept, it would be a copy of all rows for each tab
        self.views.set_role(client, self.tabs.role(client))

    def on_delete(self, client: Client) -> None:
        """Forget a page that NiceGUI has deleted.

        :param client: the page
        """
        self.views.forget(client)
