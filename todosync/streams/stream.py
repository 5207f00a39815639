"""A stream: a table whose rows are shown in every tab. This is what a team declares."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from functools import cached_property, partial
from typing import Any, overload

import orjson
from sqlmodel import Session, SQLModel

from .declared import Declared, Rule, Verb
from .messages import Row, ScopeValue, Snapshot
from .mistakes import check_declaration, check_kinds, check_writable, refuse
from .protocol import topic
from .scope import check_scope
from .stream_reading import StreamReading
from .texts import Texts, as_text, shown_texts, told_texts
from .totals import Amount, Total


@dataclass(frozen=True, eq=False)
class Stream(StreamReading):
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
        if verb.__name__ in {'insert', 'update', 'delete', 'restore', 'undo'}:
            refuse(self, f'cannot have a verb {verb.__name__!r}', 'give the function another name')
        self.declared.verbs[verb.__name__] = verb
        self.declared.shows[verb.__name__] = {name: self.told(name, value) for name, value in shows.items()}
        return verb

    @property
    def is_writable(self) -> bool:
        """Whether anything but reading is allowed, see :meth:`writable`."""
        return bool(self.declared.fields)

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

    def snapshot(self, session: Session, scope: ScopeValue | None = None) -> Snapshot:
        """Read all rows and their version.

        :param session: a read transaction, so that rows and version are of the same moment
        :param scope: the scope (default: all rows)
        """
        version = self.version(session, scope)
        rows = self.read_rows(session, scope)
        return Snapshot(self.name, version, rows, self.shown_totals(self.total(rows)), scope)
