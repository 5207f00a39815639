"""The assembly: which parts a server has, how they are wired, and in which order they start and stop.

It imports every room except ``production``, which adds itself with ``todosync.add_production()``. The module is long
because it is one list: here a reader finds where each part is made, started and stopped.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from fastapi import APIRouter
from nicegui import Client, app, core
from starlette.requests import Request
from starlette.routing import BaseRoute

from todosync import upkeep
from todosync.cable import make_cable
from todosync.database import DamageWatch, Database, DatabaseUnavailableError, LogWatch
from todosync.http import (
    AfterStart,
    ApiRoutes,
    Conventions,
    LeftOut,
    check_health,
    make_export_router,
    make_health_router,
)
from todosync.jobs import Jobs, LocalJobs
from todosync.presence import Presences
from todosync.runtime import current_server, set_current_server
from todosync.settings import Settings
from todosync.streams import (
    Broadcaster,
    Channel,
    Channels,
    Fetch,
    Rights,
    RightsWatch,
    ScopeChannels,
    ScopeValue,
    Source,
    Stream,
    check_names,
    check_texts,
    make_cache,
    person_key,
    read_scope,
)
from todosync.tabs import SHARING_ONLY, Sessions, Tabs, checked, share_socket, shared_socket
from todosync.views import Readers, Views
from todosync.writes import Author, Batch, Inbox, Writer

if TYPE_CHECKING:
    from todosync.production import StatusBoard

READING, WRITING = 'live.js', 'writable.js'
"""What the pages of an app with streams load, and those of one whose streams can be written."""
RETRY_INTERVAL = 1.0
"""Seconds between two attempts to open the database, the cable and the jobs."""

log = logging.getLogger(__name__)


def setup(
    settings: Settings | None = None,
    *,
    streams: Iterable[Stream] = (),
    current_user: Callable[[Request], Any] | None = None,
) -> SyncServer:
    """Put todosync into the NiceGUI app: the browser's part, and the parts that run from start to stop.

    Call it before ``ui.run()``. Importing ``todosync`` alone changes nothing. It may be called again. Until NiceGUI has
    started, the last call counts. Afterwards the running server stays and is returned, because an app without a page
    function runs its script again for each client.

    :param settings: the settings (default: from the environment)
    :param streams: the tables to keep in sync; a table that no migration makes is made from its model
    :param current_user: takes the request of a page or of the API and returns who sends it, ``None`` for nobody: a
        text or a number, or an object with an ``id``; it must not block, and may look at ``app.storage.user``. If it
        raises an error, that is logged, and it is nobody. If it is given, each stream can be read only by those to whom
        its ``may_read`` allows it (default: everybody may read everything)
    :return: the server, with all its parts
    :raises pydantic.ValidationError: a setting is wrong
    :raises TypeError: what is given is no settings, or no streams
    :raises ValueError: the ``texts`` of a stream cannot be made, or two streams have the same name
    :raises RuntimeError: NiceGUI is starting already

    Example::

        settings = todosync.Settings()
        todosync.setup(settings, streams=[NOTES])
        ui.run(storage_secret=settings.resolve_storage_secret())
    """
    if app.is_started:
        return current_server()
    if settings is not None and not isinstance(settings, Settings):
        raise TypeError('the settings come first; give the rest by name, as in setup(settings, streams=[NOTES])')
    server = SyncServer(settings or Settings(), streams, current_user)
    if app.middleware_stack is not None:
        raise RuntimeError('NiceGUI is starting; call todosync.setup() before ui.run(), not in app.on_startup()')
    with suppress(RuntimeError):  # there is none before the first call
        current_server().remove_routes()
    set_current_server(server)
    share_socket(tabs_per_socket=server.settings.tabs_per_socket, reconnect_timeout=server.settings.reconnect_timeout)
    server.add_routes(make_health_router(server))
    # these functions ask for the current server when they are called: another call of setup() may have replaced it
    app.add_middleware(Conventions)
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
    """A part that starts and stops with a server."""

    def start(self) -> None:
        """Start; safe to call twice."""

    def stop(self) -> None:
        """Stop; safe to call twice. It is called in a thread, so it may block."""


class SyncServer:
    """All parts of todosync in one process. :func:`setup` makes it.

    :param settings: the settings
    :param streams: the tables to keep in sync
    :param current_user: tells who sends a request, see :func:`setup`

    Example::

        server = todosync.setup(settings)
        print(server.health())
    """

    def __init__(
        self,
        settings: Settings,
        streams: Iterable[Stream] = (),
        current_user: Callable[[Request], Any] | None = None,
    ) -> None:
        self.settings = settings
        self.streams = [streams] if isinstance(streams, Stream) else list(streams)
        check_names(self.streams)
        for stream in self.streams:
            check_texts(stream)
        self.database = Database(
            settings.data_url,
            migrations=settings.migrations,
            busy_timeout=settings.busy_timeout,
            on_commit=self._on_commit,
        )
        self.writer = Writer(self.database)
        self.cache = make_cache(settings)
        self.cable = make_cable(settings)
        self.jobs = Jobs(settings.queue_url, settings.poll_interval)
        for run, cron in upkeep.SCHEDULE.items():
            self.jobs.add_recurring(run.__name__, run, cron)
        self.local_jobs = LocalJobs(self.jobs.failed)
        self.broadcaster = Broadcaster(self.database, self.cable, self.local_jobs, self.jobs.failed, self.streams)
        self.commits = self.database.commit_signal(settings.poll_interval, self._on_commit)
        self.rights = Rights(current_user)
        self.rights_watch = RightsWatch(self.database, self.streams if self.rights.are_asked else (), self._on_rights)
        self.log_watch = LogWatch(
            self.database, [*(stream.log_table for stream in self.streams), *self.rights_watch.logs]
        )
        self.damage = DamageWatch(self.database)
        self.views = Views()
        self._socket = shared_socket()
        # `tabs` is no attribute, because each call of share_socket() makes another object
        self.channels = Channels(
            [self._make_channel(stream) for stream in self.streams if not stream.scope],
            scopes=[self._make_scopes(stream) for stream in self.streams if stream.scope],
            rights=self.rights,
            user_of=self._user_of,
            is_connected=lambda sid: core.sio.manager.is_connected(sid, '/'),
            may_subscribe=self._socket.is_leader,
        )
        self.readers = Readers(self.rights, self.channels, self.views)
        self.inbox = Inbox(self.writer, self.streams, may_write=self._socket.is_leader, author_of=self._author_of)
        self.presences = Presences(self.cable, core.sio, self._sockets_of)
        self._socket.person_of = self._person_of
        self._routes = ApiRoutes()
        self.parts: list[Part] = []
        """Further parts, which start after all others and stop before them."""
        self.message_listeners: list[Callable[[Channel, Any], None]] = []
        """Called with each message to browsers and pages, after they have it; for tests, which ask who got it."""
        self.left_out = LeftOut(self)
        self.checks: dict[str, Callable[[], dict[str, Any]]] = {}
        """Further checks of :meth:`health`, by name; each returns a dict with at least ``ok``. A check that fails makes
        this process degraded, not unhealthy, because it still serves."""
        self.status: StatusBoard | None = None
        """The reports of all processes, if ``add_production()`` was called."""
        self.is_started = False
        self.is_draining = False
        self._stopping = threading.Event()
        self._starting: asyncio.Task[None] | None = None

    @property
    def tabs(self) -> Tabs:
        """Tells which socket carries which tabs."""
        return self._socket.tabs

    @property
    def sessions(self) -> Sessions:
        """Tells which browser session a page belongs to."""
        return self._socket.sessions

    @property
    def _is_writable(self) -> bool:
        return any(stream.is_writable for stream in self.streams)

    @property
    def api_routes(self) -> list[BaseRoute]:
        """The routes that have nothing to do with pages."""
        return self._routes.api

    @property
    def refused_frames(self) -> int:
        """How many frames that no browser sends have been refused since the process was started."""
        return self._socket.guard.refused_count

    def add_routes(self, router: APIRouter) -> None:
        """Serve routes that have nothing to do with pages.

        :param router: the routes; a lifespan of the router is not used

        Example::

            server.add_routes(make_router(server))
        """
        self._routes.add(router)

    def remove_routes(self) -> None:
        """Stop serving the added routes, because another server takes the place of this one."""
        self._routes.remove()

    def add_exports(self, *streams: Stream) -> None:
        """Offer each stream for download, at ``/<name>/export.csv`` and ``/<name>/export.json``.

        :param streams: streams of this server

        Example::

            server.add_exports(NOTES)
        """
        self.add_routes(make_export_router(self, streams))

    def author(self, request: Request) -> Author:
        """Return who writes by a request, for :class:`Writer`.

        :param request: the request of a page or of the API

        Example::

            await server.writer.in_thread(server.writer.delete, NOTES, note_id, author=server.author(request))
        """
        return self._author(self.rights.user_of(request))

    async def may_read(self, request: Request, stream: Stream, scope: ScopeValue | None = None) -> bool:
        """Return whether who sends a request may read a stream; for routes that serve its rows.

        :param request: the request
        :param stream: the stream
        :param scope: its scope, if it has scopes
        :raises DatabaseUnavailableError: it cannot be told now

        Example::

            if not await server.may_read(request, NOTES, project_id):
                raise RefusedError(HTTPStatus.FORBIDDEN, 'You may not read this')
        """
        return await asyncio.to_thread(self.rights.may_read, self.rights.user_of(request), stream, scope)

    def channel(self, stream: Stream) -> Channel:
        """Return the channel of a stream without scopes.

        :param stream: a stream that was given to ``setup()``
        :raises RuntimeError: it was not, or it has scopes
        """
        return self.channels.of(stream)

    def source(self, stream: Stream, scope: ScopeValue | None = None) -> Source:
        """Return what reads a stream, through the cache.

        :param stream: a stream that was given to ``setup()``
        :param scope: its scope, if it has scopes
        :raises RuntimeError: ``setup()`` was not given the stream
        :raises ValueError: the stream has no such scope
        """
        if not stream.scope:
            return self.channel(stream).source
        return Source(stream, self.database, self.cache, read_scope(stream, scope))

    async def start(self) -> None:
        """Open everything, load the rows, and begin to broadcast. Later calls wait until the first has ended."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        await asyncio.shield(self._starting)

    async def _start(self) -> None:
        if self.streams:
            self._socket.script = WRITING if self._is_writable else READING
        if not await asyncio.to_thread(self._open_patiently):
            return
        await self.channels.start()
        self.presences.start()
        self._socket.role_listeners.append(self.views.set_role)
        core.sio.on('todosync_fetch', self._socket.guard.wrap(self.channels.answer_fetch, checked(Fetch)))
        if self._is_writable:
            core.sio.on('todosync_write', self._socket.guard.wrap(self.inbox.receive, Batch.model_validate))
        await self.rights_watch.start()
        self.commits.start()
        self.log_watch.start()
        self.damage.start()
        for part in self.parts:
            part.start()
        self.is_started = True

    async def stop(self) -> None:
        """Stop everything, in the opposite order; safe to call twice."""
        self._stopping.set()
        if self._starting is not None:
            await asyncio.wait([self._starting])  # otherwise the start would go on, and start parts again
        for part in reversed(self.parts):
            await asyncio.to_thread(part.stop)
        await asyncio.to_thread(self.damage.stop)
        await asyncio.to_thread(self.log_watch.stop)
        await asyncio.to_thread(self.commits.stop)
        await self.rights_watch.stop()
        if self.views.set_role in self._socket.role_listeners:
            self._socket.role_listeners.remove(self.views.set_role)
        self._socket.script = SHARING_ONLY
        await self.presences.stop()
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
        self._prepare_database()
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
        """Return whether this process can serve, and the results of all checks. Blocks."""
        return check_health(self)

    def drain(self) -> None:
        """Report this process as unhealthy from now on, so that a proxy sends no new requests. It still serves."""
        self.is_draining = True

    def _open_patiently(self) -> bool:
        """Open everything, and try again until it works, because a database may start later than its servers.

        :return: ``False`` if the server was stopped before it worked
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

    def _prepare_database(self) -> None:
        self.database.migrate()
        for stream in self.streams:
            self.database.install_change_log(stream.log_table)
        for table in self.rights_watch.logs:
            self.database.install_change_log(table)
        if self._is_writable:
            self.writer.prepare()

    def _make_channel(self, stream: Stream, scope: ScopeValue | None = None) -> Channel:
        limit = self.settings.embed_limit
        channel = Channel(
            stream,
            self.database,
            self.cache,
            self.cable,
            core.sio,
            embed_limit=limit,
            prepare=self._prepare_database,
            scope=scope,
            settle_rights=self.rights_watch.look if stream.rights and self.rights.are_asked else None,
        )
        channel.on_change(partial(self._on_message, channel))
        return channel

    def _on_message(self, channel: Channel, message: Any) -> None:
        self.views.refresh(channel.key)
        for listener in self.message_listeners:
            listener(channel, message)

    def _make_scopes(self, stream: Stream) -> ScopeChannels:
        return ScopeChannels(stream, self.database, self.cable, partial(self._make_channel, stream))

    def _on_commit(self) -> None:
        self.broadcaster.broadcast_later()
        self.rights_watch.wake()

    async def _on_rights(self, streams: list[Stream]) -> None:
        dismissed = await self.channels.dismiss_refused(streams)
        await self.readers.ask_again(streams, dismissed)

    def _user_of(self, sid: str) -> Any:
        client = self.tabs.client_of(sid)
        return None if client is None else self.rights.user_of(client.request)

    def _author_of(self, sid: str) -> Author:
        return self._author(self._user_of(sid))

    def _author(self, user: Any) -> Author:
        return Author(user, partial(self.rights.may_read, user)) if self.rights.are_asked else Author()

    def _person_of(self, request: Request) -> str:
        return person_key(self.rights.user_of(request))

    def _sockets_of(self, client_id: str) -> list[str]:
        return self.tabs.sockets_of(client_id)

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
