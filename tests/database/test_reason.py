"""What anybody may read of an error of the database."""

from __future__ import annotations

import pytest

from todosync.database import DatabaseUnavailableError, reason_for_strangers


@pytest.mark.parametrize(
    'said', ['database is locked', 'disk I/O error', 'file is not a database', 'canceling statement due to timeout']
)
def test_what_names_nothing_is_told(said: str) -> None:
    assert reason_for_strangers(DatabaseUnavailableError(said)) == said


@pytest.mark.parametrize(
    'said',
    [
        'connection to server at "10.0.0.7", port 5432 failed: Connection refused',
        'connection to server on socket "/run/postgresql/.s.PGSQL.5432" failed: No such file or directory',
        'FATAL:  password authentication failed for user "todosync"',
        'could not open file /var/lib/todosync/production.sqlite3',
    ],
)
def test_hosts_users_and_files_are_not(said: str) -> None:
    assert reason_for_strangers(DatabaseUnavailableError(said)) == 'the log says why'
