"""A cable between the processes of one machine: messages are rows in a SQLite file."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from todosync.database import FileWatch, enter_wal

from .base import Receiver
from .subscriptions import Subscriptions

POLL_INTERVAL = 0.01
"""Seconds between two looks for another process's messages while somebody publishes."""
BUSY_TIMEOUT = 5.0
SCHEMA = (
    'CREATE TABLE IF NOT EXISTS messages '
    '(id INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, message BLOB NOT NULL, published_at REAL NOT NULL)'
)

log = logging.getLogger(__name__)


class SqliteCable:
    """Publishers append messages to a table. One thread in each process delivers the new ones.

    The thread wakes at once for the messages of its own process. For messages of other processes it reads
    ``PRAGMA data_version`` when :class:`FileWatch` says so. That takes 3 microseconds, and tells whether another
    process has committed.

    :param path: the SQLite file; it is made if it is missing, and only its owner can read it
    :param poll_interval: seconds between two looks for messages of other processes while one of them publishes
    :param clock: returns the time in seconds, for the age of messages
    """

    def __init__(
        self, path: Path, poll_interval: float = POLL_INTERVAL, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._poll_interval = poll_interval
        self._clock = clock
        self._subscriptions = Subscriptions()
        self._writing = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._file: FileWatch  # from start to stop
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Open the file and deliver all messages that are published from now on; safe to call twice."""
        if self._thread is not None:
            return
        with _as_os_error(self._path):
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            self._writer = self._connect()
            enter_wal(self._writer, BUSY_TIMEOUT)
            self._writer.execute(SCHEMA)
            last = int(self._writer.execute('SELECT coalesce(max(id), 0) FROM messages').fetchone()[0])
        self._file = FileWatch(self._path, self._poll_interval)
        self._stopping = False
        self._thread = threading.Thread(target=self._deliver, args=(last,), name='sqlite cable', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End delivery and close the file; safe to call twice."""
        if self._thread is None:
            return
        self._stopping = True
        self._file.wake()
        self._thread.join()
        self._thread = None
        with self._writing:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def publish(self, topic: str, message: bytes) -> None:
        """Deliver a message to all subscribers of the topic, in every process."""
        self._write(
            'INSERT INTO messages(stream, message, published_at) VALUES (?, ?, ?)', (topic, message, self._clock())
        )
        self._file.wake()

    def subscribe(self, topic: str, receive: Receiver) -> Callable[[], None]:
        """Call ``receive`` with each message of the topic from now on, in the cable's own thread."""
        return self._subscriptions.add(topic, receive)

    def trim(self, max_age: float) -> None:
        """Delete the messages that were published more than ``max_age`` seconds ago."""
        self._write('DELETE FROM messages WHERE published_at < ?', (self._clock() - max_age,))

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        with self._writing, _as_os_error(self._path):
            if self._writer is None:
                raise OSError(f'the cable {self._path} is not started')
            self._writer.execute(statement, values)

    def _deliver(self, last: int) -> None:
        with self._file, closing(self._connect()) as connection:
            seen, found, own, failing = None, False, False, False
            while not self._stopping:
                try:
                    version = connection.execute('PRAGMA data_version').fetchone()[0]
                    found = version != seen
                    if own or found:
                        last = self._deliver_after(connection, last)
                        seen = version
                    failing = False
                except sqlite3.Error as error:
                    if not failing:
                        log.warning('the cable %s cannot be read, trying again: %s', self._path, error)
                    seen, failing = None, True
                own = self._file.wait(found=found)

    def _deliver_after(self, connection: sqlite3.Connection, last: int) -> int:
        query = 'SELECT id, stream, message FROM messages WHERE id > ? ORDER BY id'
        rows = connection.execute(query, (last,)).fetchall()
        for _, topic, message in rows:
            self._subscriptions.deliver(topic, message)
        return int(rows[-1][0]) if rows else last

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False, cached_statements=8
        )
        # a power cut may lose messages; that does no harm, because processes read the rows when they start again
        connection.execute('PRAGMA synchronous = NORMAL')
        return connection


@contextmanager
def _as_os_error(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(f'the cable {path} failed: {error}') from error
