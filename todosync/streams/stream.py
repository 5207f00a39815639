"""A stream: a table whose rows are shown in every tab.

The module is long because it is the one place for a stream: what it declares, and how it is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property, partial
from typing import Any, overload
from weakref import WeakKeyDictionary

import orjson
from sqlalchemy import (
    DateTime,
    Engine,
    Integer,
    String,
    Table,
    asc,
    delete,
    desc,
    func,
    select,
    type_coerce,
)
from sqlalchemy.sql.expression import ColumnElement, column, table
from sqlmodel import Session, SQLModel

from todosync.database import HistoryTable, LogTable, by_code_points, instant

from .columns import is_stored_well, is_time, is_uuid, plain_type, scale_of, told, wire
from .declared import Declared, Rule, Verb
from .keys import stored_key, told_key
from .messages import Delta, Row, RowId, ScopeValue, Snapshot
from .mistakes import check_declaration, check_kinds, check_writable, refuse
from .protocol import topic
from .reading import RowReader
from .scope import check_scope
from .texts import Texts, as_text, shown_texts, told_texts
from .totals import Amount, Total
from .version import Version

DELTA_MAX_ROWS = 1000
"""More changed rows than this travel as a snapshot: it is hardly larger, and simpler to apply."""


@dataclass(frozen=True, eq=False)
class Stream:
    """A table whose rows every tab shows, and keeps up to date by itself.

    :param model: the SQLModel class of the table; its primary key is ``id``, a whole number or a ``UUID``
    :param order_by: the field that orders the list, from the lowest value up; with ``-`` before it, from the highest
        value down; rows with the same value are ordered by ``id``, the same way
    :param totals: counts and sums over all rows, by name, see :func:`count` and :func:`total`; they are kept up to date
        from the changed rows alone, so they cost the same for ten rows and for a hundred thousand
    :param texts: texts that are made of totals, by name, such as ``'{urgent} of {all} notes are urgent'``, or see
        :func:`plural`; they are among the totals of a view, and what a person does shows in them at once. A function
        may make them of the totals instead; its texts show the change once the server has it
    :param fields: the columns that travel to the browsers, among them ``id`` (default: all of the model)
    :param name: the name in messages, and the key of a snapshot's list (default: the name of the table)
    :param change_log: the name of the table in which triggers note the changes (default: ``<name>_changes``)
    :param change_key: the name of its column that holds the row's id
    :param scope: the column whose values divide the rows into channels: a page shows the rows of one value, and the
        server sends it no others; a column of whole numbers, texts or UUIDs, with an index (default: all rows together)
    :param may_read: takes a user, as ``setup(current_user=...)`` tells it, and a value of the scope (of a stream
        without scopes only the user), and returns whether they may read that; it runs in a thread and may look at the
        database. Without it nobody may, if ``setup()`` is given ``current_user``; else everybody
    :param rights: the models of the tables at which ``may_read`` looks; after a change in one of them it is asked again
    :param history: for how long the database notes who changed what, see :meth:`View.history` (default: it notes
        nothing)
    :raises ValueError: it cannot work like this; the message names the stream, the field and the remedy

    Example::

        NOTES = Stream(Note, order_by='-created_at', totals={'all': count(), 'urgent': count('urgent')})
    """

    model: type[SQLModel]
    order_by: str = '-id'
    totals: Mapping[str, Total] = field(default_factory=dict)
    texts: Texts = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    name: str = ''
    change_log: str = ''
    change_key: str = 'record_id'
    scope: str = ''
    may_read: Callable[..., bool] | None = None
    rights: tuple[type[SQLModel], ...] = ()
    history: timedelta | None = None
    declared: Declared = field(default_factory=Declared, init=False, repr=False)
    """What may be written, see :meth:`writable`."""

    def __post_init__(self) -> None:
        check_kinds(self)
        for attribute, default in (
            ('fields', tuple(map(str, self.table.columns.keys()))),
            ('name', str(self.table.name)),
            ('change_log', f'{self.name or self.table.name}_changes'),
        ):
            if not getattr(self, attribute):
                object.__setattr__(self, attribute, default)
        check_declaration(self)
        totals = {
            name: replace(kind, scale=self.scale_of(kind.field)) if kind.field else kind
            for name, kind in self.totals.items()
        }
        object.__setattr__(self, 'totals', totals)
        check_scope(self)

    def writable(self, *fields: str) -> None:
        """Allow rows to be inserted, updated and deleted, and these fields to be set; nothing else can be written.

        :param fields: names of fields of the model; their types and checks are those of the model
        :raises ValueError: the model has no such field, or it is the id

        Example::

            NOTES.writable('text', 'urgent')
        """
        check_writable(self, fields)
        self.declared.fields = fields

    def rule(self, rule: Rule) -> Rule:
        """Have every write checked; a decorator. The rule may change the values that are written, or refuse the write.

        It runs in the transaction of the write, in a thread.

        :param rule: takes the :class:`Write`

        Example::

            @NOTES.rule
            def check(write: Write) -> None:
                if write.action == 'delete' and write.row.pinned:
                    write.refuse('A pinned note cannot be deleted; unpin it first')
        """
        self.declared.add_rule(rule)
        return rule

    @overload
    def verb(self, verb: Verb) -> Verb: ...
    @overload
    def verb(self, *, shows: Mapping[str, Any]) -> Callable[[Verb], Verb]: ...
    def verb(self, verb: Verb | None = None, *, shows: Mapping[str, Any] | None = None) -> Any:
        """Allow a write with a name of its own, which is that of the function; a decorator.

        :param verb: takes the session of the transaction and the row, an object of the model, and changes it
        :param shows: what a page shows at once of a row to which it is done: values, by the names of fields
        :raises ValueError: the name is that of something else already, or the stream has no such field

        Example::

            @NOTES.verb(shows={'archived': True})
            def archive(session: Session, note: Note) -> None:
                note.archived = True

            await view.do(archive, note)
        """
        if verb is None:
            return partial(self._add_verb, shows=dict(shows or {}))
        return self._add_verb(verb, {})

    def _add_verb(self, verb: Verb, shows: dict[str, Any]) -> Verb:
        if unknown := [name for name in shows if name not in self.fields]:
            refuse(self, f'has no field {unknown[0]!r}, which the verb {verb.__name__!r} shows', 'name its `fields`')
        if verb.__name__ in {'insert', 'update', 'delete', 'restore'}:
            refuse(self, f'cannot have a verb {verb.__name__!r}', 'give the function another name')
        self.declared.verbs[verb.__name__] = verb
        self.declared.shows[verb.__name__] = {name: self.told(name, value) for name, value in shows.items()}
        return verb

    @property
    def is_writable(self) -> bool:
        """Whether anything but reading is allowed, see :meth:`writable`."""
        return bool(self.declared.fields)

    @property
    def log_table(self) -> LogTable:
        """The table that the change log is about, and the names in the log."""
        history = HistoryTable(self.name, self.fields) if self.history else None
        return LogTable(self.table, self.change_log, self.change_key, self.scope, history=history)

    @property
    def topic(self) -> str:
        """The name of the stream's messages in the cache and on the cable."""
        return topic(self.name, self.shape)

    @cached_property
    def shape(self) -> str:
        """What tells apart the rows and totals of two releases whose stream has the same name, as a short word."""
        fields = [(name, repr(self.table.c[name].type)) for name in self.fields]
        totals = [(name, total.field, total.is_sum) for name, total in self.totals.items()]
        described = [fields, self.order_by, totals, self.shown_totals(self.total(())), *filter(None, [self.scope])]
        return hashlib.sha256(orjson.dumps(described)).hexdigest()[:8]

    @property
    def order_field(self) -> str:
        """The field that orders the list."""
        return self.order_by.removeprefix('-')

    @property
    def is_scope_a_number(self) -> bool:
        """Whether the values of the scope are whole numbers, and not texts."""
        return bool(self.scope) and isinstance(plain_type(self.table.c[self.scope]), Integer)

    @property
    def is_scope_a_uuid(self) -> bool:
        """Whether the values of the scope are UUIDs."""
        return bool(self.scope) and is_uuid(self.table.c[self.scope])

    @property
    def is_key_a_uuid(self) -> bool:
        """Whether the ids of the rows are UUIDs."""
        return is_uuid(self.table.c.id)

    @property
    def is_order_decimal(self) -> bool:
        """Whether the values that order the list are decimals, which rows hold as texts."""
        return self.scale_of(self.order_field) is not None

    @property
    def told_order(self) -> str:
        """How the list is ordered, as browsers are told: ``-created_at``, and of decimals ``-price decimal``."""
        return f'{self.order_by} decimal' if self.is_order_decimal else self.order_by

    @property
    def is_descending(self) -> bool:
        """Whether the highest value comes first."""
        return self.order_by.startswith('-')

    @property
    def table(self) -> Table:
        """The table of the model."""
        found = getattr(self.model, '__table__', None)
        if not isinstance(found, Table):
            name = getattr(self.model, '__name__', repr(self.model))
            raise ValueError(f'the model {name} has no table; declare it as `class {name}(SQLModel, table=True)`')
        return found

    def told(self, name: str, value: Any) -> Any:
        """Return a value of a field as rows hold it, in JSON values: a ``Decimal`` as ``'1.50'``, a date as a text.

        :param name: the name of the field
        :param value: a value of Python, or what somebody has sent as JSON; what is none stays as it is
        """
        return told(self.table.c[name], value)

    def scale_of(self, name: str) -> int | None:
        """Return how many decimals a field has that holds decimals, ``None`` of any other.

        :param name: the name of the field
        """
        return scale_of(self.table.c[name])

    def shown_totals(self, totals: Mapping[str, Amount]) -> dict[str, Any]:
        """Return the totals and the texts that are made of them, as messages carry them.

        :param totals: the totals, by name
        """
        shown = {name: as_text(amount) if isinstance(amount, Decimal) else amount for name, amount in totals.items()}
        return {**shown, **shown_texts(self.texts, totals)}

    def told_totals(self) -> dict[str, Any]:
        """Return how the totals and the texts are made, in JSON values, so that a browser makes the same ones."""
        return {'totals': {name: asdict(kind) for name, kind in self.totals.items()}, 'texts': told_texts(self.texts)}

    def total(self, rows: Iterable[Row]) -> dict[str, Amount]:
        """Return the totals over the given rows.

        :param rows: rows of the stream
        :return: the totals, by name
        """
        totals = {name: kind.nothing for name, kind in self.totals.items()}
        for row in rows:
            for name, kind in self.totals.items():
                totals[name] += kind.of(row)
        return totals

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

    def snapshot(self, session: Session, scope: ScopeValue | None = None) -> Snapshot:
        """Read all rows and their version.

        :param session: a read transaction, so that rows and version are of the same moment
        :param scope: the scope (default: all rows)
        """
        version = self.version(session, scope)
        rows, _ = self._reader.read(session, order=self._order(), where=self._is_in(scope))
        return Snapshot(self.name, version, rows, self.shown_totals(self.total(rows)), scope)

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

    def scope_of(self, session: Session, row_id: RowId) -> ScopeValue | None:
        """Return the scope in which a row is; ``None`` if there is no such row, or if there are no scopes.

        :param session: a transaction of the database that has the table
        :param row_id: the row's ``id``
        """
        if not self.scope:
            return None
        query = select(wire(self.table.c[self.scope])).where(self.table.c.id == self.key(row_id))
        return told_key(self.table.c[self.scope], session.connection().scalar(query))

    def key(self, row_id: RowId) -> Any:
        """Return the key of a row as its model has it, a whole number or a ``UUID``; ``None`` if no row can have it.

        :param row_id: the row's ``id``, as rows hold it
        """
        return stored_key(self.table.c.id, row_id)

    def stored_scope(self, scope: ScopeValue) -> Any:
        """Return the value of a scope as the model has it: a whole number, a text or a ``UUID``.

        :param scope: the scope
        """
        return stored_key(self.table.c[self.scope], scope)

    def row_to_write(self, session: Session, row_id: RowId) -> Any:
        """Return a row, locked against others, or ``None`` if there is none.

        :param session: a write transaction
        :param row_id: its id
        :raises UnservableError: the row is left out, because another program has written what cannot be served
        """
        key = self.key(row_id)
        return None if key is None else self._reader.get(session, self.model, key)

    def row(self, session: Session, row_id: RowId) -> Row | None:
        """Return a row as messages carry it, in JSON values; ``None`` if there is none that can be served.

        :param session: a transaction of the database that has the table
        :param row_id: the row's ``id``
        """
        rows, _ = self._reader.read(session, [row_id])
        return orjson.loads(orjson.dumps(rows[0])) if rows else None

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

    def _is_about_all(self, session: Session, since: Version) -> bool:
        """Return whether the log has a row about all scopes after a version. Then it does not tell what has changed."""
        log = self._log
        query = select(log.c.version).where(log.c.scope.is_(None) & (log.c.version > since.number)).limit(1)
        return session.connection().scalar(query) is not None

    @cached_property
    def _left_out(self) -> WeakKeyDictionary[Engine, tuple[Any, dict[RowId, str]]]:
        """By database: what :meth:`left_out` has found, and at which version."""
        return WeakKeyDictionary()

    @cached_property
    def _reader(self) -> RowReader:
        return RowReader(self.name, {name: self.table.c[name] for name in self.fields}, self.order_field)

    def _order(self) -> list[ColumnElement[Any]]:
        """Return what a snapshot is ordered by: times by what they mean, text by its code points, as Python does."""
        source: ColumnElement[Any] = self.table.c[self.order_field]
        if is_time(self.table.c[self.order_field]):
            source = instant(source)
        elif isinstance(plain_type(self.table.c[self.order_field]), String):
            source = by_code_points(source)
        direction = desc if self.is_descending else asc
        return [direction(source), direction(self.table.c.id)]
