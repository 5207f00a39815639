"""Rows that another program has written and that cannot be served are left out and named; the others are served."""

from __future__ import annotations

import enum
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import BigInteger, Column, Enum, Integer, String
from sqlmodel import Field, SQLModel

from tests.databases import execute
from todosync import RefusedWriteError, Settings, Stream, SyncServer, count, sql_now, total
from todosync.http.health import check_health
from todosync.streams.messages import Row
from todosync.streams.reading import CHUNK
from todosync.streams.replica import Replica


class State(enum.Enum):
    SENT = 'sent'
    LOST = 'lost'


class Parcel(SQLModel, table=True):
    __tablename__ = 'odd_parcels'

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, 'sqlite'), primary_key=True)
    )
    address: str
    note: str | None = None
    grams: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={'server_default': '0'})
    state: State = Field(
        default=State.SENT,
        sa_type=Enum(State, native_enum=False),  # type: ignore[arg-type]
        sa_column_kwargs={'server_default': 'SENT'},
    )
    price: float = Field(default=0.0, sa_column_kwargs={'server_default': '0'})
    sent_at: datetime = Field(default_factory=lambda: datetime.now(UTC), sa_column_kwargs={'server_default': sql_now()})


PARCELS = Stream(Parcel, order_by='address', totals={'all': count(), 'mass': total('grams')})
PARCELS.writable('note')
EVERYWHERE = {
    "9007199254740992, 'x', 0, 0, DEFAULT_TIME": 'id is a number that JavaScript cannot tell from others',
    "-9007199254740993, 'x', 0, 0, DEFAULT_TIME": 'id is a number that JavaScript cannot tell from others',
}
ON_SQLITE = EVERYWHERE | {
    "7, CAST(x'ff' AS TEXT), 0, 0, DEFAULT_TIME": 'address is text that is no UTF-8',
    "7, x'61', 0, 0, DEFAULT_TIME": 'address is no text',
    "7, 'x', 'many', 0, DEFAULT_TIME": 'grams is no whole number',
    "7, 'x', 1.5, 0, DEFAULT_TIME": 'grams is no whole number',
    "7, 'x', 0, 9e999, DEFAULT_TIME": 'price is no finite number',
    "7, 'x', 0, 0, 'tomorrow'": 'sent_at is no time of the years 1 to 9999',
    "7, 'x', 0, 0, '2026-13-45 10:00:00'": 'sent_at is no time of the years 1 to 9999',
    "7, 'x', 0, 0, x'00'": 'sent_at is no time of the years 1 to 9999',
}
ON_POSTGRESQL = EVERYWHERE | {
    "7, 'x', 0, 'NaN', DEFAULT_TIME": 'price is no finite number',
    "7, 'x', 0, '-Infinity', DEFAULT_TIME": 'price is no finite number',
    "7, 'x', 0, 0, 'infinity'": 'sent_at is no time of the years 1 to 9999',
    "7, 'x', 0, 0, '10000-01-01 00:00:00+00'": 'sent_at is no time of the years 1 to 9999',
    "7, 'x', 0, 0, '0044-03-15 12:00:00+00 BC'": 'sent_at is no time of the years 1 to 9999',
}
NOW = {'sqlite': "'2026-01-01 00:00:00'", 'postgresql': 'now()'}


@pytest.fixture
def server(database_url: str) -> Iterator[SyncServer]:
    """A server of parcels whose database is open."""
    server = SyncServer(Settings(database_url=database_url), [PARCELS])
    server.database.install_change_log(PARCELS.log_table)
    yield server
    server.database.close()


def add(url: str, values: str) -> None:
    now = NOW['sqlite' if url.startswith('sqlite') else 'postgresql']
    columns = 'id, address, grams, price, sent_at'
    execute(url, f'INSERT INTO odd_parcels({columns}) VALUES ({values.replace("DEFAULT_TIME", now)})')


def addresses(server: SyncServer) -> list[str]:
    with server.database.read() as session:
        return [row['address'] for row in PARCELS.snapshot(session).rows]


def on_up(server: SyncServer) -> list[str]:
    """Return what /up says of the parcels that are left out, once it has looked at all of them."""
    server.left_out.rows(timeout=60)
    return list(check_health(server)[1].get('rows', {}).get('left_out', {}).get('odd_parcels', []))


def test_a_word_that_is_not_in_an_enum_is_told_with_those_that_are(
    server: SyncServer, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    add(database_url, "1, 'x', 0, 0, DEFAULT_TIME")
    execute(database_url, "UPDATE odd_parcels SET state = 'sent' WHERE id = 1")
    assert addresses(server) == []
    assert 'state is none of the words that its column keeps: SENT, LOST' in caplog.text


@pytest.mark.parametrize('case', range(max(len(ON_SQLITE), len(ON_POSTGRESQL))))
def test_a_row_that_cannot_be_served_is_left_out_named_and_shows_when_it_is_corrected(
    server: SyncServer, database_url: str, database_kind: str, case: int, caplog: pytest.LogCaptureFixture
) -> None:
    cases = list((ON_SQLITE if database_kind == 'sqlite' else ON_POSTGRESQL).items())
    if case >= len(cases):
        pytest.skip('the other database takes more of what cannot be served')
    values, reason = cases[case]
    add(database_url, "1, 'before', 5, 0, DEFAULT_TIME")
    assert (addresses(server), on_up(server)) == (['before'], [])
    with server.database.read() as session:
        version = PARCELS.version(session)
    add(database_url, values)
    add(database_url, "9, 'later', 6, 0, DEFAULT_TIME")
    with server.database.read() as session:
        delta = PARCELS.delta(session, version)
        snapshot = PARCELS.snapshot(session)
    assert delta is not None
    assert [row['address'] for row in delta.put] == ['later']
    assert [row['address'] for row in snapshot.rows] == ['before', 'later']
    assert snapshot.totals == {'all': 2, 'mass': 11}
    row_id = values.partition(',')[0]
    (named,) = on_up(server)
    assert named.startswith(f'row {row_id}: {reason}')
    assert addresses(server) == ['before', 'later']
    logged = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage().partition(': ')[0] for record in logged] == [
        f'the row {row_id} of the stream odd_parcels cannot be shown'
    ]
    now = NOW[database_kind]
    corrected = f"id = 7, address = 'corrected', grams = 1, price = 0, sent_at = {now}"
    execute(database_url, f'UPDATE odd_parcels SET {corrected} WHERE id = {row_id}')
    with server.database.read() as session:
        delta = PARCELS.delta(session, version)
    assert delta is not None
    assert sorted(row['address'] for row in delta.put) == ['corrected', 'later']
    assert (addresses(server), on_up(server)) == (['before', 'corrected', 'later'], [])


@pytest.mark.parametrize('case', range(max(len(ON_SQLITE), len(ON_POSTGRESQL))))
def test_such_a_row_cannot_be_written_either_and_the_reason_is_said(
    server: SyncServer, database_url: str, database_kind: str, case: int
) -> None:
    cases = list((ON_SQLITE if database_kind == 'sqlite' else ON_POSTGRESQL).items())
    if case >= len(cases):
        pytest.skip('the other database takes more of what cannot be served')
    values, reason = cases[case]
    row_id = int(values.partition(',')[0])
    add(database_url, values)
    expected = 'There is no parcel' if reason.startswith('id ') else 'The parcel 7 is not shown and cannot be changed'
    for write in (
        lambda: server.writer.update(PARCELS, row_id, {'note': 'x'}),
        lambda: server.writer.delete(PARCELS, row_id),
    ):
        with pytest.raises(RefusedWriteError, match=expected):
            write()
    assert len(on_up(server)) == 1


def test_among_many_rows_those_that_cannot_be_served_are_found(server: SyncServer, database_url: str) -> None:
    largest = 2**53
    rows = [{'id': number, 'address': f'{number:05}'} for number in range(1, 3 * CHUNK)]
    rows += [{'id': largest + number, 'address': '00000'} for number in range(25)]
    execute(database_url, 'INSERT INTO odd_parcels(id, address) VALUES (:id, :address)', *rows)
    assert addresses(server) == [f'{number:05}' for number in range(1, 3 * CHUNK)]
    named = on_up(server)
    assert (len(named), named[-1]) == (11, 'and 15 more')
    execute(database_url, f'DELETE FROM odd_parcels WHERE id >= {largest}')
    assert on_up(server) == []


def test_a_row_that_may_be_empty_is_served(server: SyncServer, database_url: str) -> None:
    execute(database_url, "INSERT INTO odd_parcels(id, address, note) VALUES (1, 'a', NULL), (2, 'b', 'c')")
    with server.database.read() as session:
        rows: list[Row] = PARCELS.snapshot(session).rows
    assert [row['note'] for row in rows] == [None, 'c']
    assert on_up(server) == []


def test_a_process_whose_rows_are_all_served_is_not_degraded_and_one_that_leaves_some_out_is(
    server: SyncServer, database_url: str
) -> None:
    server.is_started = True
    assert check_health(server)[1]['status'] == 'ok'
    add(database_url, next(iter(EVERYWHERE)))
    healthy, report = check_health(server)
    assert (healthy, report['status']) == (True, 'degraded')


def test_text_is_ordered_by_its_code_points_in_the_database_and_in_a_replica(
    server: SyncServer, database_url: str
) -> None:
    texts = ['Z', 'a', 'É', 'z', 'ß', '\U0001f95b', '\uffee', 'aa', '\uff41', 'Ab', 'é', '-a', ' a', '_']
    rows = [{'id': number, 'address': address} for number, address in enumerate(texts, start=1)]
    execute(database_url, 'INSERT INTO odd_parcels(id, address) VALUES (:id, :address)', *rows)
    assert addresses(server) == sorted(texts)
    replica = Replica(PARCELS)
    with server.database.read() as session:
        snapshot = PARCELS.snapshot(session)
    replica.reset(snapshot.version, snapshot.rows)
    assert [row['address'] for row in replica.rows] == sorted(texts)


def test_a_collation_of_a_column_does_not_change_the_order(database_url: str) -> None:
    class Word(SQLModel, table=True):
        __tablename__ = 'odd_words'

        id: int | None = Field(default=None, primary_key=True)
        text: str = Field(sa_type=String(collation='NOCASE' if database_url.startswith('sqlite') else 'en-x-icu'))

    words = Stream(Word, order_by='-text')
    server = SyncServer(Settings(database_url=database_url), [words])
    server.database.install_change_log(words.log_table)
    with server.database.write() as session:
        session.add_all([Word(text=text) for text in ('b', 'A', 'a', 'B')])
    with server.database.read() as session:
        assert [row['text'] for row in words.snapshot(session).rows] == ['b', 'a', 'B', 'A']
    server.database.close()
    SQLModel.metadata.remove(SQLModel.metadata.tables['odd_words'])


def test_an_id_that_is_no_number_ends_no_broadcast(tmp_path: Path) -> None:
    class Label(SQLModel, table=True):
        __tablename__ = 'odd_labels'

        id: int = Field(sa_column=Column(BigInteger, primary_key=True))  # no alias of the rowid: SQLite takes any value
        text: str

    labels = Stream(Label)
    url = f'sqlite:///{tmp_path}/labels.sqlite3'
    server = SyncServer(Settings(database_url=url), [labels])
    server.database.install_change_log(labels.log_table)
    execute(url, "INSERT INTO odd_labels(id, text) VALUES (1, 'one')")
    with server.database.read() as session:
        version = labels.version(session)
        assert labels.left_out(session) == {}
    execute(url, "INSERT INTO odd_labels(id, text) VALUES ('a', 'odd'), (2, 'two')")
    with server.database.read() as session:
        delta = labels.delta(session, version)
        assert [row['text'] for row in labels.snapshot(session).rows] == ['two', 'one']
    assert delta is not None
    assert [row['text'] for row in delta.put] == ['two']
    server.database.close()
    SQLModel.metadata.remove(SQLModel.metadata.tables['odd_labels'])
