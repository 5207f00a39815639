"""Which of several processes owns a thing: an operating system's or a database's lock, which ends with its holder."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Protocol

import psycopg
from filelock import FileLock, Timeout
from sqlalchemy import URL

OWNER_LOCK = 715_031_885
"""The key of PostgreSQL's advisory lock that the owner holds."""


class Ownership(Protocol):
    """Held by at most one process at a time, and free as soon as that process ends, however it ends."""

    def acquire(self) -> bool:
        """Return whether this process is the owner, after trying to become it. Does not wait for another owner."""

    def release(self) -> None:
        """Let another process be the owner; safe to call twice."""


class SoleOwnership:
    """For what no other process can reach."""

    def acquire(self) -> bool:
        """Return true."""
        return True

    def release(self) -> None:
        """Do nothing."""


class FileOwnership:
    """Between the processes of a machine.

    :param path: the file to lock; it is made if it is missing
    """

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path, thread_local=False)

    def acquire(self) -> bool:
        """Return whether this process is the owner, after trying to become it."""
        if not self._lock.is_locked:
            with suppress(Timeout):
                self._lock.acquire(timeout=0)
        return self._lock.is_locked

    def release(self) -> None:
        """Let another process be the owner; safe to call twice."""
        self._lock.release()


class PostgresOwnership:
    """Between the processes that share a database, on any machine. It is lost when the connection is.

    :param url: SQLAlchemy URL of the database
    """

    def __init__(self, url: URL) -> None:
        self._conninfo = url.set(drivername='postgresql').render_as_string(hide_password=False)
        self._connection: psycopg.Connection | None = None
        self._held = False

    def acquire(self) -> bool:
        """Return whether this process is the owner, after trying to become it, and making sure that it still is."""
        try:
            if self._connection is None:
                self._connection = psycopg.connect(
                    self._conninfo, autocommit=True, connect_timeout=5, application_name='todosync owner'
                )
            query = 'SELECT true' if self._held else f'SELECT pg_try_advisory_lock({OWNER_LOCK})'
            row = self._connection.execute(query).fetchone()
            self._held = row is not None and bool(row[0])
        except psycopg.Error:
            self.release()
        return self._held

    def release(self) -> None:
        """Let another process be the owner; safe to call twice."""
        self._held = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None
