"""Tells which browser session a page belongs to. Only tabs of the same session may share a socket."""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import b64decode
from collections.abc import Callable
from typing import Any, cast

from nicegui import Client, app
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import Response

BROWSER_COOKIE = 'todosync_browser'
"""A cookie that all pages of a browser have, also when its session changes. Without sessions it is the session."""
NEW_BROWSER = 'todosync.browser'
"""The key in a request's scope of the id that the answer gives to the browser."""
TAG_LENGTH = 16
SUCCESSORS_MAX = 1000
"""For how many sessions it is remembered that they replaced another one."""
OPENED_TOGETHER = 30.0
"""Two pages count as requested at the same time if there are at most so many seconds between them."""


class Sessions:
    """The sessions of the pages. They come from NiceGUI's session cookie, with two corrections.

    An app without a storage secret has no such cookie. There a cookie of our own tells which pages belong together.

    First correction: a browser without a cookie that opens several pages at the same time gets a session for each page,
    and keeps the last one. All its pages may move to that session, because only this browser knows the other ones.

    Second correction: a browser whose session cookie has become invalid gets a new session, while its open pages have
    the former one. This happens when another app on the host has overwritten the cookie, when the secret was lost, or
    when a clock was set back. The new session then counts as the former one. Our own cookie tells that it is the same
    browser; it is used for nothing else.

    :param person_of: returns who sends a request, as a text; pages of different persons share nothing, also where one
        has signed out and another in within a session
    """

    def __init__(self, person_of: Callable[[Request], str] = lambda request: '') -> None:
        self._person_of = person_of
        self._moved: dict[str, str] = {}
        self._former: dict[str, str] = {}
        """The former session, by the id of the session that has replaced it."""

    def id_of(self, client: Client) -> str | None:
        """Return the id of a page's session, ``None`` for a page without one. It is a secret: never show it."""
        return self._moved.get(client.id) or self._counted(_session_id(client.request))

    def recognise(self, client: Client) -> None:
        """Check whether the browser of a new page has open pages of a session that is no longer in its cookie.

        :param client: the page
        """
        browser, session_id = _browser_id(client.request), _session_id(client.request)
        if browser is None or session_id is None or not _is_fresh(client):
            return
        open_pages = (other for other in _pages() if other is not client and _browser_id(other.request) == browser)
        former = next((self.id_of(other) for other in open_pages), None)
        if former is not None and former != session_id:
            self._former[session_id] = former
            if len(self._former) > SUCCESSORS_MAX:
                del self._former[next(iter(self._former))]

    def tag(self, client: Client) -> str:
        """Return a short hash of a page's session id. Tabs may see it; it cannot be used to take over the session.

        It is empty if the page was requested without a valid cookie and the browser is unknown, too. The page must then
        ask which session the browser has kept.
        """
        is_known = not _is_fresh(client) or _session_id(client.request) in self._former
        return self._tag(client) if is_known else ''

    def mark_browser(self, request: Request, response: Response) -> None:
        """Give the browser a cookie that tells that its pages belong together, unless it has one.

        :param request: the request of a page
        :param response: the page
        """
        if _browser_id(request) is None:
            request.scope[NEW_BROWSER] = browser_id = secrets.token_urlsafe()
            is_secure = request.url.scheme == 'https'
            response.set_cookie(BROWSER_COOKIE, browser_id, httponly=True, samesite='lax', secure=is_secure)

    def settle(self, client_id: str, request: Request) -> str:
        """Decide which session a page has that was opened while the browser had no cookie.

        :param client_id: the id of the page's client
        :param request: a request of the page, with the session that the browser has kept
        :return: the tag of the page's session
        """
        client = Client.instances.get(client_id)
        if client is None:
            return ''
        own, kept_session_id = self.id_of(client), self._counted(_session_id(request))
        if own is not None and kept_session_id is not None and _are_twins(own, kept_session_id):
            self._moved[client_id] = kept_session_id
        return self._tag(client)

    def are_same(self, client: Client, other: Client) -> bool:
        """Return whether two pages belong to the same session. A page without a session belongs to none."""
        session_id = self.id_of(client)
        if session_id is None or session_id != self.id_of(other):
            return False
        return self._person_of(client.request) == self._person_of(other.request)

    def forget(self, client: Client) -> None:
        """Forget a page that NiceGUI has deleted."""
        self._moved.pop(client.id, None)

    def _tag(self, client: Client) -> str:
        session_id = self.id_of(client)
        if session_id is None:
            return ''
        return hashlib.sha256((session_id + self._person_of(client.request)).encode()).hexdigest()[:TAG_LENGTH]

    def _counted(self, session_id: str | None) -> str | None:
        """Return the former session if this one has replaced it, otherwise this one."""
        return None if session_id is None else self._former.get(session_id, session_id)


def _session_id(request: Request) -> str | None:
    session_id = request.scope.get('session', {}).get('id')
    return _browser_id(request) if session_id is None else str(session_id)


def _browser_id(request: Request) -> str | None:
    browser_id = request.cookies.get(BROWSER_COOKIE) or request.scope.get(NEW_BROWSER)
    return None if browser_id is None else str(browser_id)


def _are_twins(*session_ids: str) -> bool:
    """Return whether two sessions were made for pages that one browser without a cookie opened at once."""
    first, second = (_first_page(session_id) for session_id in session_ids)
    if first is None or second is None:
        return False
    return first.ip == second.ip and abs(first.created - second.created) < OPENED_TOGETHER


def _first_page(session_id: str) -> Client | None:
    pages = (client for client in _pages() if _session_id(client.request) == session_id)
    return next((client for client in pages if _is_fresh(client)), None)


def _pages() -> list[Client]:
    """Return the clients that belong to a request. Of an app in script mode the first one does not."""
    return [client for client in list(Client.instances.values()) if _belongs_to_request(client)]


def _belongs_to_request(client: Client) -> bool:
    try:
        return client.request is not None
    except RuntimeError:
        return False


def _is_fresh(client: Client) -> bool:
    """Return whether a page was asked for by a browser without a cookie, or with one that is not valid here."""
    request = client.request
    cookie = request.cookies.get(_cookie_name(request))
    return cookie is None or ('session' in request.scope and not _holds(cookie, str(_session_id(request))))


def _holds(cookie: str, session_id: str) -> bool:
    """Return whether a session cookie is the one that has brought a session; another has not been taken for valid."""
    try:
        content = json.loads(b64decode(cookie.partition('.')[0]))
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.get('id') == session_id


def _cookie_name(request: Request) -> str:
    if 'session' not in request.scope:
        return BROWSER_COOKIE
    middleware = next((m for m in app.user_middleware if cast(Any, m.cls) is SessionMiddleware), None)
    return 'session' if middleware is None else str(middleware.kwargs.get('session_cookie', 'session'))
