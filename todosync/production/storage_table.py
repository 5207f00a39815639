"""The table of what pages keep in ``app.storage``."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from sqlalchemy import Column, MetaData, String, Table, select, text

from todosync.database import dialect_of, explained

UPSERT = text(
    'INSERT INTO nicegui_storage(storage, key, value) VALUES (:storage, :key, :value) '
    'ON CONFLICT (storage, key) DO UPDATE SET value = excluded.value'
)
DELETE = text('DELETE FROM nicegui_storage WHERE storage = :storage AND key = :key')

entries = Table(
    'nicegui_storage',
    MetaData(),
    Column('storage', String, primary_key=True),
    Column('key', String, primary_key=True),
    Column('value', String, nullable=False),
)


class StorageTable:
    """The table: a row for each key of each storage, with its value as JSON. Every call blocks.

    :param url: SQLAlchemy URL of its database
    """

    def __init__(self, url: str) -> None:
        dialect = dialect_of(url)
        self._engine = dialect.make_engine()
        self._writing = dialect.for_writing(self._engine)
        self._creating = threading.Lock()
        self._is_there = False

    def read(self, storage: str) -> dict[str, str]:
        """Return the values of a storage by key.

        :raises DatabaseUnavailableError: the database cannot be read
        """
        self._create()
        query = select(entries.c.key, entries.c.value).where(entries.c.storage == storage)
        with explained(), self._engine.begin() as connection:
            return {row.key: row.value for row in connection.execute(query)}

    def write(self, storage: str, values: Mapping[str, str], deleted: Iterable[str]) -> None:
        """Set and delete keys of a storage; the others stay as they are.

        :raises DatabaseUnavailableError: the database cannot be written to
        """
        self._create()
        put = [{'storage': storage, 'key': key, 'value': value} for key, value in values.items()]
        gone = [{'storage': storage, 'key': key} for key in deleted]
        with explained(), self._writing.begin() as connection:
            for statement, rows in ((UPSERT, put), (DELETE, gone)):
                if rows:
                    connection.execute(statement, rows)

    def close(self) -> None:
        """Close all connections; a later call opens new ones."""
        self._engine.dispose()

    def _create(self) -> None:
        with self._creating:
            if not self._is_there:
                with explained(), self._writing.begin() as connection:
                    entries.create(connection, checkfirst=True)
                self._is_there = True
