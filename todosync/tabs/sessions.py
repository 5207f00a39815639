"""Which browser session a page belongs to: only tabs of the same one may share a socket."""

from __future__ import annotations

import hashlib
from typing import Any, cast

from nicegui import Client, app
from starlette.middleware.sessions import SessionMiddleware

TAG_LENGTH = 16
OPENED_TOGETHER = 30.0
"""How many seconds may lie between two pages that a browser without a cookie asked for at once."""


class Sessions:
    """The sessions of the pages, as NiceGUI's session cookie tells them, with one correction.

    A browser without a cookie that opens several pages at once gets a session for each and keeps the last. Its pages
    may all move to that one; nobody but this browser has ever seen the sessions that they leave.
    """

    def __init__(self) -> None:
        self._moved: dict[str, str] = {}

    def id_of(self, client: Client) -> str | None:
        """Return the id of a page's session, ``None`` for a page without one. It is a secret: never show it."""
        return self._moved.get(client.id) or _own_session_id(client)

    def tag(self, client: Client) -> str:
        """Return what stands for a page's session where tabs can read it, and is not worth one.

        Empty for a page that was asked for without a cookie: it has to ask which session the browser has kept.
        """
        return '' if _is_fresh(client) else _tag(self.id_of(client))

    def settle(self, client_id: str, kept_session_id: str | None) -> str:
        """Settle the session of a page that was opened while the browser had no cookie yet.

        :param client_id: the page
        :param kept_session_id: the session that the browser has kept
        :return: the tag of the page's session
        """
        client = Client.instances.get(client_id)
        if client is None:
            return ''
        own = self.id_of(client)
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


def _own_session_id(client: Client) -> str | None:
    session_id = client.request.scope.get('session', {}).get('id')
    return None if session_id is None else str(session_id)


def _are_twins(*session_ids: str) -> bool:
    """Return whether two sessions were made for pages that one browser without a cookie opened at once."""
    first, second = (_first_page(session_id) for session_id in session_ids)
    if first is None or second is None:
        return False
    return first.ip == second.ip and abs(first.created - second.created) < OPENED_TOGETHER


def _first_page(session_id: str) -> Client | None:
    pages = (client for client in Client.instances.values() if _is_fresh(client))
    return next((client for client in pages if _own_session_id(client) == session_id), None)


def _is_fresh(client: Client) -> bool:
    middleware = next((m for m in app.user_middleware if cast(Any, m.cls) is SessionMiddleware), None)
    cookie = 'session' if middleware is None else str(middleware.kwargs.get('session_cookie', 'session'))
    return cookie not in client.request.cookies


def _tag(session_id: str | None) -> str:
    return '' if session_id is None else hashlib.sha256(session_id.encode()).hexdigest()[:TAG_LENGTH]
