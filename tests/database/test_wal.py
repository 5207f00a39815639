"""Several programs may open a new SQLite file at once."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from todosync.database.wal import enter_wal


def mode(connection: sqlite3.Connection) -> str:
    return str(connection.execute('PRAGMA journal_mode').fetchone()[0])


def test_a_file_that_another_program_is_making_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / 'new.sqlite3'
    other = sqlite3.connect(path, isolation_level=None)
    other.execute('BEGIN EXCLUSIVE')
    modes: list[str] = []

    def enter() -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        enter_wal(connection, timeout=60)
        modes.append(mode(connection))
        connection.close()

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join(0.2)
    assert thread.is_alive()
    other.execute('COMMIT')
    thread.join(60)
    assert modes == ['wal']
    other.close()


def test_a_file_that_stays_locked_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / 'new.sqlite3'
    other = sqlite3.connect(path, isolation_level=None)
    other.execute('BEGIN EXCLUSIVE')
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError, match='locked'):
        enter_wal(connection, timeout=0)
    connection.close()
    other.close()
