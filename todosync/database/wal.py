"""SQLite's write-ahead log, in which readers never wait for a writer."""

from __future__ import annotations

import sqlite3
import time

RETRY_INTERVAL = 0.01


def enter_wal(connection: sqlite3.Connection, timeout: float) -> None:
    """Switch a file to the write-ahead log, in which it then stays.

    For this alone SQLite does not wait: of programs that open a new file at once it refuses all but one, whatever
    their busy timeout is. So they try again.

    :param timeout: seconds to wait for the others
    :raises sqlite3.OperationalError: the file is locked for longer than that, or cannot be written to
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
