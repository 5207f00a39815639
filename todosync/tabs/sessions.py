"""Which browser session a page belongs to: only tabs of the same one may share a socket."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any, cast

from nicegui import Client, app
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import Response

BROWSER_COOKIE = 'todosync_browser'
"""Holds the session's id in an app that has no sessions."""
NEW_BROWSER = 'todosync.browser'
"""Where a request's scope holds the id that its answer gives to the browser."""
TAG_LENGTH = 16
OPENED_TOGETHER = 30.0
"""How many seconds may lie between two pages that a browser without a cookie asked for at once."""


class Sessions:
    """The sessions of the pages, as NiceGUI's session cookie tells them, with one correction.

    An app without a storage secret has no such cookie; there a cookie of our own tells which pages belong together.

    A browser without a cookie that opens several pages at once gets a session for each and keeps the last. Its pages
    may all move to that one; nobody but this browser has ever seen the sessions that they leave.
    """

    def __init__(self) -> None:
        self._moved: dict[str, str] = {}

    def id_of(self, client: Client) -> str | None:
        """Return the id of a page's session, ``None`` for a page without one. It is a secret: never show it."""
        return self._moved.get(client.id) or _session_id(client.request)

    def tag(self, client: Client) -> str:
        """Return what stands for a page's session where tabs can read it; nobody gets the session by it.

        Empty for a page that was asked for without a cookie: it has to ask which session the browser has kept.
        """
        return '' if _is_fresh(client) else _tag(self.id_of(client))

    def mark_browser(self, request: Request, response: Response) -> None:
        """Give the browser a cookie by which its pages are known to belong together, if it has no session.

        :param request: of a page
        :param response: the page
        """
        if _session_id(request) is None:
            request.scope[NEW_BROWSER] = browser_id = secrets.token_urlsafe()
            is_secure = request.url.scheme == 'https'
            response.set_cookie(BROWSER_COOKIE, browser_id, httponly=True, samesite='lax', secure=is_secure)

    def settle(self, client_id: str, request: Request) -> str:
        """Settle the session of a page that was opened while the browser had no cookie yet.

        :param client_id: the page
        :param request: of the page, with the session that the browser has kept
        :return: the tag of the page's session
        """
        client = Client.instances.get(client_id)
        if client is None:
            return ''
        own, kept_session_id = self.id_of(client), _session_id(request)
        if own is not None and kept_session_id is not None and _are_twins(own, kept_session_id):
            self._moved[client_id] = kept_session_id
        return _tag(self.id_of(client))

    def are_same(self, client: Client, other: Client) -> bool:
        """Return whether two pages belong to one session; pages without any never do."""
        session_id = self.id_of(client)
        return session_id is not None and session_id == self.id_of(other)

    def forget(self, client: Client) -> None:
        """Forget a page that NiceGUI has deleted."""
        self._moved.pop(client.id, None)


def _session_id(request: Request) -> str | None:
    session_id = request.scope.get('session', {}).get('id')
    if session_id is None:
        session_id = request.cookies.get(BROWSER_COOKIE) or request.scope.get(NEW_BROWSER)
    return None if session_id is None else str(session_id)


def _are_twins(*session_ids: str) -> bool:
    """Return whether two sessions were made for pages that one browser without a cookie opened at once."""
    first, second = (_first_page(session_id) for session_id in session_ids)
    if first is None or second is None:
        return False
    return first.ip == second.ip and abs(first.created - second.created) < OPENED_TOGETHER


def _first_page(session_id: str) -> Client | None:
    pages = (client for client in Client.instances.values() if _is_fresh(client))
    return next((client for client in pages if _session_id(client.request) == session_id), None)


def _is_fresh(client: Client) -> bool:
    """Return whether a page was asked for by a browser without a cookie."""
    return _cookie_name(client.request) not in client.request.cookies


def _cookie_name(request: Request) -> str:
    if 'session' not in request.scope:
        return BROWSER_COOKIE
    middleware = next((m for m in app.user_middleware if cast(Any, m.cls) is SessionMiddleware), None)
    return 'session' if middleware is None else str(middleware.kwargs.get('session_cookie', 'session'))


def _tag(session_id: str | None) -> str:
    return '' if session_id is None else hashlib.sha256(session_id.encode()).hexdigest()[:TAG_LENGTH]
