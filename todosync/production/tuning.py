"""What makes a server process spend less."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Sequence
from typing import Any

import socketio
from fastapi import FastAPI
from nicegui import Client
from nicegui import app as nicegui_app
from nicegui.observables import ObservableDict
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

GC_THRESHOLDS = (10_000, 5, 2)
"""How many objects may be made, and younger generations be looked through, before the garbage collector looks through
the older ones. With Python's own 700 to begin with, serving is stopped for it far more often. With its 10 for the older
ones, what closed pages leave behind that only the collector can free piles up."""
MALLOC_ARENAS = 2
"""How many arenas glibc may have for all threads, of which there are some twenty. It would make one for most of them,
and what those keep of what was given back grows by 10 MB an hour."""
MMAP_THRESHOLD = 128 * 1024
"""Bytes from which glibc takes an allocation from the system and gives it back at once. It begins with this and raises
it to the largest that was freed, up to 32 MB; what is smaller leaves holes in the heap then. After 5,000 visits those
are 17 MB, otherwise 10."""
M_ARENA_MAX, M_MMAP_THRESHOLD = -8, -3  # of malloc.h, see mallopt(3)
OPEN_FILES = 65_536
"""How many open files a process gives itself, if it may: more than the sockets that it can serve."""
PING_INTERVAL = 10.0
PING_TIMEOUT = 8.0
"""Seconds between two pings to a socket, and until an answer is missed. NiceGUI takes 0.8 and 0.4 of its reconnect
timeout, at least 4 and 2 s, which is half of what an idle browser costs. A browser notices a connection that has gone
without a word when no ping has come for the sum of both."""
FOR_API = 'todosync.for_api'
"""The key in the scope of a request for the API."""


def settle_allocator() -> None:
    """Have what is freed go back to the system, or be used again; for that, threads share some arenas of the allocator.

    Only glibc needs that, and only it can do it. Call it before there are threads: what they have got stays theirs.
    """
    if sys.platform == 'linux' and (mallopt := getattr(ctypes.CDLL(None), 'mallopt', None)):
        mallopt(M_ARENA_MAX, MALLOC_ARENAS)
        mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD)


def allow_open_files() -> int | None:
    """Let the process have as many open files as it may give itself: each socket is one, and 1,024 is a common limit.

    :return: how many it may have now; ``None`` where the system has no such limit
    """
    try:
        import resource
    except ImportError:  # not a Unix
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def tune(app: FastAPI, sio: socketio.AsyncServer, api_routes: Sequence[BaseRoute]) -> None:
    """Tune the process to serve an app that has started; safe to call twice.

    Does nothing for an app that is only simulated, in tests: its layers are put together when the first request comes.

    :param api_routes: see :class:`ApiFirst`
    """
    if app.middleware_stack is not None and not isinstance(app.middleware_stack, ApiFirst):
        app.middleware_stack = ApiFirst(app, api_routes)
        sio.eio.ping_interval, sio.eio.ping_timeout = PING_INTERVAL, PING_TIMEOUT
        _settle_garbage_collector()


def free_elements(client: Client) -> None:
    """Have the elements of a page that is deleted freed at once.

    The classes, the style and the props of each are in a cycle with their own change handler. They would wait for the
    garbage collector, and of what so many of them hold meanwhile, some is never given back.
    """
    for element in client.elements.values():
        for observable in (element.classes, element.style, element.props):
            getattr(observable, '_change_handlers', []).clear()


def forget_unused_tab_storage(client: Client) -> None:
    """Forget the ``app.storage.tab`` of a page that is deleted, if nothing has been put into it.

    NiceGUI keeps one for each tab that was ever open, for 30 days; a tab that comes back gets a new one anyway.
    """
    storages: dict[str | None, object] = getattr(nicegui_app.storage, '_tabs', {})
    tab_id = _tab_of(client)
    storage = storages.get(tab_id)
    if not isinstance(storage, ObservableDict) or storage:
        return
    if not any(_tab_of(other) == tab_id for other in Client.instances.values() if other is not client):
        del storages[tab_id]


def _tab_of(client: Client) -> str | None:
    tab_id: str | None = getattr(client, '_pinned_tab_id', None)  # the public one is gone with the connection
    return tab_id


class ApiFirst:
    """Has the requests for some routes pass by the layers that NiceGUI wraps around every request.

    Those are for pages and their files: they track the page's request, rewrite prefixes and set cache headers. Being
    Starlette's ``BaseHTTPMiddleware``, they cost more than an insert into the database. All other layers stay, the same
    ones for the API and for pages.

    :param app: the app, after its layers have been put together
    :param routes: the routes that no layer of NiceGUI has anything to do with
    """

    def __init__(self, app: FastAPI, routes: Sequence[BaseRoute]) -> None:
        assert app.middleware_stack is not None
        self.app = app.middleware_stack
        self._routes = routes
        layer: Any = self
        # a layer that keeps what it wraps under another name ends this; what is in it stays as it is
        while (wrapped := getattr(layer, 'app', None)) is not None:
            if _is_of_nicegui(wrapped) and hasattr(wrapped, 'app'):
                layer.app = _PassedByApi(wrapped)
            layer = wrapped

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self._is_for_api(scope):
            scope[FOR_API] = True
        await self.app(scope, receive, send)

    def _is_for_api(self, scope: Scope) -> bool:
        return scope['type'] == 'http' and any(route.matches(scope)[0] is Match.FULL for route in self._routes)


class _PassedByApi:
    """A layer of NiceGUI that has nothing to do with requests for the API."""

    def __init__(self, layer: Any) -> None:
        self.app = layer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: ASGIApp = self.app.app if FOR_API in scope else self.app
        await answer(scope, receive, send)


def _is_of_nicegui(layer: object) -> bool:
    return type(layer).__module__.partition('.')[0] == 'nicegui'


def _settle_garbage_collector() -> None:
    gc.collect()
    gc.freeze()  # what the start has made stays anyway: no need to look through it ever again
    gc.set_threshold(*GC_THRESHOLDS)
