"""Writes that are done once, however often they are sent: what was done under a key is on record for a day."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text, delete, insert, select
from sqlmodel import Session

from .refusals import RefusedWriteError

KEY_MAX_LENGTH = 255
done = Table(
    'todosync_done',
    MetaData(),
    Column('key', Text, primary_key=True),
    Column('request', Text, nullable=False),
    Column('outcome', Text, nullable=False),
    Column('at', BigInteger().with_variant(Integer, 'sqlite'), nullable=False, index=True),
    sqlite_strict=True,
)
"""``request`` is the hash of what was asked for, ``outcome`` JSON, ``at`` the second since 1970."""


class Once:
    """A write that is to be done once under a key. Its record is written in the transaction of its effect.

    :param key: 1 to 255 printable characters of ASCII, which whoever sends the write has drawn at random
    :param request: what is asked for, JSON values; another request under the same key is refused
    :raises RefusedWriteError: the key is none
    """

    def __init__(self, key: str, request: Any) -> None:
        if not (0 < len(key) <= KEY_MAX_LENGTH and key.isascii() and key.isprintable()):
            raise RefusedWriteError(f'A key must be 1 to {KEY_MAX_LENGTH} printable characters of ASCII')
        self.key = key
        described = orjson.dumps(request, default=str, option=orjson.OPT_SORT_KEYS)
        self._request = hashlib.sha256(described).hexdigest()

    def outcome(self, session: Session) -> Mapping[str, Any] | None:
        """Return what came of it, ``None`` if it has not been done.

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
        """Put on record what came of it; of two transactions at the same time, one fails here.

        :raises sqlalchemy.exc.IntegrityError: another transaction has just done it
        """
        values = {
            'key': self.key,
            'request': self._request,
            'outcome': orjson.dumps(outcome).decode(),
            'at': int(datetime.now(UTC).timestamp()),
        }
        session.connection().execute(insert(done).values(values))


def forget(session: Session, before: datetime) -> None:
    """Forget the writes that were done before a time."""
    session.connection().execute(delete(done).where(done.c.at < int(before.timestamp())))
