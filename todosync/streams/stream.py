"""A stream: a table whose rows are shown in every tab."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Column, DateTime, Table, TypeDecorator, asc, delete, desc, func, select
from sqlalchemy.sql.expression import ColumnElement, column, table
from sqlmodel import Session, SQLModel

from todosync.database import LogTable, instant, iso_utc

from .messages import Delta, Row, Snapshot

DELTA_MAX_ROWS = 1000
"""More changed rows than this travel as a snapshot: it is hardly larger, and simpler to apply."""


@dataclass(frozen=True)
class Total:
    """What one row adds to a total: one for each row, or for each in which a field is true, or a field's number.

    Data, not a function, so that whoever holds the rows can compute the same total.

    :param field: the field, empty where each row counts
    :param is_sum: whether the field's numbers are added up
    """

    field: str = ''
    is_sum: bool = False

    def of(self, row: Row) -> int:
        """Return what a row adds."""
        if not self.field:
            return 1
        return int(row[self.field]) if self.is_sum else int(bool(row[self.field]))


def count(field: str = '') -> Total:
    """Return the total that counts all rows, or those in which a field is true.

    :param field: the name of the field (default: every row counts)

    Example::

        NOTES = Stream(Note, totals={'all': count(), 'urgent': count('urgent')})
    """
    return Total(field)


def total(field: str) -> Total:
    """Return the total that adds up a field of whole numbers.

    :param field: the name of the field

    Example::

        EXPENSES = Stream(Expense, totals={'spent': total('cents')})
    """
    return Total(field, is_sum=True)


@dataclass(frozen=True, eq=False)
class Stream:
    """A table that is kept alive in every tab.

    :param model: the SQLModel class of the table; its primary key is an integer ``id``
    :param order_by: the column that orders the list, with ``-`` before it from the highest value to the lowest; rows
        with the same value are ordered by ``id``, the same way
    :param totals: counts and sums over all rows, by name, see :func:`count` and :func:`total`; they are kept up to date
        from the changed rows alone, so they cost the same for ten rows and for a hundred thousand
    :param texts: from the totals to the texts that every tab shows of them, by name, computed once per broadcast; they
        are among the totals that a view has
    :param fields: the columns that travel, ``id`` first (default: all of the model)
    :param name: the name in messages, and the key of a snapshot's list (default: the name of the table)
    :param change_log: the name of the table that the triggers write (default: ``<name>_changes``)
    :param change_key: the name of its column that holds the row's id

    Example::

        NOTES = Stream(Note, order_by='-created_at', totals={'all': count(), 'urgent': count('urgent')})
    """

    model: type[SQLModel]
    order_by: str = '-id'
    totals: Mapping[str, Total] = field(default_factory=dict)
    texts: Callable[[Mapping[str, int]], Mapping[str, str]] = lambda totals: {}
    fields: tuple[str, ...] = ()
    name: str = ''
    change_log: str = ''
    change_key: str = 'record_id'

    def __post_init__(self) -> None:
        for attribute, default in (
            ('fields', tuple(map(str, self.table.columns.keys()))),
            ('name', str(self.table.name)),
            ('change_log', f'{self.name or self.table.name}_changes'),
        ):
            if not getattr(self, attribute):
                object.__setattr__(self, attribute, default)

    @property
    def log_table(self) -> LogTable:
        """What the change log is of, and the names in it."""
        return LogTable(self.table, self.change_log, self.change_key)

    @property
    def order_field(self) -> str:
        """The column that orders the list."""
        return self.order_by.removeprefix('-')

    @property
    def is_descending(self) -> bool:
        """Whether the highest value comes first."""
        return self.order_by.startswith('-')

    @property
    def table(self) -> Table:
        """The table of the model."""
        found = self.model.__table__  # type: ignore[attr-defined]
        assert isinstance(found, Table)
        return found

    def shown_totals(self, totals: Mapping[str, int]) -> dict[str, Any]:
        """Return what tabs show besides the rows: the totals, and the texts that are made of them."""
        return {**totals, **self.texts(totals)}

    def total(self, rows: Iterable[Row]) -> dict[str, int]:
        """Return the totals over the given rows."""
        totals = dict.fromkeys(self.totals, 0)
        for row in rows:
            for name, kind in self.totals.items():
                totals[name] += kind.of(row)
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
        source = self.table.c[self.order_field]
        direction = desc if self.is_descending else asc
        order = direction(instant(source) if _is_time(source) else source), direction(self.table.c.id)
        rows = self._read(session, self._select().order_by(*order))
        return Snapshot(self.name, version, rows, self.shown_totals(self.total(rows)))

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
        changed = select(log.c[self.change_key]).where(log.c.version > since).distinct().limit(DELTA_MAX_ROWS + 1)
        ids = [int(row[0]) for row in session.connection().execute(changed)]
        if len(ids) > DELTA_MAX_ROWS:
            return None
        put = self._read(session, self._select().where(self.table.c.id.in_(ids)))
        found = {row['id'] for row in put}
        return Delta(self.name, since, int(newest), put, [id_ for id_ in ids if id_ not in found])

    @cached_property
    def _log(self) -> Any:
        at = column('at', DateTime(timezone=True))
        return table(self.change_log, column('version'), column(self.change_key), at)

    def _select(self) -> Any:
        return select(*(_wire(self.table.c[name]) for name in self.fields))

    def _read(self, session: Session, query: Any) -> list[Row]:
        return [dict(zip(self.fields, row, strict=True)) for row in session.connection().execute(query)]


def _is_time(source: Column[Any]) -> bool:
    kind = source.type.impl if isinstance(source.type, TypeDecorator) else source.type
    return isinstance(kind, DateTime)


def _wire(source: Column[Any]) -> ColumnElement[Any]:
    return iso_utc(source).label(source.name) if _is_time(source) else source
