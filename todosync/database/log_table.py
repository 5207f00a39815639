"""What a change log is of."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Table, inspect


@dataclass(frozen=True)
class LogTable:
    """A table whose changes are logged, and the names of its log.

    :param source: the table
    :param name: the name of the log, a table that triggers write
    :param key: the name of the log's column that holds the id of the changed row
    """

    source: Table
    name: str
    key: str

    def missing_columns(self, connection: Connection) -> str:
        """Say which columns the model has and its table lacks, and what to do; nothing where that is not so."""
        source, known = self.source, inspect(connection)
        if not known.has_table(source.name, source.schema):
            return ''  # it is created as the model says
        found = {column['name'] for column in known.get_columns(source.name, source.schema)}
        missing = ', '.join(repr(column.name) for column in source.columns if column.name not in found)
        remedy = 'add that by a migration, or while nothing is worth keeping delete the table'
        return missing and f'the table {source.name!r} lacks {missing}, which its model has; {remedy}'
