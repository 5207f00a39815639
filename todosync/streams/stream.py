"""A stream: a table whose rows are shown in every tab.

The module is long because it is the one place for a stream: what it declares, and how it is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
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
)
from sqlalchemy.sql.expression import ColumnElement, column, table
from sqlmodel import Session, SQLModel

from todosync.database import LogTable, by_code_points, instant

from .declared import Declared, Rule, Verb
from .messages import Delta, Row, ScopeValue, Snapshot
from .mistakes import check_declaration, check_kinds, check_writable, refuse
from .protocol import topic
from .reading import RowReader, is_time, plain_type
from .scope import check_scope
from .texts import Texts, shown_texts, told_texts
from .totals import Total
from .values import carried
from .version import Version

DELTA_MAX_ROWS = 1000
"""More changed rows than this travel as a snapshot: it is hardly larger, and simpler to apply."""


@dataclass(frozen=True, eq=False)
class Stream:
    """A table whose rows every tab shows, and keeps up to date by itself.

    :param model: the SQLModel class of the table; its primary key is an integer ``id``
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
        server sends it no others; a column of whole numbers or of texts, with an index (default: all rows together)
    :param may_read: takes a user, as ``setup(current_user=...)`` tells it, and a value of the scope (of a stream
        without scopes only the user), and returns whether they may read that; it runs in a thread and may look at the
        database. Without it nobody may, if ``setup()`` is given ``current_user``; else everybody
    :param rights: the models of the tables at which ``may_read`` looks; after a change in one of them it is asked again
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
            return partial(self._add_verb, shows={name: carried(value) for name, value in (shows or {}).items()})
        return self._add_verb(verb, {})

    def _add_verb(self, verb: Verb, shows: dict[str, Any]) -> Verb:
        if unknown := [name for name in shows if name not in self.fields]:
            refuse(self, f'has no field {unknown[0]!r}, which the verb {verb.__name__!r} shows', 'name its `fields`')
        if verb.__name__ in {'insert', 'update', 'delete', 'restore'}:
            refuse(self, f'cannot have a verb {verb.__name__!r}', 'give the function another name')
        self.declared.verbs[verb.__name__] = verb
        self.declared.shows[verb.__name__] = shows
        return verb

    @property
    def is_writable(self) -> bool:
        """Whether anything but reading is allowed, see :meth:`writable`."""
        return bool(self.declared.fields)

    @property
    def log_table(self) -> LogTable:
        """The table that the change log is about, and the names in the log."""
        return LogTable(self.table, self.change_log, self.change_key, self.scope)

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

    def shown_totals(self, totals: Mapping[str, int]) -> dict[str, Any]:
        """Return the totals and the texts that are made of them, as messages carry them.

        :param totals: the totals, by name
        """
        return {**totals, **shown_texts(self.texts, totals)}

    def told_totals(self) -> dict[str, Any]:
        """Return how the totals and the texts are made, in JSON values, so that a browser makes the same ones."""
        return {'totals': {name: asdict(kind) for name, kind in self.totals.items()}, 'texts': told_texts(self.texts)}

    def total(self, rows: Iterable[Row]) -> dict[str, int]:
        """Return the totals over the given rows.

        :param rows: rows of the stream
        :return: the totals, by name
        """
        totals = dict.fromkeys(self.totals, 0)
        for row in rows:
            for name, kind in self.totals.items():
                totals[name] += kind.of(row)
        return totals

    def version(self, session: Session, scope: ScopeValue | None = None, until: int | None = None) -> Version:
        """Return the current version: the last row of the change log.

        :param session: a transaction of the database that has the table
        :param scope: the scope whose last row of the log is meant (default: that of all); what happens in others leaves
            its version as it is
        :param until: the number of the row of the log after which nothing counts
        """
        log = self._log
        newest = select(log.c.version, log.c.mark).order_by(log.c.version.desc()).limit(1)
        if scope is not None:  # rows without a scope are about all of them
            last = [
                select(func.max(log.c.version)).where(about) for about in (log.c.scope == scope, log.c.scope.is_(None))
            ]
            if until is not None:
                last = [query.where(log.c.version <= until) for query in last]
            newest = newest.where(log.c.version.in_([query.scalar_subquery() for query in last]))
        row = session.connection().execute(newest).first()
        return Version(int(row[0]), row[1] or '') if row else Version(0, '')

    def count(self, session: Session) -> int:
        """Return how many rows the table has.

        :param session: a transaction of the database that has the table
        """
        return int(session.connection().scalar(select(func.count()).select_from(self.table)) or 0)

    def has_held(self, session: Session, version: Version) -> bool:
        """Return whether the change log tells that the table once was at a version, and what came after it.

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
        :param scope: whose rows (default: those of all)
        """
        version = self.version(session, scope)
        rows, _ = self._reader.read(session, order=self._order(), where=self._is_in(scope))
        return Snapshot(self.name, version, rows, self.shown_totals(self.total(rows)), scope)

    def delta(self, session: Session, since: Version, scope: ScopeValue | None = None) -> Delta | None:
        """Read what has changed after a version.

        :param session: a read transaction
        :param since: the version that the caller has
        :param scope: where (default: anywhere); a row that has left it counts as deleted
        :return: the delta, which has no rows if nothing has changed. ``None`` if the caller needs a snapshot: the
            change log does not have this version with its mark, or more than :data:`DELTA_MAX_ROWS` rows have changed
        """
        if not self.has_held(session, since):
            return None
        log, newest = self._log, self.version(session, scope)
        if since == newest:
            return Delta.nothing(self.name, since, scope)
        changed = (
            select(log.c[self.change_key]).where(log.c.version > since.number).distinct().limit(DELTA_MAX_ROWS + 1)
        )
        if scope is not None:
            if self._is_about_all(session, since):
                return None
            changed = changed.where(log.c.scope == scope)
        ids = [found for found in session.connection().scalars(changed) if isinstance(found, int)]  # SQLite keeps any
        if len(ids) > DELTA_MAX_ROWS:
            return None
        put, _ = self._reader.read(session, ids, where=self._is_in(scope))
        found = {row['id'] for row in put}
        return Delta(self.name, since, newest, put, [id_ for id_ in ids if id_ not in found], scope)

    def deltas(self, session: Session, since: Version) -> list[Delta] | None:
        """Read what has changed after a version in each scope in which something has, in one moment.

        The cost grows with the changes, and not with the number of scopes.

        :param session: a read transaction
        :param since: a version of the stream as a whole
        :return: a delta for each scope, from its own version then to its own now; ``None`` as in :meth:`delta`
        """
        if not self.has_held(session, since) or self._is_about_all(session, since):
            return None
        log = self._log
        changed = select(log.c.scope, log.c[self.change_key]).where(log.c.version > since.number).distinct()
        changes = [tuple(row) for row in session.connection().execute(changed.limit(DELTA_MAX_ROWS + 1))]
        if len(changes) > DELTA_MAX_ROWS:
            return None
        ids: dict[ScopeValue, list[int]] = {}
        for scope, row_id in changes:
            if isinstance(row_id, int):  # SQLite keeps any
                ids.setdefault(scope, []).append(row_id)
        rows, _ = self._reader.read(session, sorted({row_id for _, row_id in changes if isinstance(row_id, int)}))
        by_id = {row['id']: row for row in rows}
        deltas = []
        for scope, of_scope in ids.items():
            put = [by_id[id_] for id_ in of_scope if id_ in by_id and by_id[id_][self.scope] == scope]
            found = {row['id'] for row in put}
            base, newest = self.version(session, scope, since.number), self.version(session, scope)
            deleted = [id_ for id_ in of_scope if id_ not in found]
            deltas.append(Delta(self.name, base, newest, put, deleted, scope))
        return deltas

    def scope_of(self, session: Session, row_id: int) -> ScopeValue | None:
        """Return the scope in which a row is; ``None`` if there is no such row, or if there are no scopes.

        :param session: a transaction of the database that has the table
        :param row_id: the row's ``id``
        """
        if not self.scope:
            return None
        query = select(self.table.c[self.scope]).where(self.table.c.id == row_id)
        found: ScopeValue | None = session.connection().scalar(query)
        return found

    def row_to_write(self, session: Session, row_id: int) -> Any:
        """Return a row, locked against others, or ``None`` if there is none.

        :param session: a write transaction
        :param row_id: its id
        :raises UnservableError: the row is left out, because another program has written what cannot be served
        """
        return self._reader.get(session, self.model, row_id)

    def row(self, session: Session, row_id: int) -> Row | None:
        """Return a row as messages carry it, in JSON values; ``None`` if there is none that can be served.

        :param session: a transaction of the database that has the table
        :param row_id: the row's ``id``
        """
        rows, _ = self._reader.read(session, [row_id])
        return orjson.loads(orjson.dumps(rows[0])) if rows else None

    def left_out(self, session: Session) -> dict[int, str]:
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
        names = 'version', self.change_key, 'mark', *(['scope'] if self.scope else [])
        return table(self.change_log, at, *map(column, names))

    def _is_in(self, scope: ScopeValue | None) -> ColumnElement[bool] | None:
        return None if scope is None else self.table.c[self.scope] == scope

    def _is_about_all(self, session: Session, since: Version) -> bool:
        """Return whether the log has something about all scopes after a version: nobody knows then what has changed."""
        log = self._log
        query = select(log.c.version).where(log.c.scope.is_(None) & (log.c.version > since.number)).limit(1)
        return session.connection().scalar(query) is not None

    @cached_property
    def _left_out(self) -> WeakKeyDictionary[Engine, tuple[Any, dict[int, str]]]:
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
