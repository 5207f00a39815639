"""The table of a stream: what its columns are, how rows hold their values, and single rows."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import Any

import orjson
from sqlalchemy import Integer, Table, select
from sqlmodel import Session, SQLModel

from todosync.database import HistoryTable, LogTable

from .columns import is_uuid, plain_type, scale_of, told, wire
from .keys import stored_key, told_key
from .messages import Row, RowId, ScopeValue
from .reading import RowReader


class StreamTable:
    """What a stream knows of its table. :class:`Stream` declares it."""

    model: type[SQLModel]
    order_by: str
    fields: tuple[str, ...]
    name: str
    change_log: str
    change_key: str
    scope: str
    history: timedelta | None

    @property
    def table(self) -> Table:
        """The table of the model."""
        found = getattr(self.model, '__table__', None)
        if not isinstance(found, Table):
            name = getattr(self.model, '__name__', repr(self.model))
            raise ValueError(f'the model {name} has no table; declare it as `class {name}(SQLModel, table=True)`')
        return found

    @property
    def log_table(self) -> LogTable:
        """The table that the change log is about, and the names in the log."""
        history = HistoryTable(self.name, self.fields) if self.history else None
        return LogTable(self.table, self.change_log, self.change_key, self.scope, history=history)

    @property
    def order_field(self) -> str:
        """The field that orders the list."""
        return self.order_by.removeprefix('-')

    @property
    def is_descending(self) -> bool:
        """Whether the highest value comes first."""
        return self.order_by.startswith('-')

    @property
    def is_order_decimal(self) -> bool:
        """Whether the values that order the list are decimals, which rows hold as texts."""
        return self.scale_of(self.order_field) is not None

    @property
    def told_order(self) -> str:
        """How the list is ordered, as browsers are told: ``-created_at``, and of decimals ``-price decimal``."""
        return f'{self.order_by} decimal' if self.is_order_decimal else self.order_by

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

    def scope_of(self, session: Session, row_id: RowId) -> ScopeValue | None:
        """Return the scope in which a row is; ``None`` if there is no such row, or if there are no scopes.

        :param session: a transaction of the database that has the table
        :param row_id: the row's ``id``
        """
        if not self.scope:
            return None
        query = select(wire(self.table.c[self.scope])).where(self.table.c.id == self.key(row_id))
        return told_key(self.table.c[self.scope], session.connection().scalar(query))

    def row(self, session: Session, row_id: RowId) -> Row | None:
        """Return a row as messages carry it, in JSON values; ``None`` if there is none that can be served.

        :param session: a transaction of the database that has the table
        :param row_id: the row's ``id``
        """
        rows, _ = self._reader.read(session, [row_id])
        return orjson.loads(orjson.dumps(rows[0])) if rows else None

    def row_to_write(self, session: Session, row_id: RowId) -> Any:
        """Return a row, locked against others, or ``None`` if there is none.

        :param session: a write transaction
        :param row_id: its id
        :raises UnservableError: the row is left out, because another program has written what cannot be served
        """
        key = self.key(row_id)
        return None if key is None else self._reader.get(session, self.model, key)

    @cached_property
    def _reader(self) -> RowReader:
        return RowReader(self.name, {name: self.table.c[name] for name in self.fields}, self.order_field)
