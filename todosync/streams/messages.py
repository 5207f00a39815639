"""The messages of a stream: a snapshot holds all rows, a delta the rows that have changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from .version import Version

ScopeValue = int | str
"""The value of a scope's column. A stream without scopes has one channel, whose scope is ``None``."""

RowId = int | str
"""The key of a row: a whole number, or a UUID as a text with dashes and lower letters."""

Row = dict[str, Any]
"""One row as it travels: JSON values by field name, always with an ``id``."""


@dataclass(frozen=True)
class Snapshot:
    """All rows at a version, in the order of the stream."""

    stream: str
    version: Version
    rows: list[Row]
    totals: dict[str, Any]
    scope: ScopeValue | None = None

    def message(self) -> dict[str, Any]:
        """Return the message as browsers receive it."""
        return {
            **head(self.stream, self.scope),
            'version': self.version.message(),
            self.stream: self.rows,
            'totals': self.totals,
        }


@dataclass(frozen=True)
class Delta:
    """The rows that have changed after version ``base``, up to and including ``version``.

    It holds the rows as they are at ``version``, not each change. Only a reader that holds ``base`` can apply it. A
    reader with a later version cannot: perhaps the database was put back to ``base``, and other changes followed.

    :ivar put: the rows that were inserted or updated
    :ivar deleted: the ids of the rows that were deleted
    """

    stream: str
    base: Version
    version: Version
    put: list[Row]
    deleted: list[RowId]
    scope: ScopeValue | None = None

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self | None:
        """Return the delta in a message; ``None`` if the message is an announcement, which has no rows."""
        base, version = Version.from_message(message.get('base')), Version.from_message(message['version'])
        if base is None or version is None:
            return None
        return cls(message['stream'], base, version, message['put'], message['del'], message.get('scope'))

    @classmethod
    def joined(cls, deltas: Iterable[Self]) -> Self:
        """Return one delta with the effect of all of them. Each must continue the one before it."""
        first, *others = deltas
        if not others:
            return first
        states: dict[RowId, Row | None] = {}
        for delta in (first, *others):
            states.update((row['id'], row) for row in delta.put)
            states.update(dict.fromkeys(delta.deleted))
        put = [row for row in states.values() if row is not None]
        deleted = [row_id for row_id, row in states.items() if row is None]
        return cls(first.stream, first.base, others[-1].version, put, deleted, first.scope)

    @classmethod
    def nothing(cls, stream: str, version: Version, scope: ScopeValue | None = None) -> Self:
        """Return a delta without rows. It tells a browser with another version that it missed changes, so it asks."""
        return cls(stream, version, version, [], [], scope)

    def message(self, totals: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the message as the cable and browsers carry it.

        :param totals: the stream's totals at ``version``, for browsers
        """
        message = {
            **head(self.stream, self.scope),
            'base': self.base.message(),
            'version': self.version.message(),
            'put': self.put,
            'del': self.deleted,
        }
        return message if totals is None else {**message, 'totals': totals}


def head(stream: str, scope: ScopeValue | None) -> dict[str, Any]:
    """Return the fields by which every message says what it is about; ``scope`` where the stream has scopes."""
    return {'stream': stream} if scope is None else {'stream': stream, 'scope': scope}


def refusal(stream: str, scope: ScopeValue | None, reason: str) -> dict[str, Any]:
    """Return the message that ends a subscription: browsers show none of the rows any more.

    :param stream: the name of the stream
    :param scope: the scope
    :param reason: a sentence that says why
    """
    return {**head(stream, scope), 'refused': reason}


def announcement(stream: str, version: Version) -> dict[str, Any]:
    """Return the message that tells other processes of a version without its rows, which each process then reads."""
    return {'stream': stream, 'version': version.message()}


def replacing(encoded_snapshot: bytes) -> bytes:
    """Return a snapshot's JSON that also says ``replaces``: it counts whatever version its receiver has."""
    return b'{"replaces":true,' + encoded_snapshot[1:]
