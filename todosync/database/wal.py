"""SQLite's write-ahead log. With it, readers never wait for a writer."""

from __future__ import annotations

import sqlite3
import time

RETRY_INTERVAL = 0.01


def enter_wal(connection: sqlite3.Connection, timeout: float) -> None:
    """Switch a file to the write-ahead log. The file keeps this mode.

    SQLite's busy timeout does not hold for this statement. When several programs open a new file at the same time,
    SQLite refuses all but one of them. So this function tries again until the timeout.

    :param connection: a connection to the file
    :param timeout: seconds to wait for other programs
    :raises sqlite3.OperationalError: the file is locked for longer than the timeout, or cannot be written to
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection.execute('PRAGMA journal_mode = WAL').close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(RETRY_INTERVAL)
        else:
            return
