"""Who changed what and when: noted for every program, told to who may read it, put back by who may write."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import JSON, Column, Connection, Integer, MetaData, String, Table, text
from sqlmodel import Field, SQLModel, select

from tests.databases import execute, other_program
from todosync import new_uuid
from todosync.database import HistoryTable, LogTable, LogWatch
from todosync.database.database import Database
from todosync.streams import ScopeValue
from todosync.streams.stream import Stream
from todosync.writes import Author, Change, RefusedWriteError, RowGoneError, Write, Writer, forget_history
from todosync.writes.queues import QueuedWrite, QueueRecord

FIELDS = ('id', 'project', 'text', 'urgent', 'due', 'price', 'mood', 'sent_at', 'tags', 'number', 'weight')


ENV = """
from alembic import context
context.configure(connection=context.config.attributes['connection'], transactional_ddl=False)
context.run_migrations()
"""
MIGRATION = """
from alembic import op
revision, down_revision = '{0}', '{1}' if {1} else None
def upgrade():
    op.execute('{2}')
"""


class Mood(Enum):
    CALM = 'c'
    WILD = 'w'


class Paper(SQLModel, table=True):
    __tablename__ = 'papers'

    id: int | None = Field(default=None, primary_key=True)
    project: int = Field(default=7, index=True)
    text: str = ''
    urgent: bool = False
    due: date | None = None
    price: Decimal = Field(default=Decimal('1.50'), max_digits=8, decimal_places=2)
    mood: Mood = Mood.CALM
    sent_at: datetime | None = None
    tags: Any = Field(default=None, sa_type=JSON, nullable=True)
    number: int | None = Field(default=None, unique=True)
    weight: float = 0.1
    secret: str | None = None
    picture: bytes | None = None


class Leaf(SQLModel, table=True):
    __tablename__ = 'leaves_with_history'

    id: UUID = Field(default_factory=new_uuid, primary_key=True)
    tree_id: UUID = Field(index=True)
    name: str = ''


def papers_stream(**options: Any) -> Stream:
    stream = Stream(Paper, fields=FIELDS, scope='project', **{'history': timedelta(days=90), **options})
    stream.writable('project', 'text', 'urgent', 'due', 'price', 'mood', 'sent_at', 'number')
    return stream


@pytest.fixture
def papers() -> Stream:
    return papers_stream()


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture
def writer(url: str, papers: Stream) -> Iterator[Writer]:
    with closing(Database(url)) as database:
        database.install_change_log(papers.log_table)
        writer = Writer(database)
        writer.prepare()
        yield writer


@pytest.fixture
def told(writer: Writer, papers: Stream) -> Callable[..., list[tuple[Any, ...]]]:
    """What is told of a scope, the oldest first: action, row, who, and of each field the values before and after."""

    def told(*fields: str, scope: ScopeValue = 7, row: int | None = None) -> list[tuple[Any, ...]]:
        return [
            (
                change.action,
                change.row_id,
                change.who,
                {name: value for name, value in change.before.items() if name in fields},
                {name: value for name, value in change.after.items() if name in fields},
            )
            for change in reversed(writer.history(papers, row, scope=scope))
        ]

    return told


Told = Callable[..., list[tuple[Any, ...]]]


def tables(connection: Connection) -> set[str]:
    kind = connection.dialect.name
    query = {
        'sqlite': "SELECT name FROM sqlite_schema WHERE type = 'table'",
        'postgresql': "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
    }[kind]
    return set(connection.scalars(text(query)))


def insert(url: str, row_id: int, words: str, project: int = 7, **values: Any) -> None:
    row = {'id': row_id, 'project': project, 'text': words, 'urgent': False, 'price': 1, 'mood': 'CALM', 'weight': 0.5}
    row |= values
    names, places = ', '.join(row), ', '.join(f':{name}' for name in row)
    execute(url, f'INSERT INTO papers({names}) VALUES ({places})', row)


def test_what_a_user_writes_is_noted_with_their_name_and_both_values(
    writer: Writer, papers: Stream, told: Told
) -> None:
    ann = Author('Ann')
    before = datetime.now(UTC)
    paper = writer.insert(papers, {'project': 7, 'text': 'Buy milk'}, author=ann)
    writer.update(papers, paper, {'text': 'Buy oats', 'urgent': False}, author=Author('Bob'))
    writer.delete(papers, paper, author=ann)
    assert told('text', 'urgent') == [
        ('insert', paper.id, 'Ann', {}, {'text': 'Buy milk', 'urgent': False}),
        ('update', paper.id, 'Bob', {'text': 'Buy milk'}, {'text': 'Buy oats'}),
        ('delete', paper.id, 'Ann', {'text': 'Buy oats', 'urgent': False}, {}),
    ]
    times = [change.at for change in writer.history(papers, scope=7)]
    assert times == sorted(times, reverse=True)
    assert before - timedelta(seconds=1) < times[-1] < datetime.now(UTC) + timedelta(seconds=1)
    assert times[0].utcoffset() == timedelta()


def test_values_are_told_as_rows_have_them(writer: Writer, papers: Stream) -> None:
    given = {
        'project': 7,
        'text': 'Ünïcode "quoted"\n\\ and \'more\'',
        'urgent': True,
        'due': date(2026, 2, 3),
        'price': Decimal('12.30'),
        'mood': Mood.WILD,
        'sent_at': datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
        'number': 2**30,
    }
    paper = writer.insert(papers, given)
    with writer.database.write() as session:
        stored = session.get_one(Paper, paper.id)
        stored.tags, stored.weight = {'a': [1, None, 'x']}, 0.1 + 0.2
    with writer.database.read() as session:
        row = papers.row(session, paper.id)
    assert row is not None
    writer.delete(papers, paper)
    deleted, updated, inserted = writer.history(papers, scope=7)
    assert dict(deleted.before) == row
    assert dict(updated.after) == {'tags': row['tags'], 'weight': row['weight']}
    assert dict(inserted.after) == {**row, 'tags': None, 'weight': 0.1}


def test_what_nobody_may_see_is_not_told_but_comes_back_with_a_deleted_row(writer: Writer, papers: Stream) -> None:
    paper = writer.insert(papers, {'project': 7, 'text': 'Buy milk'})
    with writer.database.write() as session:
        stored = session.get_one(Paper, paper.id)
        stored.secret, stored.picture, stored.weight = 'hidden', bytes(range(256)), 1 / 3
        stored.tags, stored.sent_at = [1.5, 'é'], datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
        stored.mood, stored.due = Mood.WILD, date(2026, 2, 3)
    with writer.database.write() as session:
        session.get_one(Paper, paper.id).secret = 'more hidden'
    with writer.database.read() as session:
        before = session.get_one(Paper, paper.id).model_dump()
    writer.delete(papers, paper)
    assert [change.action for change in writer.history(papers, scope=7)] == ['delete', 'update', 'insert']
    assert not any({'secret', 'picture'} & {*c.before, *c.after} for c in writer.history(papers, scope=7))
    writer.restore(papers, paper.id)
    with writer.database.read() as session:
        assert session.get_one(Paper, paper.id).model_dump() == before


def test_other_programs_are_noted_without_a_name(url: str, told: Told) -> None:
    insert(url, 1, 'Buy milk')
    execute(url, "UPDATE papers SET text = 'Buy oats', secret = 'x' WHERE id = 1")
    execute(url, "UPDATE papers SET secret = 'y' WHERE id = 1")
    execute(url, 'UPDATE papers SET id = 2 WHERE id = 1')
    execute(url, 'DELETE FROM papers')
    assert told('text') == [
        ('insert', 1, '', {}, {'text': 'Buy milk'}),
        ('update', 1, '', {'text': 'Buy milk'}, {'text': 'Buy oats'}),
        ('delete', 1, '', {'text': 'Buy oats'}, {}),
        ('insert', 2, '', {}, {'text': 'Buy oats'}),
        ('delete', 2, '', {'text': 'Buy oats'}, {}),
    ]


def test_rows_that_are_deleted_all_at_once_are_noted(url: str, database_kind: str, told: Told) -> None:
    insert(url, 1, 'Buy milk')
    insert(url, 2, 'Buy oats')
    execute(url, {'sqlite': 'DELETE FROM papers', 'postgresql': 'TRUNCATE papers'}[database_kind])
    assert sorted(told('text')[2:]) == [
        ('delete', 1, '', {'text': 'Buy milk'}, {}),
        ('delete', 2, '', {'text': 'Buy oats'}, {}),
    ]


def test_what_is_taken_back_leaves_nothing(writer: Writer, papers: Stream, told: Told) -> None:
    paper = writer.insert(papers, {'project': 7, 'text': 'Buy milk'}, author=Author('Ann'))

    @papers.rule
    def odd_rule(write: Write) -> None:
        write.session.connection().execute(text("UPDATE papers SET text = 'by SQL', urgent = true"))
        nested = write.session.begin_nested()
        write.session.connection().execute(text('UPDATE papers SET number = 5'))
        nested.rollback()
        write.session.refresh(write.row)
        if 'due' in write.values:
            write.refuse('No due date')

    with pytest.raises(RefusedWriteError, match='No due date'):
        writer.update(papers, paper, {'due': date(2026, 1, 1)}, author=Author('Bob'))
    assert len(told()) == 1
    writer.update(papers, paper, {'price': 2}, author=Author('Bob'))
    assert told('text', 'urgent', 'number', 'price')[1:] == [
        ('update', paper.id, 'Bob', {'text': 'Buy milk', 'urgent': False}, {'text': 'by SQL', 'urgent': True}),
        ('update', paper.id, 'Bob', {'price': '1.50'}, {'price': '2.00'}),
    ]


def test_of_two_users_who_write_at_the_same_time_none_is_taken_for_the_other(
    url: str, writer: Writer, papers: Stream
) -> None:
    def write(name: str) -> None:
        with closing(Database(url)) as database:
            database.install_change_log(papers.log_table)
            own = Writer(database)
            for number in range(20):
                row = own.insert(papers, {'project': 7, 'text': f'{name} {number}'}, author=Author(name))
                own.update(papers, row, {'urgent': True}, author=Author(name))

    def write_as_another_program() -> None:
        for number in range(20):
            insert(url, -number, ' ')

    threads = [threading.Thread(target=write, args=[name]) for name in ('Ann', 'Bob')]
    threads.append(threading.Thread(target=write_as_another_program))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = writer.history(papers, scope=7, limit=500)
    assert len(found) == 2 * 40 + 20
    with writer.database.read() as session:
        names = {row.id: row.text.split(' ')[0] for row in session.exec(select(Paper))}
    assert all(change.who == names[change.row_id] for change in found)


@pytest.mark.parametrize(
    ('user', 'who'),
    [
        ('Ann', 'Ann'),
        (SimpleNamespace(id=5, name='Ann'), 'Ann'),
        (SimpleNamespace(id=5), '5'),
        (7, '7'),
        ({'token': 'secret'}, ''),
        (None, ''),
        ('x' * 200, 'x' * 100),
        ('a\0b\ud800', 'a\ufffdb\ufffd'),
    ],
)
def test_a_user_is_noted_by_name_or_by_id(writer: Writer, papers: Stream, told: Told, user: Any, who: str) -> None:
    writer.insert(papers, {'project': 7, 'text': 'Buy milk'}, author=Author(user))
    assert told()[0][2] == who


def test_writes_of_browsers_and_those_with_a_key_are_noted_with_their_user(
    writer: Writer, papers: Stream, told: Told
) -> None:
    ann = Author('Ann')
    for _ in range(2):
        writer.insert(papers, {'project': 7, 'text': 'once'}, key='a', author=ann)
    with writer.database.write(ann.who) as session:
        record = QueueRecord(session, 'a' * 32, {'papers': papers}, ann)
        values = {'project': 7, 'text': 'by a browser'}
        for number, action in enumerate(('insert', 'delete', 'restore', 'delete')):
            write = {'sequence': number, 'stream': 'papers', 'action': action, 'id': 5}
            outcome = record.decide(QueuedWrite(**write, values=values if action == 'insert' else {}))
            assert outcome['state'] == 'done', outcome
        record.note()
    assert [noted[:3] for noted in told()] == [
        ('insert', 1, 'Ann'),
        *[(action, 5, 'Ann') for action in ('insert', 'delete', 'insert', 'delete')],
    ]
    with writer.database.read() as session:
        assert session.connection().scalar(text('SELECT count(*) FROM todosync_deleted_rows')) == 0
    with writer.database.write() as session:
        other = QueueRecord(session, 'b' * 32, {'papers': papers}, Author('Bob'))
        restore = QueuedWrite(sequence=1, stream='papers', action='restore', id=5)
        assert other.decide(restore)['state'] == 'done', 'also of what somebody else has deleted'


def test_a_row_that_moves_leaves_one_scope_and_enters_the_other(url: str, writer: Writer, told: Told) -> None:
    insert(url, 1, 'in 7')
    execute(url, "UPDATE papers SET project = 8, text = 'in 8' WHERE id = 1")
    execute(url, "UPDATE papers SET text = 'still in 8' WHERE id = 1")
    execute(url, 'DELETE FROM papers')
    assert told('text', 'project') == [
        ('insert', 1, '', {}, {'text': 'in 7', 'project': 7}),
        ('leave', 1, '', {'text': 'in 7', 'project': 7}, {}),
    ]
    assert told('text', 'project', scope=8, row=1) == [
        ('enter', 1, '', {}, {'text': 'in 8', 'project': 8}),
        ('update', 1, '', {'text': 'in 8'}, {'text': 'still in 8'}),
        ('delete', 1, '', {'text': 'still in 8', 'project': 8}, {}),
    ]
    assert told(scope=9) == []


def test_who_may_not_read_is_told_nothing_and_puts_nothing_back(writer: Writer, papers: Stream) -> None:
    of_8 = Author('Bob', lambda stream, scope: scope == 8)
    paper = writer.insert(papers, {'project': 7, 'text': 'Buy milk'})
    writer.update(papers, paper, {'text': 'Buy oats'})
    updated = writer.history(papers, scope=7)[0]
    assert writer.history(papers, paper, scope=7, author=of_8) == []
    assert writer.history(papers, paper, scope=8, author=of_8) == []
    with pytest.raises(RowGoneError):
        writer.restore(papers, updated, author=of_8)
    writer.delete(papers, paper)
    for what in (paper.id, writer.history(papers, scope=7)[0]):
        with pytest.raises(RefusedWriteError, match='deleted too long ago'):  # as of one that has never been there
            writer.restore(papers, what, author=of_8)
    with writer.database.read() as session:
        assert session.get(Paper, paper.id) is None


def test_a_change_is_put_back(writer: Writer, papers: Stream, told: Told) -> None:
    given = {'text': 'Buy milk', 'due': date(2026, 1, 2), 'price': Decimal('3.20'), 'mood': Mood.WILD}
    sent_at = datetime(2026, 1, 2, tzinfo=UTC)
    paper = writer.insert(papers, {'project': 7, **given, 'sent_at': sent_at})
    others = {'text': 'x', 'due': None, 'price': 1, 'mood': Mood.CALM, 'sent_at': None}
    writer.update(papers, paper, others)
    writer.update(papers, paper, {'text': 'y'})
    writer.delete(papers, paper)
    deleted, changed_text, changed, inserted = writer.history(papers, scope=7)
    assert writer.restore(papers, deleted, author=Author('Bob')).text == 'y'
    assert writer.restore(papers, changed_text, author=Author('Bob')).text == 'x'
    writer.restore(papers, changed)
    with writer.database.read() as session:
        found = session.get_one(Paper, paper.id).model_dump()
    assert {name: found[name] for name in given} == given
    assert found['sent_at'].replace(tzinfo=UTC) == sent_at
    with pytest.raises(RefusedWriteError, match='nothing here that can be put back'):
        writer.restore(papers, inserted)
    assert writer.restore(papers, deleted).text == 'Buy milk', 'it is there already, and stays as it is'
    assert [(action, who) for action, _, who, *_ in told()[4:]] == [
        ('insert', 'Bob'),
        ('update', 'Bob'),
        ('update', ''),
    ]


def test_rules_see_that_a_row_is_put_back(writer: Writer, papers: Stream) -> None:
    seen = []

    @papers.rule
    def look(write: Write) -> None:
        seen.append((write.action, write.row.text if write.row else '', write.user))
        if write.action == 'restore' and write.user == 'Eve':
            write.refuse('Not you')

    paper = writer.insert(papers, {'project': 7, 'text': 'Buy milk'})
    writer.delete(papers, paper)
    with pytest.raises(RefusedWriteError, match='Not you'):
        writer.restore(papers, paper, author=Author('Eve'))
    writer.restore(papers, paper, author=Author('Ann'))
    assert seen[-2:] == [('restore', 'Buy milk', 'Eve'), ('restore', 'Buy milk', 'Ann')]


def test_rows_with_uuids_and_scopes_that_are_uuids_have_a_history(url: str) -> None:
    leaves = Stream(Leaf, scope='tree_id', history=timedelta(days=1))
    leaves.writable('tree_id', 'name')
    oak, ash = uuid4(), uuid4()
    with closing(Database(url)) as database:
        database.install_change_log(leaves.log_table)
        writer = Writer(database)
        leaf = writer.insert(leaves, {'tree_id': oak, 'name': 'green'})
        writer.update(leaves, leaf, {'name': 'red'})
        writer.update(leaves, leaf, {'tree_id': ash})
        writer.delete(leaves, leaf)
        in_oak, in_ash = (writer.history(leaves, leaf, scope=str(tree)) for tree in (oak, ash))
        assert [(change.action, change.row_id) for change in in_oak] == [
            (action, str(leaf.id)) for action in ('leave', 'update', 'insert')
        ]
        assert dict(in_oak[-1].after) == {'id': str(leaf.id), 'tree_id': str(oak), 'name': 'green'}
        assert [change.action for change in in_ash] == ['delete', 'enter']
        assert writer.restore(leaves, str(leaf.id)).model_dump() == leaf.model_dump() | {'tree_id': ash, 'name': 'red'}


def test_history_is_read_in_parts(writer: Writer, papers: Stream) -> None:
    for number in range(5):
        writer.insert(papers, {'project': 7, 'text': str(number)})
        writer.insert(papers, {'project': 8, 'text': 'of another scope'})
    seen: list[Change] = []
    while part := writer.history(papers, scope=7, limit=2, before=seen[-1] if seen else None):
        assert len(part) <= 2
        seen += part
    assert [change.after['text'] for change in seen] == ['4', '3', '2', '1', '0']


def test_old_changes_are_forgotten_in_parts_and_none_else(
    url: str, writer: Writer, papers: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('todosync.writes.history.FORGET_AT_A_TIME', 2)
    for number in range(5):
        insert(url, number + 1, str(number))
    execute(url, "UPDATE todosync_history SET at = '2026-01-01 00:00:00.000000' WHERE id < 4")
    execute(
        url,
        'INSERT INTO todosync_history(stream, row_id, action, at) '
        "VALUES ('others', '1', 'insert', '2026-01-01 00:00:00.000000')",
    )
    forget_history(writer.database, papers, datetime(2026, 1, 2, tzinfo=UTC))
    assert [change.row_id for change in writer.history(papers, scope=7)] == [5, 4]
    with other_program(url) as connection:
        assert connection.scalar(text('SELECT count(*) FROM todosync_history')) == 3
    forget_history(writer.database, papers_stream(history=None), datetime.now(UTC))
    with other_program(url) as connection:
        assert connection.scalars(text('SELECT stream FROM todosync_history')).all() == ['others']


def test_nothing_is_made_where_nobody_asks_for_it(new_database: Callable[[], str]) -> None:
    stream = papers_stream(history=None)
    url = new_database()
    with closing(Database(url)) as database:
        database.install_change_log(stream.log_table)
        writer = Writer(database)
        writer.insert(stream, {'project': 7, 'text': 'Buy milk'}, author=Author('Ann'))
        forget_history(database, stream, datetime.now(UTC))
        with pytest.raises(ValueError, match=r"'papers' keeps no history; say for how long.*timedelta"):
            writer.history(stream, scope=7)
    with other_program(url) as connection:
        assert 'todosync_history' not in tables(connection)


def test_history_begins_and_ends_with_what_the_stream_says(url: str, writer: Writer, told: Told) -> None:
    without, with_ = papers_stream(history=None), papers_stream()
    insert(url, 1, 'noted')
    with closing(Database(url)) as next_release:
        next_release.install_change_log(without.log_table)
        assert next_release.has_change_log(without.log_table, exactly=True)
        insert(url, 2, 'not noted')
        assert [row for _, row, *_ in told()] == [1]
        next_release.install_change_log(with_.log_table)
        assert next_release.has_change_log(with_.log_table, exactly=True)
        assert next_release.has_change_log(without.log_table, exactly=False), 'a release that knows none is content'
    insert(url, 3, 'noted again')
    assert [row for _, row, *_ in told()] == [1, 3]


def test_a_field_that_is_added_later_is_noted_from_then_on(url: str, writer: Writer, papers: Stream) -> None:
    fewer = Stream(Paper, fields=('id', 'project', 'text'), scope='project', history=timedelta(days=1))
    with closing(Database(url)) as before:
        before.install_change_log(fewer.log_table)
    insert(url, 1, 'Buy milk')
    with closing(Database(url)) as after:
        after.install_change_log(papers.log_table)
    execute(url, 'UPDATE papers SET number = 5')
    updated, inserted = writer.history(papers, scope=7)
    assert (dict(inserted.after), dict(updated.after)) == (
        {'id': 1, 'project': 7, 'text': 'Buy milk'},
        {'number': 5},
    )


def test_a_migration_may_drop_a_column_that_is_noted(url: str, tmp_path: Path) -> None:
    def log_of(*names: str) -> LogTable:
        columns = [Column('id', Integer, primary_key=True), *(Column(name, String) for name in names)]
        history = HistoryTable('pads', ('id', *names))
        return LogTable(Table('pads', MetaData(), *columns), 'pads_changes', 'record_id', history=history)

    def migrate(*statements: str) -> None:
        for number, statement in enumerate(statements, 1):
            (tmp_path / 'versions' / f'{number}.py').write_text(MIGRATION.format(number, number - 1, statement))
        database.migrate()

    (tmp_path / 'versions').mkdir()
    (tmp_path / 'env.py').write_text(ENV)
    create = 'CREATE TABLE pads (id INTEGER PRIMARY KEY, text TEXT, colour TEXT)'
    with closing(Database(url, migrations=tmp_path)) as database:
        migrate(create)
        database.install_change_log(log_of('text', 'colour'))
        execute(url, "INSERT INTO pads VALUES (1, 'before', 'red')")
        migrate(create, 'ALTER TABLE pads DROP COLUMN colour')
        database.install_change_log(log_of('text'))
        execute(url, "UPDATE pads SET text = 'after'")
    with other_program(url) as connection:
        noted = connection.scalars(text('SELECT after FROM todosync_history ORDER BY id')).all()
    assert [json.loads(values) for values in noted] == [
        {'id': 1, 'text': 'before', 'colour': 'red'},
        {'text': 'after'},
    ]


def test_a_table_that_was_rebuilt_is_noted_again(url: str, database_kind: str, writer: Writer, papers: Stream) -> None:
    insert(url, 1, 'before')
    rebuild = {
        'sqlite': [
            'CREATE TABLE copy AS SELECT * FROM papers',
            'DROP TABLE papers',
            'ALTER TABLE copy RENAME TO papers',
        ],
        'postgresql': ['DROP TRIGGER papers_changes_history ON papers'],
    }[database_kind]
    for statement in rebuild:
        execute(url, statement)
    LogWatch(writer.database, [papers.log_table]).look()
    execute(url, "UPDATE papers SET text = 'after'")
    assert [(change.action, change.after['text']) for change in writer.history(papers, scope=7)] == [
        ('update', 'after'),
        ('insert', 'before'),
    ]


def test_a_database_that_is_put_back_from_before_there_was_a_history_gets_one(
    url: str, writer: Writer, papers: Stream
) -> None:
    if writer.database.has_change_log(papers.log_table, exactly=True):
        execute(url, 'DROP TABLE todosync_history')
    LogWatch(writer.database, [papers.log_table]).look()
    writer.insert(papers, {'project': 7, 'text': 'Buy milk'}, author=Author('Ann'))
    assert [change.who for change in writer.history(papers, scope=7)] == ['Ann']


def test_ten_thousand_rows_are_changed_at_once_by_another_program(url: str, writer: Writer, papers: Stream) -> None:
    with other_program(url) as connection:
        connection.execute(
            text(
                'INSERT INTO papers(id, project, text, urgent, price, mood, weight) '
                "VALUES (:id, 7, 'x', false, 1, 'CALM', 0.5)"
            ),
            [{'id': number} for number in range(1, 10_001)],
        )
    execute(url, "UPDATE papers SET text = 'y'")
    with other_program(url) as connection:
        query = "SELECT count(*) FROM todosync_history WHERE action = 'update'"
        assert connection.scalar(text(query)) == 10_000
    assert len(writer.history(papers, scope=7, limit=10**9)) == 500


@pytest.mark.parametrize('history', [90, timedelta(), timedelta(days=-1), True])
def test_what_is_no_time_is_refused(history: Any) -> None:
    with pytest.raises(ValueError, match=r"the stream 'papers' of the table 'papers' has .* as its `history`"):
        papers_stream(history=history)
