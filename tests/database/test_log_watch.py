"""The change log is installed without harm to those who write, and put right where another program has damaged it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.databases import execute, locked, other_program
from tests.server import RunningServer, running_server
from tests.waiting import wait_until
from todos import MIGRATIONS
from todos.models import TODOS
from todosync.database import LogWatch
from todosync.database.database import Database


def test_a_start_with_nothing_to_change_waits_for_nobody(database: Database, database_url: str) -> None:
    with locked(database_url), closing(Database(database_url, migrations=MIGRATIONS)) as starting:
        started = time.monotonic()
        starting.migrate()
        starting.install_change_log(TODOS.log_table)
        assert time.monotonic() - started < 5, 'a writer is waited for ten seconds'


def test_a_program_that_writes_is_not_disturbed_by_a_change_of_the_schema(postgres_url: str) -> None:
    with closing(Database(postgres_url, migrations=MIGRATIONS)) as database, ThreadPoolExecutor(1) as threads:
        database.migrate()
        database.install_change_log(TODOS.log_table)
        execute(postgres_url, "COMMENT ON TABLE changes IS 'of another release'")
        with other_program(postgres_url) as connection:
            connection.execute(text('LOCK TABLE todos IN ROW EXCLUSIVE MODE'))  # as each statement that writes does
            installing = threads.submit(database.install_change_log, TODOS.log_table)
            wait_until(lambda: waits_for_table(postgres_url))
            connection.execute(text("INSERT INTO todos(title) VALUES ('undisturbed')"))
        installing.result()
        assert database.has_change_log(TODOS.log_table, exactly=True)
        with database.read() as session:
            assert [row['title'] for row in TODOS.snapshot(session).rows] == ['undisturbed']


def test_what_cannot_be_looked_at_is_told_once_with_its_traceback(
    database: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unforeseen(*arguments: object, **further: object) -> bool:
        raise LookupError('nobody thought of it')

    watch = LogWatch(database, [TODOS.log_table])
    with monkeypatch.context() as broken:
        broken.setattr(database, 'has_change_log', unforeseen)
        for _ in range(3):
            watch.look()
    assert [(record.levelname, bool(record.exc_info)) for record in caplog.records] == [('WARNING', True)]
    watch.look()
    assert 'looking at the change log of todos works again' in caplog.messages[1]


def waits_for_table(url: str) -> bool:
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'todos'::regclass"
    with other_program(url) as connection:
        return bool(connection.scalar(text(query)))


REBUILD = {
    'sqlite': [
        'CREATE TABLE copy AS SELECT * FROM todos',
        'DROP TABLE todos',
        'CREATE TABLE todos (id INTEGER PRIMARY KEY, title TEXT NOT NULL, completed BOOLEAN NOT NULL DEFAULT 0, '
        "created_at TEXT NOT NULL DEFAULT '2026-01-01 00:00:00.000000', "
        "updated_at TEXT NOT NULL DEFAULT '2026-01-01 00:00:00.000000')",
        'INSERT INTO todos SELECT * FROM copy',
        'DROP TABLE copy',
    ],
    'postgresql': ['ALTER TABLE todos DISABLE TRIGGER ALL'],
}


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[RunningServer]:
    with running_server(tmp_path, DATABASE_URL=database_url) as server:
        yield server


def titles(server: RunningServer) -> set[str]:
    return {todo['title'] for todo in server.todos()}


def test_a_table_that_was_rebuilt_without_its_triggers_gets_them_and_what_was_missed_shows(
    server: RunningServer, database_kind: str
) -> None:
    server.add('before')
    with other_program(server.database_url) as connection:
        for statement in REBUILD[database_kind]:
            connection.execute(text(statement))
        connection.execute(text("INSERT INTO todos(title) VALUES ('missed')"))
    wait_until(lambda: titles(server) == {'before', 'missed'})
    server.execute("INSERT INTO todos(title) VALUES ('by SQL')")
    wait_until(lambda: 'by SQL' in titles(server))
    server.add('after')
    assert titles(server) == {'before', 'missed', 'by SQL', 'after'}


def test_a_role_that_replicates_turns_no_trigger_off(postgres_url: str) -> None:
    with closing(Database(postgres_url, migrations=MIGRATIONS)) as database:
        database.migrate()
        database.install_change_log(TODOS.log_table)
        with database.read() as session:
            before = TODOS.version(session)
        with other_program(postgres_url) as connection:
            connection.execute(text('SET LOCAL session_replication_role = replica'))
            connection.execute(text("INSERT INTO todos(title) VALUES ('replicated')"))
        with database.read() as session:
            delta = TODOS.delta(session, before)
        assert delta is not None
        assert [row['title'] for row in delta.put] == ['replicated']


def test_an_intact_change_log_is_left_alone(database: Database) -> None:
    with database.read() as session:
        before = TODOS.version(session)
    LogWatch(database, [TODOS.log_table]).look()
    with database.read() as session:
        assert TODOS.version(session) == before
