"""The database: transactions, migrations, and commits that are noticed, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import IntegrityError

from tests.databases import other_program, version_at
from tests.postgres import PostgresServer
from tests.processes import run_at_once, start_python
from tests.waiting import wait_until
from tests.writing import create_todo
from todos import MIGRATIONS
from todos.models import TODOS, Todo
from todosync.database.database import Database
from todosync.database.errors import DatabaseUnavailableError

MIGRATE = """
import sys
from todosync.database import Database
from todos import MIGRATIONS, TODOS
wait()
database = Database(sys.argv[1], migrations=MIGRATIONS)
database.migrate()
database.install_change_log(TODOS.log_table)
"""
WRITE = """
import sys
from todos import MIGRATIONS, TODOS
from todosync import Database, Writer
database = Database(sys.argv[1], migrations=MIGRATIONS)
for title in sys.stdin:
    Writer(database).insert(TODOS, {'title': title})
"""


@contextmanager
def counted(database: Database) -> Iterator[Callable[[], int]]:
    calls: list[None] = []
    signal = database.commit_signal(0.005, lambda: calls.append(None))
    signal.start()
    try:
        yield lambda: len(calls)
    finally:
        signal.stop()


def count(database: Database) -> int:
    with database.read() as session:
        return int(session.connection().scalar(text('SELECT count(*) FROM todos')) or 0)


def test_a_write_is_committed_on_leaving_the_block_and_then_announced(database_url: str) -> None:
    announced: list[int] = []
    database = Database(database_url, on_commit=lambda: announced.append(count(database)), migrations=MIGRATIONS)
    database.migrate()
    with database.write() as session:
        session.add(Todo(title='Buy milk'))
        assert announced == []
    assert announced == [1]
    database.close()


def test_a_block_that_raises_writes_nothing_and_announces_nothing(database_url: str) -> None:
    announced: list[None] = []
    database = Database(database_url, on_commit=lambda: announced.append(None), migrations=MIGRATIONS)
    database.migrate()

    def add_and_fail() -> None:
        with database.write() as session:
            session.add(Todo(title='Buy milk'))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        add_and_fail()
    assert (count(database), announced) == (0, [])
    database.close()


def test_a_refusal_by_a_constraint_writes_nothing_and_leaves_the_database_usable(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as session:
        session.add_all([Todo(title='Buy milk'), Todo(title='')])
    create_todo(database, {'title': 'Buy oats'})
    assert count(database) == 1


def test_what_a_read_block_reads_is_of_one_moment(database: Database) -> None:
    create_todo(database, {'title': 'Buy milk'})
    with database.read() as session:
        before = TODOS.snapshot(session)
        create_todo(database, {'title': 'Buy oats'})
        assert TODOS.snapshot(session) == before
        assert TODOS.version(session) == before.version


def test_writers_in_threads_take_turns_and_lose_nothing(database: Database) -> None:
    todo_id = create_todo(database, {'title': '0'}).id

    def increment() -> None:
        for _ in range(20):
            with database.write() as session:
                todo = session.get(Todo, todo_id)
                assert todo is not None
                todo.title = str(int(todo.title) + 1)

    threads = [threading.Thread(target=increment) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert TODOS.snapshot(session).rows[0]['title'] == '80'


def test_neither_reading_nor_writing_nor_migrating_runs_on_an_event_loop(database: Database) -> None:
    async def misuse() -> None:
        for call in (database.read, database.write):
            with pytest.raises(RuntimeError, match='would block the event loop'), call():
                pass
        with pytest.raises(RuntimeError, match='would block the event loop'):
            database.migrate()

    asyncio.run(misuse())


def test_migrating_and_installing_again_changes_nothing(database: Database) -> None:
    create_todo(database, {'title': 'Buy milk'})
    database.migrate()
    database.install_change_log(TODOS.log_table)
    create_todo(database, {'title': 'Buy oats'})
    with database.read() as session:
        assert (count(database), TODOS.version(session).number) == (2, 2)


def test_processes_that_start_at_once_migrate_once(database_url: str) -> None:
    run_at_once(3, MIGRATE, database_url)
    database = Database(database_url, migrations=MIGRATIONS)
    create_todo(database, {'title': 'Buy milk'})
    with database.read() as session:
        assert TODOS.version(session).number == 1
    database.close()


def test_the_commits_of_other_processes_are_noticed(database: Database, database_url: str) -> None:
    with counted(database) as calls:
        wait_until(lambda: calls() == 1)  # once at the start, for what nobody watched
        writer = start_python(WRITE, database_url)
        writer.communicate('Buy milk\n', timeout=60)
        wait_until(lambda: calls() > 1)
    assert count(database) == 1


def test_watching_starts_and_stops_as_often_as_asked(database: Database) -> None:
    calls: list[None] = []
    signal = database.commit_signal(0.005, lambda: calls.append(None))
    for _ in range(2):
        signal.start()
        signal.start()
        wait_until(lambda: calls)
        signal.stop()
        signal.stop()
        calls.clear()
        create_todo(database, {'title': 'Buy milk'})
        assert calls == []


def test_an_unreadable_database_is_told_from_a_wrong_request(tmp_path: Path) -> None:
    (tmp_path / 'todos.sqlite3').write_bytes(b'this is no database' * 100)
    database = Database(f'sqlite:///{tmp_path}/todos.sqlite3', migrations=MIGRATIONS)
    with pytest.raises(DatabaseUnavailableError, match='file is not a database'):
        database.migrate()
    database.close()


def test_connections_that_can_only_read_are_given_up_when_one_is_asked_to_write(tmp_path: Path) -> None:
    database = Database(f'sqlite:///{tmp_path}/todos.sqlite3', migrations=MIGRATIONS)
    database.migrate()
    with database.read() as first, database.read() as second:  # opened while the file could not be written to
        for session in (first, second):
            session.connection().exec_driver_sql('PRAGMA query_only = ON')
    with pytest.raises(DatabaseUnavailableError, match='readonly'):
        create_todo(database, {'title': 'Refused'})
    create_todo(database, {'title': 'Buy milk'})
    assert count(database) == 1
    database.close()


@pytest.mark.parametrize('url', ['mysql://db/todos', 'oracle://db/todos'])
def test_other_kinds_of_databases_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match='DATABASE_URL must name a SQLite file or a PostgreSQL database'):
        Database(url, migrations=MIGRATIONS)


def test_on_postgresql_versions_become_visible_in_their_order(postgres_url: str) -> None:
    database = Database(postgres_url, migrations=MIGRATIONS)
    database.migrate()
    database.install_change_log(TODOS.log_table)
    # another program, which knows nothing of turns, draws a version and takes its time to commit
    slow = create_engine(postgres_url, poolclass=NullPool).connect()
    slow.execute(text("INSERT INTO todos(title) VALUES ('slow')"))
    quick = threading.Thread(target=create_todo, args=(database, {'title': 'quick'}))
    quick.start()
    wait_until(lambda: waiting_for_advisory_locks(postgres_url) == 1)
    with database.read() as session:
        assert TODOS.version(session).number == 0
    slow.commit()
    quick.join()
    slow.close()
    with database.read() as session:
        delta = TODOS.delta(session, version_at(session, 0))
    assert delta is not None
    assert {todo['title'] for todo in delta.put} == {'slow', 'quick'}
    database.close()


def test_on_postgresql_other_programs_never_wait_for_each_other_in_a_circle(postgres_url: str) -> None:
    database = Database(postgres_url, migrations=MIGRATIONS)
    database.migrate()
    database.install_change_log(TODOS.log_table)
    create_todo(database, {'title': 'a'})
    create_todo(database, {'title': 'b'})

    def update(first: int, second: int) -> None:
        for number in range(30):
            with other_program(postgres_url) as connection:
                for todo_id in (first, second):
                    connection.execute(text(f"UPDATE todos SET title = '{number}' WHERE id = {todo_id}"))

    failures: list[BaseException] = []

    def attempt(first: int, second: int) -> None:
        try:
            update(first, second)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=attempt, args=order) for order in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    database.close()


def test_a_restarted_postgresql_is_used_and_listened_to_again(postgres_of_its_own: PostgresServer) -> None:
    database = Database(postgres_of_its_own.create_database(), migrations=MIGRATIONS)
    database.migrate()
    database.install_change_log(TODOS.log_table)
    create_todo(database, {'title': 'before'})
    with counted(database) as calls:
        wait_until(lambda: calls() >= 1)
        postgres_of_its_own.stop('immediate')
        with pytest.raises(DatabaseUnavailableError):
            create_todo(database, {'title': 'meanwhile'})
        postgres_of_its_own.start()
        seen = calls()
        wait_until(lambda: calls() > seen)
        create_todo(database, {'title': 'after'})
    with database.read() as session:
        assert [todo['title'] for todo in TODOS.snapshot(session).rows] == ['after', 'before']
    database.close()


def waiting_for_advisory_locks(url: str) -> int:
    with other_program(url) as connection:
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return int(connection.scalar(text(query)) or 0)
