"""Backups of PostgreSQL: complete without the jobs, restored by PostgreSQL's own programs while nothing else runs."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests import job_functions
from tests.databases import execute
from tests.server import running_server
from tests.waiting import wait_until
from todosync import Settings
from todosync.backup import BackupError, MissingProgramError, NoBackupError, PostgresBackups
from todosync.backup.base import VERSION_GAP
from todosync.database import Database
from todosync.jobs import Jobs
from todosync.maintenance import backups_of
from todosync.models import TODOS
from todosync.todos import create_todo, delete_todo

LATER = timedelta(hours=1)


@pytest.fixture
def backups(postgres_url: str, tmp_path: Path) -> PostgresBackups:
    times = iter(datetime(2026, 11, 22 + day, 3, tzinfo=UTC) for day in range(8))
    return PostgresBackups(postgres_url, tmp_path / 'backups', keep=3, clock=lambda: next(times))


@pytest.fixture
def todos(postgres_url: str) -> Iterator[Todos]:
    todos = Todos(postgres_url)
    yield todos
    todos.stop()


class Todos:
    """The todos of a database, through connections that end after each use as if servers were stopped."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._database.migrate()
        self._database.install_change_log(TODOS)
        self.stop()

    def stop(self) -> None:
        self._database.close()

    def add(self, title: str) -> None:
        create_todo(self._database, {'title': title})
        self.stop()

    def delete(self, todo_id: int) -> None:
        delete_todo(self._database, todo_id)
        self.stop()

    @property
    def titles(self) -> list[str]:
        with self._database.read() as session:
            titles = [todo['title'] for todo in TODOS.snapshot(session).records]
        self.stop()
        return titles

    @property
    def version(self) -> int:
        with self._database.read() as session:
            version = TODOS.version(session)
        self.stop()
        return version


def test_restoring_brings_back_what_was_and_keeps_what_is(backups: PostgresBackups, todos: Todos) -> None:
    todos.add('Buy milk')
    backup = backups.create()
    todos.add('Buy oats')
    todos.delete(1)
    replaced = backups.restore(backup)
    assert todos.titles == ['Buy milk']
    assert replaced is not None
    backups.restore(replaced)
    assert todos.titles == ['Buy oats']
    todos.add('after')
    assert todos.titles == ['after', 'Buy oats']
    assert backup in backups.newest_first()


def test_a_backup_is_named_after_its_time_and_only_its_owner_can_read_it(
    backups: PostgresBackups, todos: Todos
) -> None:
    backup = backups.create()
    assert backup.name == 'postgresql-20261122T030000Z.dump'
    assert stat.S_IMODE(backup.parent.stat().st_mode) == 0o700


def test_as_many_backups_are_kept_as_wanted_the_newest(backups: PostgresBackups, todos: Todos) -> None:
    made = [backups.create() for _ in range(5)]
    assert backups.newest_first() == made[:1:-1]
    assert sorted(entry.name for entry in made[0].parent.iterdir()) == [backup.name for backup in made[2:]]


def test_a_backup_that_fails_leaves_the_older_ones_and_nothing_else(
    backups: PostgresBackups, todos: Todos, postgres_url: str
) -> None:
    made = backups.create()
    elsewhere = make_url(postgres_url).set(database='missing').render_as_string(hide_password=False)
    with pytest.raises(BackupError, match='database "missing" does not exist'):
        PostgresBackups(elsewhere, made.parent, keep=3).create()
    assert list(made.parent.iterdir()) == [made]


def test_after_a_restore_versions_go_on_so_that_everybody_asks_for_the_whole_list(
    backups: PostgresBackups, todos: Todos
) -> None:
    todos.add('Buy milk')
    backup = backups.create()
    for _ in range(5):
        todos.add('lost')
    backups.restore(backup)
    assert todos.version == 6 + VERSION_GAP
    todos.add('after')
    assert todos.version == 7 + VERSION_GAP


def test_a_database_that_is_gone_can_be_restored(backups: PostgresBackups, todos: Todos, postgres_url: str) -> None:
    todos.add('Buy milk')
    backup = backups.create()
    execute(postgres_url, 'DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    assert backups.restore(backup) is None
    assert todos.titles == ['Buy milk']


def test_no_job_comes_back_and_none_is_lost(
    backups: PostgresBackups, todos: Todos, postgres_url: str, tmp_path: Path
) -> None:
    jobs = Jobs(postgres_url)
    jobs.start()
    jobs.enqueue(job_functions.write_line, str(tmp_path / 'lines'), 'done', at=datetime.now(UTC) + LATER, job_id='done')
    jobs.failed.record('failed', ValueError())
    backup = backups.create()
    jobs.cancel('done')
    jobs.enqueue(job_functions.write_line, str(tmp_path / 'lines'), 'waits', at=datetime.now(UTC) + LATER)
    jobs.enqueue(job_functions.write_line, str(tmp_path / 'lines'), 'waits too', at=datetime.now(UTC) + LATER)
    jobs.stop()
    backups.restore(backup)
    jobs = Jobs(postgres_url)
    jobs.start()
    state = jobs.queue()
    jobs.stop()
    assert (state.waiting, state.failed) == (2, 1)


def test_while_servers_run_nothing_is_restored_and_afterwards_they_show_it(postgres_url: str, tmp_path: Path) -> None:
    settings = Settings(env='production', storage_dir=tmp_path, database_url=postgres_url)
    with running_server(tmp_path, ENV='production', DATABASE_URL=postgres_url) as server:
        kept = server.add('Buy milk')
        backup = backups_of(settings).create()
        server.add('a mistake')
        with pytest.raises(BackupError, match='stop them first'):
            backups_of(settings).restore(backup)
        assert len(server.todos()) == 2
    backups_of(settings).restore(backup)
    with running_server(tmp_path, ENV='production', DATABASE_URL=postgres_url) as server:
        assert server.todos() == [kept]
        added = server.add('after')
        wait_until(lambda: server.todos() == [added, kept])
        assert server.is_up()


@pytest.mark.parametrize('content', [b'', b'garbage' * 1000, None])
def test_what_is_no_backup_is_refused_and_changes_nothing(
    backups: PostgresBackups, todos: Todos, tmp_path: Path, content: bytes | None, postgres: object
) -> None:
    todos.add('Buy milk')
    wrong = tmp_path / 'wrong.dump'
    if content is None:
        other = PostgresBackups(postgres.create_database(), tmp_path / 'others', keep=1)  # type: ignore[attr-defined]
        other.create().rename(wrong)
    else:
        wrong.write_bytes(content)
    with pytest.raises(NoBackupError, match=r'wrong\.dump is no backup'):
        backups.restore(wrong)
    with pytest.raises(FileNotFoundError):
        backups.restore(tmp_path / 'missing')
    assert (todos.titles, todos.version) == (['Buy milk'], 1)


def test_what_breaks_off_in_the_middle_changes_nothing(backups: PostgresBackups, todos: Todos) -> None:
    for number in range(200):
        todos.add(f'Buy milk {number} {os.urandom(100).hex()}')
    backup = backups.create()
    todos.delete(1)
    content = backup.read_bytes()
    backup.write_bytes(content[:-100])
    with pytest.raises(BackupError, match='pg_restore: error'):
        backups.restore(backup)
    assert (len(todos.titles), todos.version) == (199, 201)


def test_what_is_not_installed_is_named_with_what_to_install(
    backups: PostgresBackups, todos: Todos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(MissingProgramError, match=r'^pg_dump is not installed.*Debian: postgresql-client'):
        backups.create()


def test_the_password_is_on_no_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / 'programs'
    programs.mkdir()
    noted = tmp_path / 'noted'
    program = programs / 'pg_dump'
    program.write_text(
        f'#!/bin/sh\necho "$*" "$PGUSER $PGPASSWORD $PGHOST $PGSSLMODE" >{shlex.quote(str(noted))}\nexit 1\n'
    )
    program.chmod(0o700)
    monkeypatch.setenv('PATH', f'{programs}:{os.environ["PATH"]}')
    url = 'postgresql+psycopg://ann:p%40ss%2Fword@db/todosync?sslmode=require'
    with pytest.raises(BackupError):
        PostgresBackups(url, tmp_path / 'backups', keep=1).create()
    arguments, _, environment = noted.read_text().partition(' ann ')
    assert environment == 'p@ss/word db require\n'
    assert 'p@ss' not in arguments
    assert 'p%40ss' not in arguments
