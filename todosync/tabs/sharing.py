"""One line for any NiceGUI app: ``todosync.share_socket()``.

Everything is put in place when NiceGUI starts, and taken out when it stops: the routes, what each page's head gets,
and the :class:`Tabs` between NiceGUI and its Socket.IO server. So the line may run any number of times.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

from fastapi import FastAPI
from nicegui import Client, app, core
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from .backlog import lift_limit, limit_backlogs
from .client_manager import index_rooms
from .frames import Hello
from .guard import Guard
from .modules import SHARING_ONLY, Modules
from .nicegui_contract import has_heads, mismatch
from .sessions import Sessions
from .tabs import Role, Tabs

TABS_PER_SOCKET = 100
RECONNECT_TIMEOUT = 60.0
QUESTION_LIMIT = 1024
"""Bytes that the question which session a page belongs to may have."""
ENVELOPE_SIZE = 1024
"""Characters in which a tab's frame is wrapped, at most: who the tab is, and the frame's number."""

log = logging.getLogger(__name__)


def share_socket(*, tabs_per_socket: int | None = None, reconnect_timeout: float | None = None) -> None:
    """Have all tabs of a browser share one socket. One line in any NiceGUI app, before ``ui.run()``.

    The line may run again, as it does for each client of an app without a page function, and beside
    ``todosync.setup()``, which calls it itself. What is said last counts, until NiceGUI has started.

    Tabs share a socket if they belong to one browser session. That is NiceGUI's own; an app without a
    ``storage_secret`` has none. Pages get a cookie, ``todosync_browser``, which tells nothing but that they belong
    together: without a session, and when the session's cookie has been overwritten. In a browser that keeps no
    cookies, each tab has a socket of its own, as in plain NiceGUI, and so it is with a NiceGUI whose internals are
    others; the log then says which NiceGUI is needed.

    A handler that an app puts on ``core.sio`` itself gets the ``sid`` of the tab that leads, whichever tab has asked.
    Its return value reaches the tab that has asked; so does what is emitted ``to`` the ``client.id`` of a page.

    :param tabs_per_socket: how many tabs a socket may carry besides its own (default: 100); more get another socket
    :param reconnect_timeout: seconds for which a page waits for its browser to come back (default: 60), where the
        page says nothing of it
    :raises RuntimeError: NiceGUI has started, and the line has not run before

    Example::

        todosync.share_socket()
        ui.run()
    """
    shared = shared_socket()
    if app.is_started and shared.is_running:
        return
    shared.configure(tabs_per_socket, reconnect_timeout)
    app.on_startup(shared.start)
    app.on_shutdown(shared.stop)
    app.on_delete(shared.forget)


def shared_socket() -> SharedSocket:
    """Return the one :class:`SharedSocket` of this process. It reads files, so don't call this on an event loop."""
    if not hasattr(app.state, 'todosync_socket'):
        app.state.todosync_socket = SharedSocket()
        app.router.lifespan_context = _always_ended(app.router.lifespan_context)
    return cast('SharedSocket', app.state.todosync_socket)


class SharedSocket:
    """Puts the sharing of sockets into the NiceGUI app of this process, and takes it out again."""

    def __init__(self) -> None:
        self.mismatch = mismatch()
        """Why each tab keeps its own socket with this NiceGUI; ``None`` if tabs share one."""
        self.is_running = False
        self.role_listeners: list[Callable[[Client, Role], None]] = []
        """Called when a client's role has changed."""
        self.script = SHARING_ONLY
        """What each page loads, one of :attr:`Modules.scripts`."""
        self._has_run = False
        self._modules = Modules()
        self._mount = self._modules.routes(self._settle_session)
        self._build_response: Any = None
        self.limits: tuple[int, float] = (TABS_PER_SOCKET, RECONNECT_TIMEOUT)
        """How many tabs a socket may carry besides its own, and the seconds for which a page waits for its browser."""
        self.guard = Guard(core.sio)
        """Stands before all socket handlers."""
        self.person_of: Callable[[Request], str] = lambda request: ''
        """Returns who sends a request, see :class:`Sessions`. The browser is told."""
        self._renew()

    def configure(self, tabs_per_socket: int | None, reconnect_timeout: float | None) -> None:
        """Set the values that are not ``None``. The others stay as they were set since NiceGUI last ran."""
        known_tabs, known_timeout = (TABS_PER_SOCKET, RECONNECT_TIMEOUT) if self._has_run else self.limits
        self.stop()  # what NiceGUI has not stopped, in a test that failed
        self._has_run = False
        self.limits = (
            known_tabs if tabs_per_socket is None else tabs_per_socket,
            known_timeout if reconnect_timeout is None else reconnect_timeout,
        )
        self._renew()

    def start(self) -> None:
        """Step into NiceGUI; safe to call twice."""
        if self.is_running:
            return
        self.is_running = self._has_run = True
        limit_backlogs(core.sio)
        index_rooms(core.sio)
        self.guard.start()
        if self.mismatch is None:
            self.tabs.start()
        else:
            self.tabs.start_apart()
            log.warning('%s', self.mismatch)
        # the longest frame of a page that NiceGUI lets through is taken with its envelope, too
        core.sio.eio.max_http_buffer_size += ENVELOPE_SIZE
        core.sio.on('todosync_hello', self.guard.wrap(self._greet, Hello.model_validate))
        core.sio.on('todosync_probe', self.guard.wrap(_answer_probe, lambda data: data))
        app.router.routes.insert(0, self._mount)  # a page of the app may take any path that is left
        if has_heads():
            self._build_response = Client.build_response
            cast(Any, Client).build_response = self._wrap(self._build_response)

    def stop(self) -> None:
        """Step out of NiceGUI; safe to call twice."""
        if not self.is_running:
            return
        self.is_running = False
        lift_limit(core.sio)
        if self._build_response is not None:
            cast(Any, Client).build_response = self._build_response
            self._build_response = None
        if self._mount in app.router.routes:
            app.router.routes.remove(self._mount)
        core.sio.eio.max_http_buffer_size -= ENVELOPE_SIZE
        for event in ('todosync_hello', 'todosync_probe'):
            core.sio.handlers['/'].pop(event, None)
        self.tabs.stop()
        self.guard.stop()

    def is_leader(self, sid: str) -> bool:
        """Return whether a socket may carry tabs."""
        return self.tabs.is_leader(sid)

    def forget(self, client: Client) -> None:
        """Forget a page that NiceGUI has deleted."""
        self.tabs.forget(client)
        self.sessions.forget(client)

    def _renew(self) -> None:
        tabs_per_socket, reconnect_timeout = self.limits
        self.sessions = Sessions(self._person)
        self.tabs = Tabs(
            core.sio,
            self.sessions,
            self.guard,
            tabs_per_socket=tabs_per_socket,
            reconnect_timeout=reconnect_timeout,
            on_role=self._tell_role,
        )

    def _person(self, request: Request) -> str:
        return self.person_of(request)

    def _wrap(self, build_response: Callable[..., Response]) -> Callable[..., Response]:
        """Make each page load the browser's modules, from the address under which its request reaches the server."""

        def build_response_with_modules(client: Client, request: Request, *args: Any, **kwargs: Any) -> Response:
            self.sessions.recognise(client)
            head = self._modules.head(
                request,
                self.script,
                session_tag=self.sessions.tag(client),
                person=self.person_of(request),
                reason_to_keep_apart=self.mismatch,
            )
            before = client._head_html
            client._head_html = head + before
            try:
                response = build_response(client, request, *args, **kwargs)
            finally:
                client._head_html = before  # it has been sent; otherwise each page would keep a copy
            self.sessions.mark_browser(request, response)
            return response

        return build_response_with_modules

    async def _settle_session(self, request: Request) -> Response:
        # no forgery check is needed, because another site does not know the client id of the page
        body = b''
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > QUESTION_LIMIT:
                    return Response(status_code=413)
            client_id = str(json.loads(body)['client_id'])
        except (ValueError, TypeError, KeyError, ClientDisconnect):
            return Response(status_code=422)
        return JSONResponse({'tag': self.sessions.settle(client_id, request)}, headers={'Cache-Control': 'no-store'})

    def _greet(self, sid: str, hello: Hello) -> dict[str, Any]:
        received = self.tabs.greet(sid, hello.client_id, hello.document_id, alone=hello.alone)
        return {'ok': False} if received is None else {'ok': True, 'received': received}

    def _tell_role(self, client: Client, role: Role) -> None:
        for listener in self.role_listeners:
            listener(client, role)


def _answer_probe(sid: str, data: Any) -> bool:
    return True


def _always_ended(
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[Any]],
) -> Callable[[FastAPI], AbstractAsyncContextManager[Any]]:
    """Make NiceGUI stop also after a test that has failed.

    Its own lifespan does not stop then, so the app would count as started in all tests that follow.
    """

    @asynccontextmanager
    async def lifespan_with_end(served: FastAPI) -> AsyncIterator[Any]:
        failure: BaseException | None = None
        async with lifespan(served) as state:
            try:
                yield state
            except GeneratorExit:
                raise
            except BaseException as error:
                failure = error
        if failure is not None:
            raise failure

    return lifespan_with_end
