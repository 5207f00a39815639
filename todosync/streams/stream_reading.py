"""How a stream is read by SQL: its rows, its versions, and what has changed between two of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import DateTime, Engine, String, asc, delete, desc, func, select, type_coerce
from sqlalchemy.sql.expression import ColumnElement, column, table
from sqlmodel import Session

from todosync.database import by_code_points, instant

from .columns import is_stored_well, is_time, is_uuid, plain_type
from .keys import told_key
from .messages import Delta, Row, RowId, ScopeValue
from .stream_table import StreamTable
from .version import Version

DELTA_MAX_ROWS = 1000
"""More changed rows than this travel as a snapshot: it is hardly larger, and simpler to apply."""


class StreamReading(StreamTable):
    """Reads the table of a stream, and its change log. All methods block. :class:`Stream` declares what is read."""

    def version(self, session: Session, scope: ScopeValue | None = None, until: int | None = None) -> Version:
        """Return the current version: the last row of the change log.

        :param session: a transaction of the database that has the table
        :param scope: the scope (default: the stream as a whole); changes in other scopes do not change its version
        :param until: the number of a row of the log; later rows do not count
        """
        log = self._log
        newest = select(log.c.version, log.c.mark).order_by(log.c.version.desc()).limit(1)
        if scope is not None:
            newest = newest.where(log.c.version.in_(self._last_numbers(scope, until)))
        row = session.connection().execute(newest).first()
        return Version(int(row[0]), row[1] or '') if row else Version(0, '')

    def version_after(self, session: Session, since: Version, scope: ScopeValue | None = None) -> Version | None:
        """Return the current version, or ``None`` if the change log does not have an earlier one with its mark.

        Both questions are one query, because each change asks them.

        :param session: a transaction of the database that has the table
        :param since: the earlier version
        :param scope: the scope (default: the stream as a whole)
        """
        log = self._log
        numbers = [since.number, *self._last_numbers(scope)]
        both = select(log.c.version, log.c.mark).where(log.c.version.in_(numbers)).order_by(log.c.version)
        found = [Version(int(number), mark or '') for number, mark in session.connection().execute(both)]
        return found[-1] if since.mark and since in found else None

    def count(self, session: Session) -> int:
        """Return how many rows the table has.

        :param session: a transaction of the database that has the table
        """
        return int(session.connection().scalar(select(func.count()).select_from(self.table)) or 0)

    def has_held(self, session: Session, version: Version) -> bool:
        """Return whether the table once was at a version, and the change log still tells what came after it.

        :param session: a transaction of the database that has the table
        :param version: the version
        """
        log = self._log
        mark = session.connection().scalar(select(log.c.mark).where(log.c.version == version.number))
        return bool(mark) and mark == version.mark

    def trim(self, session: Session, before: datetime) -> None:
        """Delete old changes from the change log. The newest one stays in any case, because it holds the version.

        :param session: a write transaction
        :param before: changes from before this time are deleted; with a time zone
        """
        log = self._log
        newest = select(func.max(log.c.version)).scalar_subquery()
        old = (log.c.at < before.astimezone(UTC)) & (log.c.version < newest)
        if self.scope:
            old &= log.c.version.not_in(select(func.max(log.c.version)).group_by(log.c.scope))
        session.connection().execute(delete(log).where(old))

    def read_rows(self, session: Session, scope: ScopeValue | None = None) -> list[Row]:
        """Read all rows, in their order.

        :param session: a read transaction
        :param scope: the scope (default: all rows)
        """
        rows, _ = self._reader.read(session, order=self._order(), where=self._is_in(scope))
        return rows

    def delta(self, session: Session, since: Version, scope: ScopeValue | None = None) -> Delta | None:
        """Read what has changed after a version.

        :param session: a read transaction
        :param since: the version that the caller has
        :param scope: the scope (default: all rows); a row that has left it counts as deleted
        :return: the delta, which has no rows if nothing has changed. ``None`` if the caller needs a snapshot: the
            change log does not have this version with its mark, or more than :data:`DELTA_MAX_ROWS` rows have changed
        """
        newest = self.version_after(session, since, scope)
        if newest is None:
            return None
        if newest == since:
            return Delta.nothing(self.name, since, scope)
        log = self._log
        changed = (
            select(log.c[self.change_key]).where(log.c.version > since.number).distinct().limit(DELTA_MAX_ROWS + 1)
        )
        if scope is not None:
            if self._is_about_all(session, since):
                return None
            changed = changed.where(log.c.scope == self.stored_scope(scope))
        found = session.connection().scalars(changed).all()
        ids = self._ids(found)
        if ids is None or len(ids) > DELTA_MAX_ROWS:
            return None
        put, _ = self._reader.read(session, ids, where=self._is_in(scope))
        there = {row['id'] for row in put}
        return Delta(self.name, since, newest, put, [id_ for id_ in ids if id_ not in there], scope)

    def deltas(self, session: Session, since: Version) -> list[Delta] | None:
        """Read what has changed after a version, in one moment, for each scope in which something has changed.

        The cost grows with the changes, and not with the number of scopes.

        :param session: a read transaction
        :param since: a version of the stream as a whole
        :return: a delta for each scope, from its own version then to its own now; ``None`` as in :meth:`delta`
        """
        if not self.has_held(session, since) or self._is_about_all(session, since):
            return None
        log = self._log
        stored_scope = type_coerce(log.c.scope, String) if self.is_scope_a_uuid else log.c.scope
        changed = select(stored_scope, log.c[self.change_key]).where(log.c.version > since.number).distinct()
        changes = [tuple(row) for row in session.connection().execute(changed.limit(DELTA_MAX_ROWS + 1))]
        if len(changes) > DELTA_MAX_ROWS:
            return None
        ids: dict[ScopeValue, list[RowId]] = {}
        for stored, key in changes:
            changed_ids = self._ids([key])
            if changed_ids is None:
                return None
            scope = told_key(self.table.c[self.scope], stored) if self.is_scope_a_uuid else stored
            if scope is not None:
                ids.setdefault(scope, []).extend(changed_ids)
        rows, _ = self._reader.read(session, list({row_id: None for of_scope in ids.values() for row_id in of_scope}))
        by_id = {row['id']: row for row in rows}
        deltas = []
        for scope, of_scope in ids.items():
            put = [by_id[id_] for id_ in of_scope if id_ in by_id and by_id[id_][self.scope] == scope]
            found = {row['id'] for row in put}
            base, newest = self.version(session, scope, since.number), self.version(session, scope)
            deleted = [id_ for id_ in of_scope if id_ not in found]
            deltas.append(Delta(self.name, base, newest, put, deleted, scope))
        return deltas

    def left_out(self, session: Session) -> dict[RowId, str]:
        """Return why rows are not shown, by their ids: another program has written what cannot be served.

        The first call reads all rows, each further one those that have changed meanwhile.

        :param session: a read transaction
        """
        engine = session.connection().engine
        since, refused = self._left_out.get(engine, (None, {}))
        version = self.version(session)
        delta = None if since is None else self.delta(session, since)
        if delta is None:
            _, refused = self._reader.read(session)
        else:
            changed = {row['id'] for row in delta.put} | set(delta.deleted)
            _, found = self._reader.read(session, delta.deleted)
            refused = {row_id: reason for row_id, reason in refused.items() if row_id not in changed} | found
        self._left_out[engine] = version, refused
        return refused

    def _last_numbers(self, scope: ScopeValue | None, until: int | None = None) -> list[Any]:
        """Return the numbers of the last row of the log about a scope, and of the last about all, as expressions.

        :param scope: the scope; of the stream as a whole there is one number
        :param until: later rows do not count
        """
        log = self._log
        about: list[Any] = [None] if scope is None else [log.c.scope == self.stored_scope(scope), log.c.scope.is_(None)]
        last = select(func.max(log.c.version))
        if until is not None:
            last = last.where(log.c.version <= until)
        return [(last if rows is None else last.where(rows)).scalar_subquery() for rows in about]

    @cached_property
    def _log(self) -> Any:
        at = column('at', DateTime(timezone=True))
        names: list[Any] = [column(name) for name in ('version', self.change_key, 'mark')]
        scope = [column('scope', self.table.c[self.scope].type)] if self.scope else []
        return table(self.change_log, at, *names, *scope)

    def _is_in(self, scope: ScopeValue | None) -> ColumnElement[bool] | None:
        return None if scope is None else self.table.c[self.scope] == self.stored_scope(scope)

    def _ids(self, stored: Iterable[Any]) -> list[RowId] | None:
        """Return the ids that a change log names; ``None`` if there is a UUID among them that cannot be found again.

        A whole number that is none is that of no row: SQLite keeps anything in a log, but not in such a key.
        """
        source = self.table.c.id
        ids: list[RowId] = []
        for value in stored:
            if is_uuid(source) and not is_stored_well(value):
                return None
            found = told_key(source, value)
            ids += [] if found is None else [found]
        return ids

    def _is_about_all(self, session: Session, since: Version) -> bool:
        """Return whether the log has a row about all scopes after a version. Then it does not tell what has changed."""
        log = self._log
        query = select(log.c.version).where(log.c.scope.is_(None) & (log.c.version > since.number)).limit(1)
        return session.connection().scalar(query) is not None

    @cached_property
    def _left_out(self) -> WeakKeyDictionary[Engine, tuple[Any, dict[RowId, str]]]:
        """By database: what :meth:`left_out` has found, and at which version."""
        return WeakKeyDictionary()

    def _order(self) -> list[ColumnElement[Any]]:
        """Return what a snapshot is ordered by: times by what they mean, text by its code points, as Python does."""
        source: ColumnElement[Any] = self.table.c[self.order_field]
        if is_time(self.table.c[self.order_field]):
            source = instant(source)
        elif isinstance(plain_type(self.table.c[self.order_field]), String):
            source = by_code_points(source)
        direction = desc if self.is_descending else asc
        return [direction(source), direction(self.table.c.id)]
