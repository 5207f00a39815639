"""Rights: who may read what, asked of the app's own functions."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from nicegui.storage import request_contextvar
from sqlalchemy.sql.expression import column, select, table
from starlette.requests import Request

from todosync.database import Database, DatabaseUnavailableError, LogTable

from .looking import Looking
from .messages import ScopeValue
from .stream import Stream

REFUSAL = 'You may not read this, or no longer; ask somebody who may to let you in'
LOOK_INTERVAL = 0.25
"""Seconds between two looks whether a table of rights has changed. The commits of this process are noticed at once."""
PERSON_KEY_LENGTH = 16
RETRY_INTERVAL = 0.25
"""Seconds until it is asked again who may read what, after a database that could not be read."""

log = logging.getLogger(__name__)


class Rights:
    """Tells who somebody is and what they may read.

    :param current_user: takes a request and returns who sends it; ``None`` if everybody may read everything
    """

    def __init__(self, current_user: Callable[[Request], Any] | None) -> None:
        self._current_user = current_user

    @property
    def are_asked(self) -> bool:
        """Whether there are users at all."""
        return self._current_user is not None

    def user_of(self, request: Request) -> Any:
        """Return who sends a request; ``None`` for nobody, and where there are no users.

        The function of the app may look at ``app.storage.user``, whoever asks and whenever: it is that of the request.
        If it fails, that is nobody, so one page whose user cannot be told keeps no other from being asked.

        :param request: the request of a page or of the API
        """
        if self._current_user is None:
            return None
        token = request_contextvar.set(request)
        try:
            return self._current_user(request)
        except Exception:  # who cannot be told is nobody
            log.exception('current_user failed')
            return None
        finally:
            request_contextvar.reset(token)

    def may_read(self, user: Any, stream: Stream, scope: ScopeValue | None) -> bool:
        """Return whether somebody may read a scope of a stream. Blocks, because the app may look at the database.

        :param user: who it is, as ``current_user`` has told
        :param stream: the stream
        :param scope: the scope, ``None`` for a stream without scopes
        :raises DatabaseUnavailableError: the app cannot tell now
        """
        if not self.are_asked:
            return True
        if stream.may_read is None:
            return False
        try:
            return bool(stream.may_read(user) if scope is None else stream.may_read(user, stream.stored_scope(scope)))
        except DatabaseUnavailableError:
            raise
        except Exception:  # without an answer the app has not allowed it
            log.exception('may_read of the stream %s failed', stream.name)
            return False


def person(user: Any) -> str:
    """Return a text that is another one for each user, made of the user's ``id``, text or number; empty for nobody."""
    return '' if user is None else f'{type(user).__name__} {getattr(user, "id", user)}'


def name_of(user: Any) -> str:
    """Return how a user is called: a text itself, the ``name`` of an object; empty if that is not known."""
    return user if isinstance(user, str) else str(getattr(user, 'name', '') or '')


def person_key(user: Any) -> str:
    """Return a short hash of :func:`person`, which browsers may see; empty for nobody.

    It needs no secret, so that what waits in a browser is still its author's when the secret of the sessions was lost.
    Nobody can sign in with it, nor write by it: the server asks who sends a request, and only compares.

    :param user: as ``setup(current_user=...)`` tells it
    """
    return '' if user is None else hashlib.sha256(f'user {person(user)}'.encode()).hexdigest()[:PERSON_KEY_LENGTH]


def rights_log(model: Any) -> LogTable:
    """Return the change log of a table of rights. It tells only that something has changed, and not what."""
    return LogTable(model.__table__, f'{model.__table__.name}_rights', 'record_id', is_keyed=False)


class RightsWatch:
    """Notices that tables of rights have changed, whichever program wrote. Belongs to the event loop.

    :param database: has the tables
    :param streams: the streams whose rights they are
    :param on_change: called with the streams whose rights have changed; until it returns, they count as not settled
    """

    def __init__(
        self, database: Database, streams: Iterable[Stream], on_change: Callable[[list[Stream]], Awaitable[None]]
    ) -> None:
        self._database = database
        self._on_change = on_change
        self._streams = [stream for stream in streams if stream.rights]
        self.logs = list({model: rights_log(model) for stream in self._streams for model in stream.rights}.values())
        """The change logs of the tables."""
        self._seen: dict[str, Any] = {}
        self._ticks = itertools.count(1)
        self._began = 0
        self._turn = asyncio.Lock()
        self._looking = Looking('the rights', self.look, LOOK_INTERVAL)

    async def start(self) -> None:
        """Begin to look; safe to call twice."""
        if self.logs:
            self._seen = self._seen or await asyncio.to_thread(self._read)
            self._looking.start()

    async def stop(self) -> None:
        """Look no more; safe to call twice."""
        await self._looking.stop()

    def wake(self) -> None:
        """Look now. Any thread may call this; it returns at once."""
        self._looking.wake()

    async def look(self) -> None:
        """Return when everybody who had lost a right before this call reads nothing by it any more.

        Calls at the same time share one look.

        :raises DatabaseUnavailableError: it cannot be told now
        """
        asked = next(self._ticks)
        async with self._turn:
            if self._began < asked:
                self._began = next(self._ticks)
                await self._look_once()

    async def _look_once(self) -> None:
        found = await asyncio.to_thread(self._read)
        changed = {name for name, version in found.items() if self._seen.get(name) != version}
        if changed:
            logs = {model: rights_log(model).name for stream in self._streams for model in stream.rights}
            concerned = [stream for stream in self._streams if any(logs[model] in changed for model in stream.rights)]
            await self._on_change(concerned)
            self._seen = found  # only now: after an error the same is asked again

    def _read(self) -> dict[str, Any]:
        with self._database.read() as session:
            return {log_table.name: _newest(session, log_table) for log_table in self.logs}


def _newest(session: Any, log_table: LogTable) -> tuple[Any, ...] | None:
    changes = table(log_table.name, column('version'), column('mark'))
    newest = select(changes.c.version, changes.c.mark).order_by(changes.c.version.desc()).limit(1)
    row = session.connection().execute(newest).first()
    return None if row is None else tuple(row)
