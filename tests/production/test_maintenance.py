"""The nightly backup, run against a server's own parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.waiting import wait_until
from tests.writing import create_todo
from todosync.assembly import SyncServer
from todosync.production import maintenance


def test_the_database_is_backed_up(open_server: SyncServer) -> None:
    create_todo(open_server.database, {'title': 'Buy milk'})
    maintenance.back_up_database()
    assert len(maintenance.backups_of(open_server.settings).newest_first()) == 1


def test_where_no_backups_are_to_be_kept_none_is_made(open_server: SyncServer) -> None:
    open_server.settings = open_server.settings.model_copy(update={'backups_kept': 0})
    maintenance.back_up_database()
    assert maintenance.backups_of(open_server.settings).newest_first() == []


@pytest.mark.parametrize('open_server', ['postgresql'], indirect=True)
def test_a_backup_without_pg_dump_is_one_failed_execution_that_says_what_to_install(
    open_server: SyncServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('PATH', str(tmp_path))
    open_server.jobs.enqueue(maintenance.back_up_database)
    wait_until(lambda: open_server.jobs.failed.count() == 1)
    (failure,) = open_server.jobs.failed.newest()
    assert failure.error.startswith('MissingProgramError: pg_dump is not installed. Install')
