"""What is PostgreSQL's own about backups: no jobs in them, its own programs, restored while nothing else runs."""

from __future__ import annotations

import os
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.databases import Todos, execute
from tests.jobs import functions
from tests.postgres import PostgresServer
from tests.server import running_server
from tests.waiting import wait_until
from todos import MIGRATIONS
from todosync import Settings
from todosync.jobs import Jobs
from todosync.production.backup import BackupError, MissingProgramError
from todosync.production.backup.postgres import PostgresBackups
from todosync.production.maintenance import backups_of

LATER = timedelta(hours=1)


@pytest.fixture
def backups(postgres_url: str, tmp_path: Path) -> PostgresBackups:
    return PostgresBackups(postgres_url, tmp_path / 'backups', keep=3, migrations=MIGRATIONS)


@pytest.fixture
def todos(postgres_url: str) -> Todos:
    return Todos(postgres_url)


def test_no_job_comes_back_and_none_is_lost(
    backups: PostgresBackups, todos: Todos, postgres_url: str, tmp_path: Path
) -> None:
    jobs = Jobs(postgres_url)
    jobs.start()
    jobs.enqueue(functions.write_line, str(tmp_path / 'lines'), 'done', at=datetime.now(UTC) + LATER, job_id='done')
    jobs.failed.record('failed', ValueError())
    backup = backups.create()
    jobs.cancel('done')
    jobs.enqueue(functions.write_line, str(tmp_path / 'lines'), 'waits', at=datetime.now(UTC) + LATER)
    jobs.enqueue(functions.write_line, str(tmp_path / 'lines'), 'waits too', at=datetime.now(UTC) + LATER)
    jobs.stop()
    backups.restore(backup)
    jobs = Jobs(postgres_url)
    jobs.start()
    state = jobs.queue()
    jobs.stop()
    assert (state.waiting, state.failed) == (2, 1)


def test_while_servers_run_nothing_is_restored_and_afterwards_they_show_it(postgres_url: str, tmp_path: Path) -> None:
    settings = Settings(env='production', storage_dir=tmp_path, database_url=postgres_url, migrations=MIGRATIONS)
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


def test_what_breaks_off_in_the_middle_changes_nothing(backups: PostgresBackups, todos: Todos) -> None:
    for number in range(200):
        todos.add(f'Buy milk {number} {os.urandom(100).hex()}')
    backup = backups.create()
    todos.delete(todos.titles[0])
    content = backup.read_bytes()
    backup.write_bytes(content[:-100])
    with pytest.raises(BackupError, match='pg_restore: error'):
        backups.restore(backup)
    assert (len(todos.titles), todos.version.number) == (199, 201)


OURS = """
    CREATE FUNCTION ours() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
    CREATE TRIGGER ours BEFORE UPDATE ON todos FOR EACH ROW EXECUTE FUNCTION ours();
"""
EVIL = """
    CREATE FUNCTION evil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'I am in'; END $$;
    CREATE TRIGGER evil BEFORE INSERT ON todos EXECUTE FUNCTION evil();
    CREATE RULE evil AS ON DELETE TO todos DO INSTEAD NOTHING;
    CREATE SCHEMA evil; CREATE TABLE evil.loot (id integer);
    CREATE TABLE todosync_jobs (id text PRIMARY KEY); INSERT INTO todosync_jobs VALUES ('evil');
    CREATE TABLE failed_executions_evil (id integer);
"""


def test_a_restore_takes_tables_and_no_code_jobs_or_rights(
    backups: PostgresBackups, todos: Todos, postgres: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    todos.add('Buy milk')
    elsewhere = postgres.create_database()
    PostgresBackups(elsewhere, tmp_path, keep=1, migrations=MIGRATIONS).restore(backups.create())
    Todos(elsewhere).add('from elsewhere')
    execute(postgres_url, OURS)
    execute(elsewhere, EVIL)
    archive = tmp_path / 'postgresql-evil.dump'
    subprocess.run(['pg_dump', '--format=custom', f'--file={archive}', plain(elsewhere)], check=True)
    backups.restore(archive)
    restored = Todos(postgres_url)
    assert restored.titles == ['from elsewhere', 'Buy milk']
    restored.add('nobody refuses it')
    restored.delete('Buy milk')
    assert restored.titles == ['nobody refuses it', 'from elsewhere']
    with psycopg.connect(plain(postgres_url)) as connection:
        found = connection.execute("SELECT to_regclass('todosync_jobs'), to_regclass('evil.loot'), to_regproc('evil')")
        assert found.fetchone() == (None, None, None)
        own = connection.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgname IN ('ours', 'evil')")
        assert own.fetchall() == [('ours',)]


def plain(url: str) -> str:
    return make_url(url).set(drivername='postgresql').render_as_string(hide_password=False)


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
