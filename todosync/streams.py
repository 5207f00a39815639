"""A stream: a table whose rows are shown in every tab, and the two messages that carry it, snapshot and delta."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Column, DateTime, Table, TypeDecorator, delete, desc, func, select
from sqlalchemy.sql.expression import ColumnElement, column, table
from sqlmodel import Session, SQLModel

from .sql import instant, iso_utc

Record = dict[str, Any]
"""One row as it travels: JSON values by field name, always with an ``id``."""

DELTA_MAX_RECORDS = 1000
"""More changed rows than this travel as a snapshot: it is hardly larger, and simpler to apply."""


@dataclass(frozen=True)
class Snapshot:
    """The whole list at a version. ``records`` is newest first."""

    stream: str
    version: int
    records: list[Record]
    derived: dict[str, Any]

    def message(self) -> dict[str, Any]:
        """Return the message as browsers receive it."""
        return {
            'stream': self.stream,
            'version': self.version,
            self.stream: self.records,
            'derived': self.derived,
        }


@dataclass(frozen=True)
class Delta:
    """What became of the rows that changed after version ``base``, up to and including ``version``.

    It holds the rows' states, not the steps that led there, so it may be applied to any version from ``base`` on.
    """

    stream: str
    base: int
    version: int
    put: list[Record]
    deleted: list[int]

    def message(self, derived: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the message as browsers receive it."""
        message = {
            'stream': self.stream,
            'base': self.base,
            'version': self.version,
            'put': self.put,
            'del': self.deleted,
        }
        return message if derived is None else {**message, 'derived': derived}


@dataclass(frozen=True, eq=False)
class Stream:
    """A table that is kept alive in every tab.

    :param name: the name in messages, and the key of a snapshot's list
    :param model: the SQLModel class of the table; its primary key is an integer ``id``
    :param fields: the columns that travel; ``id`` first
    :param newest_first: the column that orders the list, newest first; ties by ``id``, highest first
    :param change_log: the name of the table that the triggers write (default: ``<name>_changes``)
    :param change_key: the name of its column that holds the row's id
    :param totals: sums over all rows, by name, each the function that says what one row adds; they are kept up to
        date from the changed rows alone, so they cost the same for ten rows and for a hundred thousand
    :param derive: from the totals to what every tab shows of them, computed once per broadcast

    Example::

        NOTES = Stream(name='notes', model=Note, fields=('id', 'text', 'created_at'),
                       totals={'count': lambda note: 1})
    """

    name: str
    model: type[SQLModel]
    fields: tuple[str, ...]
    newest_first: str = 'created_at'
    change_log: str = ''
    change_key: str = 'record_id'
    totals: Mapping[str, Callable[[Record], int]] = field(default_factory=dict)
    derive: Callable[[Mapping[str, int]], Mapping[str, Any]] = lambda totals: {}

    def __post_init__(self) -> None:
        if not self.change_log:
            object.__setattr__(self, 'change_log', f'{self.name}_changes')

    @property
    def table(self) -> Table:
        """The table of the model."""
        found = self.model.__table__  # type: ignore[attr-defined]
        assert isinstance(found, Table)
        return found

    def derived(self, totals: Mapping[str, int]) -> dict[str, Any]:
        """Return what tabs show besides the rows: the totals, and what ``derive`` makes of them."""
        return {**totals, **self.derive(totals)}

    def total(self, records: Iterable[Record]) -> dict[str, int]:
        """Return the totals over the given rows."""
        totals = dict.fromkeys(self.totals, 0)
        for record in records:
            for name, amount in self.totals.items():
                totals[name] += amount(record)
        return totals

    def version(self, session: Session) -> int:
        """Return the current version: the number of the last change, 0 before the first."""
        return int(session.connection().scalar(select(func.max(self._log.c.version))) or 0)

    def trim(self, session: Session, before: datetime) -> None:
        """Forget the changes made before a moment; the newest one stays, it holds the version."""
        log = self._log
        newest = select(func.max(log.c.version)).scalar_subquery()
        old = (log.c.at < before.astimezone(UTC)) & (log.c.version < newest)
        session.connection().execute(delete(log).where(old))

    def snapshot(self, session: Session) -> Snapshot:
        """Read the whole list and its version in one read transaction."""
        version = self.version(session)
        source = self.table.c[self.newest_first]
        order = instant(source) if _is_time(source) else source
        records = self._read(session, self._select().order_by(desc(order), desc(self.table.c.id)))
        return Snapshot(self.name, version, records, self.derived(self.total(records)))

    def delta(self, session: Session, since: int) -> Delta | None:
        """Read what changed after a version.

        :param since: the version that the caller holds
        :return: the delta, with no rows if nothing changed, or ``None`` when only a snapshot can help: the change log
            no longer reaches back that far, never went that far, or holds more changes than a delta is good for
        """
        log = self._log
        oldest, newest = session.connection().execute(select(func.min(log.c.version), func.max(log.c.version))).one()
        if since == (newest or 0):
            return Delta(self.name, since, since, [], [])
        if newest is None or since > newest or since < oldest - 1:
            return None
        changed = select(log.c[self.change_key]).where(log.c.version > since).distinct().limit(DELTA_MAX_RECORDS + 1)
        ids = [int(row[0]) for row in session.connection().execute(changed)]
        if len(ids) > DELTA_MAX_RECORDS:
            return None
        put = self._read(session, self._select().where(self.table.c.id.in_(ids)))
        found = {record['id'] for record in put}
        return Delta(self.name, since, int(newest), put, [id_ for id_ in ids if id_ not in found])

    @cached_property
    def _log(self) -> Any:
        at = column('at', DateTime(timezone=True))
        return table(self.change_log, column('version'), column(self.change_key), at)

    def _select(self) -> Any:
        return select(*(_wire(self.table.c[name]) for name in self.fields))

    def _read(self, session: Session, query: Any) -> list[Record]:
        return [dict(zip(self.fields, row, strict=True)) for row in session.connection().execute(query)]


class Replica:
    """A process's copy of a stream, and its totals, kept up to date by the messages of the stream.

    Not thread-safe: it belongs to the event loop.

    :param stream: the stream
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.version = -1
        self.totals: dict[str, int] = stream.total(())
        self._by_id: dict[int, Record] = {}
        self._records: list[Record] = []
        self._derived: dict[str, Any] | None = None

    @property
    def records(self) -> Sequence[Record]:
        """The rows, newest first; the sequence changes with them."""
        return self._records

    @property
    def derived(self) -> dict[str, Any]:
        """The totals, and what the stream derives from them. Computed once after a change, for all who show it."""
        if self._derived is None:
            self._derived = self.stream.derived(self.totals)
        return self._derived

    def get(self, record_id: int) -> Record | None:
        """Return the row with the given id."""
        return self._by_id.get(record_id)

    def reset(self, version: int, records: Iterable[Record]) -> None:
        """Replace everything by a snapshot."""
        self._derived = None
        self._by_id = {record['id']: record for record in records}
        self._records = sorted(self._by_id.values(), key=self._age, reverse=True)
        self.totals = self.stream.total(self._by_id.values())
        self.version = version

    def apply(self, delta: Delta) -> bool:
        """Apply a delta.

        :return: whether it could be: ``False`` means a gap, with nothing changed
        """
        if delta.version <= self.version:
            return True
        if delta.base > self.version:
            return False
        for record in delta.put:
            self._remove(record['id'])
            self._by_id[record['id']] = record
            self._records.insert(self._position(record), record)
            self._add(record, 1)
        for record_id in delta.deleted:
            self._remove(record_id)
        self._derived = None
        self.version = delta.version
        return True

    def _remove(self, record_id: int) -> None:
        if (old := self._by_id.pop(record_id, None)) is not None:
            del self._records[self._position(old)]
            self._add(old, -1)

    def _position(self, record: Record) -> int:
        """Return where a record stands, or would. Found in a few steps: a change costs the same in a long list."""
        age = self._age(record)
        return bisect_left(self._records, True, key=lambda other: self._age(other) <= age)

    def _age(self, record: Record) -> tuple[Any, int]:
        return record[self.stream.newest_first], record['id']

    def _add(self, record: Record, sign: int) -> None:
        for name, amount in self.stream.totals.items():
            self.totals[name] += sign * amount(record)


def _is_time(source: Column[Any]) -> bool:
    kind = source.type.impl if isinstance(source.type, TypeDecorator) else source.type
    return isinstance(kind, DateTime)


def _wire(source: Column[Any]) -> ColumnElement[Any]:
    return iso_utc(source).label(source.name) if _is_time(source) else source
