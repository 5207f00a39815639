"""Waking on commits, whoever made them: a file's version on SQLite, notifications on PostgreSQL."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import psycopg
from sqlalchemy import URL

from .file_watch import FileWatch

POLL_INTERVAL = 1.0
"""Seconds after which PostgreSQL is taken to have committed something, should a notification have been lost."""
RETRY_INTERVAL = 0.2
"""Seconds between two attempts to connect again, and between two looks whether to stop."""
CONNECTION: dict[str, Any] = {
    'autocommit': True,
    'connect_timeout': 5,
    'keepalives_idle': 10,  # notices within 30 s that the other machine has gone without a word
    'keepalives_interval': 5,
    'keepalives_count': 4,
    'application_name': 'todosync commits',
}

log = logging.getLogger(__name__)


class CommitSignal(Protocol):
    """Calls back when something has been committed, by this process or any other, and once at the start."""

    def start(self) -> None:
        """Start watching; safe to call twice."""

    def stop(self) -> None:
        """Stop watching and wait until nothing calls back any more; safe to call twice."""


class _Watching(ABC):
    """A thread of its own that watches until it is stopped."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start watching; safe to call twice."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._watch, name=self._name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop watching and wait for the thread to end; safe to call twice."""
        if self._thread is not None:
            self._stopping.set()
            self._interrupt()
            self._thread.join()
            self._thread = None

    @abstractmethod
    def _watch(self) -> None: ...

    @abstractmethod
    def _interrupt(self) -> None:
        """Have the thread look soon whether to stop."""


class CommitWatcher(_Watching):
    """Sees the commits of all other connections, of this process or any other, to a SQLite file.

    Reads ``PRAGMA data_version``, about 3 microseconds each time, when :class:`FileWatch` says so.

    :param path: the SQLite file
    :param interval: seconds between two reads while somebody writes
    :param on_commit: called in the watcher's own thread; must be quick and must not raise
    """

    def __init__(self, path: Path, interval: float, on_commit: Callable[[], None]) -> None:
        super().__init__(f'watch {path.name}')
        self._path = path
        self._interval = interval
        self._on_commit = on_commit
        self._file: FileWatch  # from start to stop

    def start(self) -> None:
        """Start watching; safe to call twice."""
        if self._thread is None:
            self._file = FileWatch(self._path, self._interval)
        super().start()

    def _interrupt(self) -> None:
        self._file.wake()

    def _watch(self) -> None:
        with self._file, closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            seen, found = self._data_version(connection), True
            while not self._stopping.is_set():
                if found:  # at the start, too: what was committed before the first read would otherwise go unnoticed
                    self._on_commit()
                self._file.wait(found=found)
                version = self._data_version(connection)
                seen, found = version, version != seen

    @staticmethod
    def _data_version(connection: sqlite3.Connection) -> int | None:
        try:
            return int(connection.execute('PRAGMA data_version').fetchone()[0])
        except sqlite3.Error:
            return None  # locked or unreadable for a moment; a later read differs from None and calls back


class NoSignal:
    """For a database to which nobody else can commit."""

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


class CommitListener(_Watching):
    """Hears the commits that triggers notify of, see ``PostgresDialect``; connects again when it has to.

    :param url: SQLAlchemy URL of the database
    :param topic: which commits, the channel of the notifications
    :param on_commit: called in the listener's own thread; must be quick and must not raise
    """

    def __init__(self, url: URL, topic: str, on_commit: Callable[[], None]) -> None:
        super().__init__(f'listen to {topic}')
        self._topic = topic
        self._conninfo = url.set(drivername='postgresql').render_as_string(hide_password=False)
        self._on_commit = on_commit

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                with psycopg.connect(self._conninfo, **CONNECTION) as connection:
                    connection.execute(f'LISTEN {self._topic}')
                    self._listen(connection)
            except psycopg.Error as error:
                log.warning('commits cannot be listened to, trying again: %s', error)
                self._stopping.wait(RETRY_INTERVAL)

    def _interrupt(self) -> None:
        """Do nothing: it looks every ``RETRY_INTERVAL``."""

    def _listen(self, connection: psycopg.Connection) -> None:
        due = time.monotonic()  # at once, for what was committed before LISTEN
        while not self._stopping.is_set():
            if time.monotonic() >= due:
                self._on_commit()
                due = time.monotonic() + POLL_INTERVAL
            for _ in connection.notifies(timeout=RETRY_INTERVAL, stop_after=1):
                due = time.monotonic()
