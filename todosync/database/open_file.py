"""Another file in the place of a SQLite file that is in use: noticed, and opened instead.

SQLite goes on with the file that it has opened, wherever that is by then, so what is written would be lost.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

Identity = tuple[int, int]
"""The device and the inode of a file, which no other file has while this one is open."""
COMPANIONS = ('-wal', '-shm')

log = logging.getLogger(__name__)


class OpenFile:
    """A SQLite file at a path, for all connections of this process.

    Each connection is compared with what is at the path before it is used. If that is another file, the connection is
    closed and another one made. The log of the file before is removed, or SQLite would take it for that of the new one.

    :param path: the path
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._opened: dict[str, Identity | None] = {}
        """What was opened last: the file, by an empty name, and its companions."""

    def identity(self) -> Identity | None:
        """Return which file is at the path now; ``None`` for none."""
        return _identity(self._path)

    def watch(self, engine: Engine) -> None:
        """Compare each connection of an engine before it is used."""
        event.listen(engine, 'do_connect', self._connect_engine)
        event.listen(engine, 'connect', self._note)
        event.listen(engine, 'checkout', self._compare)

    def connect(self, connect: Callable[[], sqlite3.Connection]) -> tuple[sqlite3.Connection, Identity | None]:
        """Open the file that is at the path; it is made only if there was none from the start.

        :param connect: opens it
        :return: the connection, and which file it is of
        :raises sqlite3.OperationalError: there was a file, and there is none now; or its directory is not there
        """
        if not self._path.parent.is_dir():
            raise sqlite3.OperationalError(f'there is no directory {self._path.parent}')
        while True:
            self._forget_file_before()
            before = self.identity()
            connection = connect()
            if before in {None, self.identity()}:
                return connection, self.identity()
            connection.close()

    def _forget_file_before(self) -> None:
        with self._lock:
            opened, now = self._opened, self.identity()
            if not opened or now == opened['']:
                return
            if now is None:
                raise sqlite3.OperationalError(f'the file {self._path} is gone; put it back, or start again without it')
            log.warning('%s is another file than the one that was in use; it is opened', self._path)
            for suffix in COMPANIONS:
                companion = _companion(self._path, suffix)
                if opened[suffix] is not None and _identity(companion) == opened[suffix]:
                    companion.unlink(missing_ok=True)
            self._opened = {}

    def _connect_engine(self, dialect: Any, record: Any, arguments: Any, options: Any) -> sqlite3.Connection:
        connection, record.info['file'] = self.connect(lambda: dialect.connect(*arguments, **options))
        return connection

    def _note(self, connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        """Note the companions too, which are there as soon as the file has been read."""
        with self._lock:
            companions = {suffix: _identity(_companion(self._path, suffix)) for suffix in COMPANIONS}
            if record.info['file'] == self.identity():
                self._opened = {'': record.info['file'], **companions}

    def _compare(self, connection: DBAPIConnection, record: ConnectionPoolEntry, fairy: object) -> None:
        if record.info['file'] != self.identity():
            self._forget_file_before()
            raise DisconnectionError(f'{self._path} is another file now')
        if None in self._opened.values():  # in a new database they are there after the first write
            self._note(connection, record)


def _companion(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _identity(path: Path) -> Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
