"""The promises of backups, kept for both kinds of database."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.databases import Todos, execute
from todos import MIGRATIONS
from todosync import Settings
from todosync.production.backup import BackupError, Backups, NoBackupError, SqliteBackups
from todosync.production.backup.base import VERSION_GAP, now
from todosync.production.backup.postgres import PostgresBackups

FIRST = datetime(2026, 11, 22, 3, tzinfo=UTC)
NAMES = {'sqlite': 'todos-20261122T030000Z.sqlite3', 'postgresql': 'postgresql-20261122T030000Z.dump'}
FAILURES = {'sqlite': 'is damaged', 'postgresql': 'database "missing" does not exist'}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / 'backups'


@pytest.fixture
def backups(database_url: str, directory: Path) -> Backups:
    days = (FIRST + timedelta(days=day) for day in range(8))
    return backups_of(database_url, directory, clock=lambda: next(days))


@pytest.fixture
def todos(database_url: str) -> Todos:
    return Todos(database_url)


def backups_of(url: str, directory: Path, *, clock: Callable[[], datetime] = now) -> Backups:
    if path := sqlite_path(url):
        return SqliteBackups(path, directory, keep=3, migrations=MIGRATIONS, clock=clock)
    return PostgresBackups(url, directory, keep=3, migrations=MIGRATIONS, clock=clock)


def unreadable(url: str) -> str:
    """Return the URL of a database that cannot be read; SQLite's is damaged for it."""
    if path := sqlite_path(url):
        path.write_bytes(b'garbage' * 1000)
        return url
    return make_url(url).set(database='missing').render_as_string(hide_password=False)


def remove(url: str) -> None:
    if path := sqlite_path(url):
        for file in path.parent.glob(f'{path.name}*'):
            file.unlink()
    else:
        execute(url, 'DROP SCHEMA public CASCADE; CREATE SCHEMA public')


def sqlite_path(url: str) -> Path | None:
    return Settings(database_url=url).database_path


def test_a_backup_is_named_after_its_time_and_only_its_owner_can_read_it(
    backups: Backups, todos: Todos, database_kind: str
) -> None:
    backup = backups.create()
    assert backup.name == NAMES[database_kind]
    assert stat.S_IMODE(backup.parent.stat().st_mode) == 0o700


def test_two_backups_within_a_second_are_two_files(database_url: str, todos: Todos, directory: Path) -> None:
    backups = backups_of(database_url, directory, clock=lambda: FIRST)
    made = [backups.create() for _ in range(3)]
    assert backups.newest_first() == made[::-1]


def test_as_many_backups_are_kept_as_wanted_the_newest(backups: Backups, todos: Todos, directory: Path) -> None:
    made = [backups.create() for _ in range(5)]
    assert backups.newest_first() == made[:1:-1]
    assert sorted(directory.iterdir()) == made[2:]


def test_a_backup_is_there_however_late_others_claim_to_be(database_url: str, todos: Todos, directory: Path) -> None:
    ahead = backups_of(database_url, directory, clock=lambda: FIRST + timedelta(days=400))
    made = [ahead.create() for _ in range(3)]
    tonight = backups_of(database_url, directory, clock=lambda: FIRST).create()
    assert tonight.exists(), 'the clock was set back'
    assert backups_of(database_url, directory).newest_first() == [*made[:0:-1], tonight]


def test_a_backup_that_fails_leaves_the_older_ones_and_nothing_else(
    backups: Backups, todos: Todos, directory: Path, database_url: str, database_kind: str
) -> None:
    made = [backups.create() for _ in range(3)]
    with pytest.raises(BackupError, match=FAILURES[database_kind]):
        backups_of(unreadable(database_url), directory).create()
    assert sorted(directory.iterdir()) == made


def test_what_a_killed_process_has_left_goes_after_a_day(backups: Backups, todos: Todos, directory: Path) -> None:
    old, young = (directory / f'.draft-{name}' for name in ('old', 'young'))
    for draft in (old, young):
        draft.mkdir(parents=True)
        (draft / 'half').touch()
    os.utime(old, (0, 0))
    backups.create()
    assert (old.exists(), young.exists()) == (False, True)


def test_restoring_brings_back_what_was_and_keeps_what_is(backups: Backups, todos: Todos) -> None:
    todos.add('Buy milk')
    backup = backups.create()
    todos.add('Buy oats')
    todos.delete('Buy milk')
    replaced = backups.restore(backup)
    assert todos.titles == ['Buy milk']
    todos.add('after')
    assert todos.titles == ['after', 'Buy milk']
    assert replaced is not None
    backups.restore(replaced)
    assert todos.titles == ['Buy oats']
    todos.add('after')
    assert todos.titles == ['after', 'Buy oats']
    assert backup in backups.newest_first()


def test_after_a_restore_versions_go_on_so_that_everybody_asks_for_the_whole_list(
    backups: Backups, todos: Todos
) -> None:
    todos.add('Buy milk')
    backup = backups.create()
    held = [todos.version]
    for _ in range(5):
        todos.add('lost')
        held.append(todos.version)
    backups.restore(backup)
    assert todos.version.number == 6 + VERSION_GAP
    assert [todos.delta(since) for since in held] == [None] * 6
    todos.add('after')
    assert todos.version.number == 7 + VERSION_GAP


def test_a_database_that_is_gone_can_be_restored(backups: Backups, todos: Todos, database_url: str) -> None:
    todos.add('Buy milk')
    backup = backups.create()
    remove(database_url)
    assert backups.restore(backup) is None
    assert todos.titles == ['Buy milk']


@pytest.mark.parametrize('content', [b'', b'garbage' * 1000, 'SELECT 1', 'CREATE TABLE other(x integer)'])
def test_what_is_no_backup_is_refused_and_changes_nothing(
    backups: Backups, todos: Todos, tmp_path: Path, content: bytes | str, new_database: Callable[[], str]
) -> None:
    todos.add('Buy milk')
    wrong = tmp_path / f'wrong{backups.create().suffix}'
    if isinstance(content, bytes):
        wrong.write_bytes(content)
    else:
        another = new_database()
        execute(another, content)
        backups_of(another, tmp_path / 'others').create().rename(wrong)
    with pytest.raises(NoBackupError, match=re.escape(f'{wrong.name} is no backup')):
        backups.restore(wrong)
    with pytest.raises(FileNotFoundError):
        backups.restore(tmp_path / 'missing')
    assert (todos.titles, todos.version.number) == (['Buy milk'], 1)
