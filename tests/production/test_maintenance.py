"""What runs each night, run against a server's own parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.databases import execute, other_program
from tests.waiting import wait_until
from tests.writing import create_todo
from todosync.assembly import SyncServer
from todosync.production import maintenance
from todosync.production.storage_table import USED, StorageTable


@pytest.fixture
def table(open_server: SyncServer) -> Iterator[StorageTable]:
    with closing(StorageTable(open_server.settings.storage_url)) as table:
        yield table


def let_pass(table_url: str, days: int) -> None:
    """Let it be so many days ago that each session was used."""
    day = (datetime.now(UTC) - timedelta(days=days)).date()
    execute(table_url, f"UPDATE nicegui_storage SET value = '\"{day}\"' WHERE key = '{USED}'")


def kept(table_url: str) -> set[str]:
    with other_program(table_url) as connection:
        return {name for (name,) in connection.execute(text('SELECT storage FROM nicegui_storage'))}


def test_what_is_kept_for_a_session_goes_when_nobody_has_used_it_for_long(
    open_server: SyncServer, table: StorageTable
) -> None:
    url = open_server.settings.storage_url
    for name in ('user-left', 'user-comes-back', 'general'):
        table.write(name, {'theme': '"dark"'}, [])
        assert table.read(name) == {'theme': '"dark"'}
    let_pass(url, days=89)
    maintenance.forget_unused_sessions()
    assert kept(url) == {'user-left', 'user-comes-back', 'general'}
    let_pass(url, days=91)
    assert table.read('user-comes-back') == {'theme': '"dark"'}
    maintenance.forget_unused_sessions()
    assert kept(url) == {'user-comes-back', 'general'}
    assert table.read('user-left') == {}
    assert kept(url) == {'user-comes-back', 'general'}  # a stranger's id leaves nothing


def test_sessions_of_a_release_that_did_not_note_their_use_count_from_now_on(
    open_server: SyncServer, table: StorageTable
) -> None:
    url = open_server.settings.storage_url
    table.write('user-of-before', {'theme': '"dark"'}, [])
    maintenance.forget_unused_sessions()
    maintenance.forget_unused_sessions()
    assert kept(url) == {'user-of-before'}
    let_pass(url, days=91)
    maintenance.forget_unused_sessions()
    assert kept(url) == set()


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
