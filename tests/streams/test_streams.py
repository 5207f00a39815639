"""Streams: versions, snapshots, deltas, and the copy that follows them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Field, Session, SQLModel, select

from tests.databases import execute as execute_elsewhere
from tests.databases import version_at
from tests.processes import start_python
from tests.writing import create_todo, delete_todo, update_todo
from todos import MIGRATIONS
from todos.models import TODOS, Todo
from todosync import ids, new_id
from todosync.database.database import Database
from todosync.streams.messages import Delta, Snapshot
from todosync.streams.replica import Replica
from todosync.streams.stream import Stream
from todosync.streams.stream_reading import DELTA_MAX_ROWS
from todosync.streams.totals import count
from todosync.streams.version import Version

EXECUTE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.executescript(sys.argv[2])
"""


class NoChance:
    """In place of ``secrets``."""

    @staticmethod
    def randbits(_: int) -> int:
        return 0


@pytest.fixture(autouse=True)
def ids_count_from_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the next todos of this process numbered 1, 2, 3, so that a test can name them."""
    monkeypatch.setattr('todosync.ids.new_id._numbers._last', 0)
    monkeypatch.setattr(new_id, '_clock', ids.EPOCH.timestamp)
    monkeypatch.setattr(ids, 'secrets', NoChance)


def execute(database: Database, statement: str) -> None:
    with database.write() as session:
        session.connection().execute(text(statement))


def snapshot(database: Database) -> Snapshot:
    with database.read() as session:
        return TODOS.snapshot(session)


def at(database: Database, number: int) -> Version:
    with database.read() as session:
        return version_at(session, number)


def delta(database: Database, since: int) -> Delta | None:
    with database.read() as session:
        return TODOS.delta(session, version_at(session, since))


def loaded(database: Database) -> Replica:
    replica, state = Replica(TODOS), snapshot(database)
    replica.reset(state.version, state.rows)
    return replica


def test_an_empty_list_has_version_0_and_nothing_after_it(database: Database) -> None:
    assert snapshot(database) == Snapshot(
        'todos', at(database, 0), [], {'count': 0, 'completed_count': 0, 'heading': 'Todos (0 total, 0 done)'}
    )
    assert delta(database, 0) == Delta('todos', at(database, 0), at(database, 0), [], [])
    assert delta(database, 1) is None


def test_a_delta_holds_the_state_of_each_changed_row_once(database: Database) -> None:
    for title in ('a', 'b', 'c'):
        create_todo(database, {'title': title})
    update_todo(database, 1, {'title': 'A'})
    update_todo(database, 1, {'completed': True})
    delete_todo(database, 2)
    found = delta(database, 3)
    assert found is not None
    assert (found.base.number, found.version.number, found.deleted) == (3, 6, [2])
    assert [(todo['id'], todo['title'], todo['completed']) for todo in found.put] == [(1, 'A', True)]


def test_a_row_that_came_and_went_is_only_deleted(database: Database) -> None:
    create_todo(database, {'title': 'a'})
    delete_todo(database, 1)
    assert delta(database, 0) == Delta('todos', at(database, 0), at(database, 2), [], [1])


@pytest.mark.parametrize(
    'statement',
    [
        "INSERT INTO todos(title) VALUES ('x')",
        "INSERT INTO todos(title, completed) VALUES ('x', true), ('y', false), ('z', true)",
        "INSERT INTO todos(id, title) VALUES (77, 'x')",
        "INSERT INTO todos(id, title) VALUES (2, 'x') ON CONFLICT (id) DO UPDATE SET title = 'replaced'",
        "UPDATE todos SET title = 'x' WHERE id = 2",
        'UPDATE todos SET completed = true',
        'UPDATE todos SET id = 99 WHERE id = 1',
        'UPDATE todos SET id = id + 100',
        'DELETE FROM todos WHERE id = 3',
        'DELETE FROM todos',
    ],
)
def test_a_delta_says_what_any_statement_did(database: Database, statement: str) -> None:
    for title in ('a', 'b', 'c'):
        create_todo(database, {'title': title})
    replica = loaded(database)
    execute(database, statement)
    found = delta(database, replica.version.number)
    assert found is not None
    assert replica.apply(found)
    after = snapshot(database)
    assert (list(replica.rows), replica.version, replica.totals) == (after.rows, after.version, after.totals)


def test_truncating_is_deleting_on_postgresql(postgres_url: str) -> None:
    database = Database(postgres_url, migrations=MIGRATIONS)
    database.migrate()
    database.install_change_log(TODOS.log_table)
    create_todo(database, {'title': 'a'})
    execute(database, 'TRUNCATE todos')
    assert delta(database, 1) == Delta('todos', at(database, 1), at(database, 2), [], [1])
    database.close()


@pytest.mark.parametrize(
    ('script', 'titles', 'deleted'),
    [
        ("INSERT INTO todos(title) VALUES ('x'); UPDATE todos SET title = 'A' WHERE id = 1", {'x', 'A'}, set()),
        ("INSERT OR REPLACE INTO todos(id, title) VALUES (1, 'replaced')", {'replaced'}, set()),
        ("REPLACE INTO todos(id, title) VALUES (2, 'replaced'); DELETE FROM todos WHERE id = 1", {'replaced'}, {1}),
        ('UPDATE todos SET id = 9 WHERE id = 2', {'b'}, {2}),
        ('BEGIN; DELETE FROM todos; COMMIT', set(), {1, 2}),
    ],
)
def test_what_another_process_writes_with_plain_sqlite_is_in_the_delta(
    tmp_path: Path, script: str, titles: set[str], deleted: set[int]
) -> None:
    database = Database(f'sqlite:///{tmp_path}/todos.sqlite3', migrations=MIGRATIONS)
    database.migrate()
    database.install_change_log(TODOS.log_table)
    create_todo(database, {'title': 'a'})
    create_todo(database, {'title': 'b'})
    assert start_python(EXECUTE, f'{tmp_path}/todos.sqlite3', script).wait(60) == 0
    found = delta(database, 2)
    assert found is not None
    assert ({todo['title'] for todo in found.put}, set(found.deleted)) == (titles, deleted)
    database.close()


def test_times_of_any_precision_are_ordered_alike_in_sql_in_python_and_as_text(database: Database) -> None:
    times = [
        '2026-01-01 12:00:00',
        '2026-01-01 12:00:00.000',
        '2026-01-01 12:00:00.000000',
        '2026-01-01 12:00:00.5',
        '2026-01-01 12:00:00.500',
        '2026-01-01 12:00:00.500001',
        '2026-01-01 12:00:01',
        '2026-01-01 11:59:59.999999',
    ]
    for time in [*times, *reversed(times)]:
        execute(database, f"INSERT INTO todos(title, created_at) VALUES ('x', '{time}')")
    in_sql = snapshot(database).rows
    as_text = sorted(in_sql, key=lambda todo: (todo['created_at'], todo['id']), reverse=True)
    assert in_sql == as_text == list(loaded(database).rows)
    assert {len(todo['created_at']) for todo in in_sql} == {len('2026-01-01T12:00:00.000000Z')}
    with database.read() as session:
        by_python = sorted(
            session.exec(select(Todo)).all(), key=lambda todo: (todo.created_at, todo.id or 0), reverse=True
        )
    assert [todo['id'] for todo in in_sql] == [todo.id for todo in by_python]


def test_more_changes_than_a_delta_is_good_for_travel_as_a_snapshot(database: Database) -> None:
    with database.write() as session:
        session.add_all([Todo(title='x') for _ in range(DELTA_MAX_ROWS)])
    found = delta(database, 0)
    assert found is not None
    assert len(found.put) == DELTA_MAX_ROWS
    create_todo(database, {'title': 'one more'})
    assert delta(database, 0) is None


def test_trimming_forgets_what_is_old_and_keeps_the_version(database: Database) -> None:
    for title in ('a', 'b', 'c', 'd'):
        create_todo(database, {'title': title})
    trimmed = [at(database, 1), at(database, 2)]
    now = datetime.now(UTC)
    age(database, up_to=2, moment=now - timedelta(days=2))
    with database.write() as session:
        TODOS.trim(session, now - timedelta(days=1))
    with database.read() as session:
        assert [TODOS.delta(session, version) for version in trimmed] == [None, None]
    at_the_edge = delta(database, 3)
    assert at_the_edge is not None
    assert [todo['title'] for todo in at_the_edge.put] == ['d']
    assert snapshot(database).version.number == 4

    age(database, up_to=4, moment=now - timedelta(days=2))
    with database.write() as session:
        TODOS.trim(session, now - timedelta(days=1))
    assert snapshot(database).version.number == 4
    assert delta(database, 4) == Delta('todos', at(database, 4), at(database, 4), [], [])
    assert delta(database, 2) is None
    create_todo(database, {'title': 'e'})
    assert snapshot(database).version.number == 5


def age(database: Database, *, up_to: int, moment: datetime) -> None:
    execute(database, f"UPDATE changes SET at = '{moment:%Y-%m-%d %H:%M:%S}' WHERE version <= {up_to}")


class Memo(SQLModel, table=True):
    __tablename__ = 'memos'

    id: int | None = Field(default=None, primary_key=True)
    text: str
    position: int = 0


def test_a_table_of_ones_own_is_followed_with_the_rows_it_had_before(database: Database) -> None:
    memos = Stream(Memo, order_by='-position')
    with database.write() as session:
        Memo.__table__.create(session.connection())  # type: ignore[attr-defined]
        session.add(Memo(text='old', position=5))
    database.install_change_log(memos.log_table)
    with database.read() as session:
        first = memos.version(session)
    with database.write() as session:
        session.add(Memo(text='new', position=1))
    with database.read() as session:
        assert [memo['text'] for memo in memos.snapshot(session).rows] == ['old', 'new']
        changes = memos.delta(session, first)
        assert changes is not None
        assert [memo['text'] for memo in changes.put] == ['new']
        assert memos.version(session).number == 1
        assert TODOS.version(session).number == 0


def test_each_change_has_a_mark_of_its_own_whoever_made_it(database: Database, database_url: str) -> None:
    create_todo(database, {'title': 'a'})
    execute_elsewhere(database_url, "INSERT INTO todos(title) VALUES ('b'), ('c')")
    execute_elsewhere(database_url, "INSERT INTO changes(todo_id, op) VALUES (1, 'put')")  # as triggers of before do
    marks = {at(database, number).mark for number in range(5)}
    assert {len(mark) for mark in marks} == {16}
    assert len(marks) == 5


def test_a_version_with_another_mark_is_not_known(database: Database) -> None:
    for title in ('a', 'b', 'c'):
        create_todo(database, {'title': title})
    with database.read() as session:
        for number in range(5):
            assert TODOS.delta(session, Version(number, 'of another database')) is None
            assert TODOS.delta(session, Version(number, '')) is None


def test_a_log_that_is_begun_anew_knows_no_version_that_was(database: Database) -> None:
    create_todo(database, {'title': 'a'})
    before = snapshot(database)
    database.forget_changes(TODOS.log_table)
    after = snapshot(database)
    assert after.version.number > before.version.number
    assert after.rows == before.rows
    assert delta(database, before.version.number) is None


def test_a_log_of_the_release_before_gets_marks_and_goes_on(database: Database) -> None:
    for title in ('a', 'b'):
        create_todo(database, {'title': title})
    execute(database, 'ALTER TABLE changes DROP COLUMN mark')
    database.install_change_log(TODOS.log_table)
    create_todo(database, {'title': 'c'})
    found = delta(database, 1)
    assert found is not None
    assert [todo['title'] for todo in found.put] == ['b', 'c']
    assert len({at(database, number).mark for number in range(4)} - {''}) == 4


def test_the_shape_tells_releases_apart_whose_rows_or_totals_differ() -> None:
    shapes = {
        Stream(Memo).shape,
        Stream(Memo, order_by='-position').shape,
        Stream(Memo, fields=('id', 'text')).shape,
        Stream(Memo, totals={'all': count()}).shape,
        Stream(Memo, totals={'all': count()}, texts=lambda totals: {'heading': f'{totals["all"]} memos'}).shape,
    }
    assert len(shapes) == 5
    assert Stream(Memo).shape == Stream(Memo).shape


def test_a_replica_reports_a_gap_and_stays_as_it_was(database: Database) -> None:
    create_todo(database, {'title': 'a'})
    replica = loaded(database)
    assert not replica.apply(Delta('todos', at(database, 3), at(database, 4), [], [1]))
    assert ([todo['title'] for todo in replica.rows], replica.version) == (['a'], at(database, 1))


def test_a_replica_never_goes_back_to_an_older_version(database: Database) -> None:
    create_todo(database, {'title': 'a'})
    old = delta(database, 0)
    update_todo(database, 1, {'title': 'b'})
    replica = loaded(database)
    assert old is not None
    assert not replica.apply(old)
    assert ([todo['title'] for todo in replica.rows], replica.version) == (['b'], at(database, 2))


@pytest.mark.parametrize('seed', range(3))
def test_deltas_from_any_version_lead_to_the_same_list(database: Database, database_url: str, seed: int) -> None:
    chance = random.Random(seed)
    replicas = [loaded(database)]
    for _ in range(60):
        execute_elsewhere(
            database_url,
            chance.choice(
                (
                    "INSERT INTO todos(title) VALUES ('new')",
                    "UPDATE todos SET title = title || '.' WHERE id % 3 = 1",
                    'UPDATE todos SET completed = NOT completed WHERE id % 2 = 0',
                    'DELETE FROM todos WHERE id = (SELECT min(id) FROM todos) AND (SELECT count(*) FROM todos) > 3',
                    'UPDATE todos SET id = id + 1000 WHERE id = (SELECT max(id) FROM todos)',
                )
            ),
        )
        replicas.append(loaded(database))
    final = snapshot(database)
    for replica in replicas:
        found = delta(database, replica.version.number)
        assert found is not None
        assert replica.apply(found)
        assert (list(replica.rows), replica.totals) == (final.rows, final.totals)


def test_the_version_costs_one_lookup_and_no_scan(tmp_path: Path) -> None:
    database = Database(f'sqlite:///{tmp_path}/todos.sqlite3', migrations=MIGRATIONS)
    database.migrate()
    database.install_change_log(TODOS.log_table)

    def plan(session: Session, query: str) -> str:
        rows = session.connection().execute(text(f'EXPLAIN QUERY PLAN {query}'))
        return ' '.join(str(row[3]) for row in rows)

    with database.read() as session:
        newest = 'SELECT version, mark FROM changes ORDER BY version DESC LIMIT 1'
        assert plan(session, newest) == 'SCAN changes', 'backwards, and only one step'
        assert 'SEARCH changes USING INTEGER PRIMARY KEY' in plan(
            session, 'SELECT DISTINCT todo_id FROM changes WHERE version > 5'
        )
    database.close()


def test_a_verb_that_shows_what_no_row_has_is_refused() -> None:
    with pytest.raises(ValueError, match="has no field 'archived', which the verb 'archive' shows; name its `fields`"):
        Stream(Memo).verb(shows={'archived': True})(archive)


def archive() -> None:
    """Do nothing."""
