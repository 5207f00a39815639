"""The table of what pages keep in ``app.storage``."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from nicegui.storage import USER_PREFIX
from sqlalchemy import Column, MetaData, String, Table, select, text

from todosync.database import DatabaseUnavailableError, dialect_of, explained

UPSERT = text(
    'INSERT INTO nicegui_storage(storage, key, value) VALUES (:storage, :key, :value) '
    'ON CONFLICT (storage, key) DO UPDATE SET value = excluded.value'
)
DELETE = text('DELETE FROM nicegui_storage WHERE storage = :storage AND key = :key')
FORGET = text(
    'DELETE FROM nicegui_storage WHERE storage LIKE :sessions AND storage IN '
    '(SELECT storage FROM nicegui_storage WHERE key = :used AND value < :limit)'
)
BEGIN_TO_COUNT = text(
    'INSERT INTO nicegui_storage(storage, key, value) SELECT DISTINCT storage, :used, :today FROM nicegui_storage '
    'WHERE storage LIKE :sessions AND storage NOT IN (SELECT storage FROM nicegui_storage WHERE key = :used)'
)
USED = '__todosync_used__'
"""The key of the day on which a session was last used, beside the keys that pages have made."""

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
        """Return the values of a storage by key, and note that it is in use, once a day.

        :raises DatabaseUnavailableError: the database cannot be read
        """
        self._create()
        query = select(entries.c.key, entries.c.value).where(entries.c.storage == storage)
        with explained(), self._engine.begin() as connection:
            values = {row.key: row.value for row in connection.execute(query)}
        used, today = values.pop(USED, None), _day(datetime.now(UTC))
        if values and used != today and storage.startswith(USER_PREFIX):
            with suppress(DatabaseUnavailableError):  # one of the next reads notes it
                self.write(storage, {USED: today}, [])
        return values

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

    def forget(self, before: datetime) -> None:
        """Delete the storages of sessions that were last used before a day. ``app.storage.general`` stays.

        :param before: that day; sessions of which it is not known when they were used count from today
        :raises DatabaseUnavailableError: the database cannot be written to
        """
        self._create()
        values = {'sessions': f'{USER_PREFIX}%', 'used': USED, 'limit': _day(before), 'today': _day(datetime.now(UTC))}
        with explained(), self._writing.begin() as connection:
            connection.execute(FORGET, values)
            connection.execute(BEGIN_TO_COUNT, values)

    def close(self) -> None:
        """Close all connections; a later call opens new ones."""
        self._engine.dispose()

    def _create(self) -> None:
        with self._creating:
            if not self._is_there:
                with explained(), self._writing.begin() as connection:
                    entries.create(connection, checkfirst=True)
                self._is_there = True


def _day(moment: datetime) -> str:
    return f'"{moment.date().isoformat()}"'  # values are JSON
