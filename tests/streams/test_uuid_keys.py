"""Rows whose keys are UUIDs, and scopes that are: read, ordered, written and put back, on each kind of database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Uuid
from sqlmodel import Field, SQLModel

from tests.databases import execute
from tests.streams.test_typed_rows import Copy
from todosync import RefusedWriteError, RowGoneError, Stream, count, new_uuid
from todosync.database.database import Database
from todosync.database.log_table import LogTable
from todosync.streams import Rights, Version, read_scope
from todosync.writes import Batch, Inbox, Writer, makes_ids

ROUNDS = 60


class Leaf(SQLModel, table=True):
    __tablename__ = 'uuid_leaves'

    id: UUID = Field(default_factory=new_uuid, primary_key=True)
    tree_id: UUID | None = None
    name: str = ''


class Twig(SQLModel, table=True):
    __tablename__ = 'uuid_twigs'

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    tree_id: UUID = Field(index=True)
    name: str = ''


LEAVES = Stream(Leaf, totals={'all': count()})
LEAVES.writable('name', 'tree_id')
TWIGS = Stream(Twig, order_by='name', scope='tree_id', totals={'all': count()})
TWIGS.writable('name', 'tree_id')


@pytest.fixture
def writer(database_url: str) -> Iterator[Writer]:
    database = Database(database_url)
    for stream in (LEAVES, TWIGS):
        database.install_change_log(stream.log_table)
    writer = Writer(database)
    writer.prepare()
    yield writer
    database.close()


def sql(value: UUID, kind: str) -> str:
    return f"'{value.hex if kind == 'sqlite' else value}'"


@pytest.mark.parametrize('order_by', ['-id', 'id', 'name'])
def test_a_copy_follows_inserts_updates_deletes_and_new_keys(database_url: str, order_by: str) -> None:
    stream, random = Stream(Leaf, order_by=order_by, totals={'all': count()}), Random(3)
    stream.writable('name', 'tree_id')
    database = Database(database_url)
    database.install_change_log(stream.log_table)
    writer, copy = Writer(database), Copy(stream, database)
    for _ in range(ROUNDS):
        rows = list(copy.replica.rows)
        if not rows or random.random() < 0.5:
            writer.insert(stream, {'name': str(random.randrange(5)), 'tree_id': random.choice([None, uuid4()])})
        elif random.random() < 0.5:
            writer.update(stream, random.choice(rows), {'name': str(random.randrange(5))})
        elif random.random() < 0.5:
            writer.delete(stream, random.choice(rows)['id'])
        else:
            with database.write() as session:
                session.get_one(Leaf, UUID(random.choice(rows)['id'])).id = uuid4()
        copy.follow()
        copy.should_agree()
    assert {str(UUID(row['id'])) for row in copy.replica.rows} == {row['id'] for row in copy.replica.rows}
    database.close()


def test_a_row_is_named_by_its_row_its_model_its_key_or_the_text_of_it(writer: Writer) -> None:
    leaf = writer.insert(LEAVES, {'name': 'a', 'tree_id': str(uuid4())})
    copy = Copy(LEAVES, writer.database)
    for name, row in enumerate((leaf, leaf.id, str(leaf.id), copy.replica.rows[0])):
        assert writer.update(LEAVES, row, {'name': str(name)}).id == leaf.id
    assert copy.replica.get(str(leaf.id)) is not None
    with pytest.raises(RowGoneError):
        writer.update(LEAVES, uuid4(), {'name': 'x'})
    for odd in ('none', 7):
        with pytest.raises(TypeError, match='is no row, and no id of one'):
            writer.update(LEAVES, odd, {'name': 'x'})
    with pytest.raises(RefusedWriteError, match='Tree id: '):
        writer.update(LEAVES, leaf, {'tree_id': 'none'})
    writer.delete(LEAVES, leaf.id)
    copy.follow()
    assert list(copy.replica.rows) == []


def test_another_program_writes_rows_and_an_odd_key_hides_no_others(
    writer: Writer, database_url: str, database_kind: str
) -> None:
    copy, first, second = Copy(LEAVES, writer.database), uuid4(), uuid4()
    for key in (first, second):
        execute(database_url, f"INSERT INTO uuid_leaves(id, name) VALUES ({sql(key, database_kind)}, 'a')")
    copy.follow()
    assert {row['id'] for row in copy.replica.rows} == {str(first), str(second)}
    execute(database_url, f'DELETE FROM uuid_leaves WHERE id = {sql(first, database_kind)}')
    copy.follow()
    copy.should_agree()
    if database_kind == 'sqlite':
        for odd in ("'one'", f"'{uuid4()}'", f"'{uuid4().hex.upper()}x'", "x'00'", '7'):
            execute(database_url, f"INSERT INTO uuid_leaves(id, name) VALUES ({odd}, 'odd')")
        with writer.database.read() as session:
            assert LEAVES.delta(session, copy.replica.version) is None, 'who asks gets all rows'
            assert [row['id'] for row in LEAVES.snapshot(session).rows] == [str(second)]
            assert len(LEAVES.left_out(session)) == 5


def batch(*writes: tuple[str, Any, dict[str, Any]], queue: str = 'a' * 32, first: int = 1) -> Batch:
    listed = [
        {'sequence': first + place, 'stream': 'uuid_leaves', 'action': action, 'id': row_id, 'values': values}
        for place, (action, row_id, values) in enumerate(writes)
    ]
    return Batch.model_validate({'queue': queue, 'writes': listed})


def test_a_browser_makes_the_key_and_what_it_deletes_can_be_put_back(writer: Writer) -> None:
    inbox = Inbox(writer, [LEAVES], may_write=lambda sid: True)
    assert makes_ids(LEAVES)
    assert makes_ids(TWIGS)
    key, tree = str(uuid4()), str(uuid4())

    async def send(sent: Batch) -> list[dict[str, Any]]:
        answer = await inbox.receive('leader', sent)
        assert answer['ok'], answer
        outcomes: list[dict[str, Any]] = answer['outcomes']
        return outcomes

    async def act() -> None:
        made = batch(('insert', key, {'name': 'a', 'tree_id': tree}), ('update', key, {'name': 'b'}))
        assert [outcome['state'] for outcome in await send(made)] == ['done', 'done']
        assert await send(made) == await send(made), 'it is done once'
        gone = batch(('delete', key, {}), ('restore', key, {}), first=3)
        assert [outcome['state'] for outcome in await send(gone)] == ['done', 'done']
        taken = batch(('insert', key, {'name': 'c'}), ('update', key, {'name': 'c'}), first=5)
        assert [outcome['state'] for outcome in await send(taken)] == ['taken', 'taken']
        [refused] = await send(batch(('insert', 7, {'name': 'c'}), first=7))
        assert refused['errors'] == ["7 is no id of the stream 'uuid_leaves'"]

    asyncio.run(act())
    assert Copy(LEAVES, writer.database).replica.rows[0] == {'id': key, 'tree_id': tree, 'name': 'b'}


KEY = UUID('0198c1a4-5f0e-7b3c-9d42-6a1b2c3d4e5f')


@pytest.mark.parametrize('odd', ['A' * 36, str(KEY).upper(), KEY.hex, f'{KEY} ', '', 2**53, 1.5, None])
def test_what_is_no_key_is_no_write(odd: Any) -> None:
    with pytest.raises(ValueError, match='validation error'):
        batch(('delete', odd, {}))


def test_a_scope_is_a_uuid_and_a_row_moves_from_one_to_the_other(writer: Writer) -> None:
    birch, oak = uuid4(), uuid4()
    twig = writer.insert(TWIGS, {'name': 'a', 'tree_id': birch})
    writer.insert(TWIGS, {'name': 'b', 'tree_id': str(oak)})
    scope = read_scope(TWIGS, birch)
    assert scope == read_scope(TWIGS, str(birch).upper()) == str(birch)
    with pytest.raises(ValueError, match=r"a scope of the stream 'uuid_twigs' is a UUID, a 'tree_id'; 7 is none"):
        read_scope(TWIGS, 7)
    with writer.database.read() as session:
        snapshot, whole = TWIGS.snapshot(session, scope), TWIGS.version(session)
        assert [row['name'] for row in snapshot.rows] == ['a']
        assert TWIGS.scope_of(session, str(twig.id)) == scope
    writer.update(TWIGS, twig, {'tree_id': oak})
    with writer.database.read() as session:
        deltas = TWIGS.deltas(session, whole)
        assert deltas is not None
        found = {delta.scope: ([row['id'] for row in delta.put], delta.deleted) for delta in deltas}
        assert found == {str(oak): ([str(twig.id)], []), str(birch): ([], [str(twig.id)])}
        delta = TWIGS.delta(session, snapshot.version, scope)
        assert delta is not None
        assert (delta.put, delta.deleted) == ([], [str(twig.id)])
        assert TWIGS.version(session, str(uuid4())) == Version(0, TWIGS.version(session, str(uuid4())).mark)


def test_rights_are_asked_for_a_uuid(writer: Writer) -> None:
    birch, asked = uuid4(), []

    def may_read(user: str, tree_id: UUID) -> bool:
        asked.append((user, tree_id))
        return True

    stream = Stream(Twig, order_by='name', scope='tree_id', may_read=may_read)
    assert Rights(lambda request: 'ann').may_read('ann', stream, str(birch))
    assert asked == [('ann', birch)]


def test_a_table_whose_ids_become_uuids_gets_another_change_log(writer: Writer, database_url: str) -> None:
    table = LEAVES.table
    other = LogTable(table, 'uuid_leaves_changes', 'record_id', is_keyed=False)
    writer.database.install_change_log(other)
    writer.database.install_change_log(LEAVES.log_table)
    copy = Copy(LEAVES, writer.database)
    writer.insert(LEAVES, {'name': 'a'})
    copy.follow()
    copy.should_agree()
    writer.database.forget_changes(LEAVES.log_table)


class Texts(SQLModel, table=True):
    __tablename__ = 'uuid_texts'

    id: str = Field(primary_key=True, sa_type=Uuid(as_uuid=False))


def test_keys_that_are_neither_numbers_nor_uuids_are_refused() -> None:
    with pytest.raises(ValueError, match='has no whole number or UUID `id` as its primary key; give its model'):
        Stream(Texts)
