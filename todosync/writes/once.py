"""Writes with a key are done only once, however often they are sent. Their outcome is kept for a day."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import delete, insert, select
from sqlmodel import Session

from .refusals import RefusedWriteError
from .tables import done, seconds

KEY_MAX_LENGTH = 255


class Once:
    """A write that is done only once under its key. Its outcome is stored in the same transaction as its effect.

    :param key: a random value that the sender of the write has chosen: 1 to 255 printable characters of ASCII
    :param request: the request, as JSON values; a different request under the same key is refused
    :raises RefusedWriteError: the key has other characters or another length
    """

    def __init__(self, key: str, request: Any) -> None:
        if not (0 < len(key) <= KEY_MAX_LENGTH and key.isascii() and key.isprintable()):
            raise RefusedWriteError(f'A key must be 1 to {KEY_MAX_LENGTH} printable characters of ASCII')
        self.key = key
        self._request = request_hash(request)

    def outcome(self, session: Session) -> Mapping[str, Any] | None:
        """Return the outcome of the write, ``None`` if it has not been done.

        :raises RefusedWriteError: another write was done under this key
        """
        known = session.connection().execute(select(done).where(done.c.key == self.key)).first()
        if known is None:
            return None
        if known.request != self._request:
            raise RefusedWriteError('This key was used for another write already; take a new one for each write')
        found: Mapping[str, Any] = orjson.loads(known.outcome)
        return found

    def note(self, session: Session, outcome: Mapping[str, Any]) -> None:
        """Store the outcome of the write. Of two transactions at the same time one fails here.

        :raises sqlalchemy.exc.IntegrityError: another transaction has just done it
        """
        values = {
            'key': self.key,
            'request': self._request,
            'outcome': orjson.dumps(outcome).decode(),
            'at': seconds(datetime.now(UTC)),
        }
        session.connection().execute(insert(done).values(values))


def request_hash(request: Any) -> str:
    """Return what tells a request apart from others.

    :param request: JSON values, also those that cannot be stored, such as half a character; others count as their text
    """
    return hashlib.sha256(json.dumps(request, default=str, sort_keys=True).encode()).hexdigest()


def forget_done(session: Session, before: datetime) -> None:
    """Delete the outcomes of writes that were done before a time."""
    session.connection().execute(delete(done).where(done.c.at < seconds(before)))
