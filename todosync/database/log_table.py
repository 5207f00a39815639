"""A table whose changes are logged, and the names in its log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Integer, Table, Uuid, inspect

from .history_table import HistoryTable


@dataclass(frozen=True)
class LogTable:
    """A table whose changes are logged, and the names of its log.

    :param source: the table
    :param name: the name of the log, a table that triggers write
    :param key: the name of the log's column that holds the id of the changed row
    :param scope: the name of the table's column whose value the log notes with each change, under the name ``scope``:
        of a row that moves, the one that it left and the one that it entered; empty if there is none
    :param is_keyed: whether the table has an ``id``, a whole number or a UUID; without one the log tells only that
        something has changed
    :param history: what the history notes of it, ``None`` if none is kept
    """

    source: Table
    name: str
    key: str
    scope: str = ''
    is_keyed: bool = True
    history: HistoryTable | None = None

    def scope_ddl(self, uuid: str) -> str:
        """Return the column of the log for the scope, to stand before others; empty if there is none.

        :param uuid: the type of the database for UUIDs
        """
        return f'scope {_type(self.source.c[self.scope], "bigint", "text", uuid)}, ' if self.scope else ''

    def key_ddl(self, number: str, uuid: str) -> str:
        """Return the column of the log for the row's id.

        :param number: the type of the database for whole numbers
        :param uuid: that for UUIDs
        """
        return f'{self.key} {_type(self.source.c.id, number, number, uuid) if self.is_keyed else number} NOT NULL'

    @property
    def is_key_a_uuid(self) -> bool:
        """Whether the ids of the table are UUIDs."""
        return self.is_keyed and isinstance(self.source.c.id.type, Uuid)

    @property
    def no_row(self) -> str:
        """An id of no row, as SQL."""
        return f"'{'0' * 32}'" if self.is_key_a_uuid else '0'

    @property
    def index_ddl(self) -> list[str]:
        """The statement for the index by which the changes of a scope are found; none without scopes."""
        name = f'{self.name}_by_scope'
        return [f'CREATE INDEX IF NOT EXISTS {name} ON {self.name}(scope, version)'] if self.scope else []

    @property
    def columns(self) -> str:
        """The columns of the log that triggers write."""
        return f'{self.key}, op, scope' if self.scope else f'{self.key}, op'

    def values(self, row: str, op: str) -> str:
        """Return what is written to these columns.

        :param row: what stands before the names of columns: ``NEW.``, ``OLD.``, or nothing
        :param op: ``put`` or ``del``
        """
        found = [f'{row}id' if self.is_keyed else '0', f"'{op}'"]
        return ', '.join([*found, f'{row}"{self.scope}"'] if self.scope else found)

    def is_of_other_kind(self, connection: Connection) -> bool:
        """Return whether a log of this name has ids of another kind, or scopes where the stream has none, or none."""
        known = inspect(connection)
        if not known.has_table(self.name):
            return False
        types = {column['name']: column['type'] for column in known.get_columns(self.name)}
        has_numbers = isinstance(types.get(self.key, Integer()), Integer)
        return bool(self.scope) != ('scope' in types) or has_numbers == self.is_key_a_uuid

    def missing_columns(self, connection: Connection) -> str:
        """Return which columns the model has and its table lacks, and what to do; an empty text if there are none."""
        source, known = self.source, inspect(connection)
        if not known.has_table(source.name, source.schema):
            return ''  # it is created as the model says
        found = {column['name'] for column in known.get_columns(source.name, source.schema)}
        missing = ', '.join(repr(column.name) for column in source.columns if column.name not in found)
        remedy = 'add that by a migration, or while nothing is worth keeping delete the table'
        return missing and f'the table {source.name!r} lacks {missing}, which its model has; {remedy}'


def _type(source: Column[Any], number: str, text: str, uuid: str) -> str:
    if isinstance(source.type, Uuid):
        return uuid if source.type.native_uuid else 'text'
    return number if isinstance(source.type, Integer) else text
