"""Rows of every type that a table may have: what is read, ordered, added up and written, on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from random import Random
from typing import Any

import orjson
import pytest
from sqlalchemy import JSON, BigInteger, Column, Integer
from sqlmodel import Field, SQLModel

from tests.databases import execute
from todosync import RefusedWriteError, Stream, count, total
from todosync.database.database import Database
from todosync.streams import Delta, Replica
from todosync.writes import Writer, shown_defaults


class Kind(StrEnum):
    FOOD = 'food'
    RENT = 'rent'


class Expense(SQLModel, table=True):
    __tablename__ = 'typed_expenses'

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, 'sqlite'), primary_key=True)
    )
    price: Decimal = Field(default=Decimal(0), max_digits=15, decimal_places=2)
    discount: Decimal | None = Field(default=None, max_digits=6, decimal_places=3)
    day: date = date(2026, 1, 2)
    at: time | None = None
    noted_at: datetime | None = None
    kind: Kind = Kind.FOOD
    tags: list[str] | None = Field(default=None, sa_column=Column(JSON))


FIELDS = 'price', 'discount', 'day', 'at', 'noted_at', 'kind', 'tags'


def make_stream(order_by: str = '-price') -> Stream:
    stream = Stream(
        Expense,
        order_by=order_by,
        totals={'all': count(), 'spent': total('price'), 'paid': count('price'), 'saved': total('discount')},
        texts={'summary': '{spent} spent, {spent - saved} with discount'},
    )
    stream.writable(*FIELDS)
    return stream


@pytest.fixture
def stream() -> Stream:
    return make_stream()


@pytest.fixture
def writer(database_url: str, stream: Stream) -> Iterator[Writer]:
    database = Database(database_url)
    database.install_change_log(stream.log_table)
    yield Writer(database)
    database.close()


class Copy:
    """A process's copy that is kept up to date by deltas only, as they travel."""

    def __init__(self, stream: Stream, database: Database) -> None:
        self._stream, self._database = stream, database
        self.replica = Replica(stream)
        with database.read() as session:
            snapshot = stream.snapshot(session)
        self.replica.reset(snapshot.version, orjson.loads(orjson.dumps(snapshot.rows)))

    def follow(self) -> None:
        with self._database.read() as session:
            delta = self._stream.delta(session, self.replica.version)
        assert delta is not None
        travelled = Delta.from_message(orjson.loads(orjson.dumps(delta.message())))
        assert travelled is not None
        assert self.replica.apply(travelled)

    def should_agree(self) -> None:
        with self._database.read() as session:
            snapshot = self._stream.snapshot(session)
        read = orjson.loads(orjson.dumps(snapshot.message()))
        assert list(self.replica.rows) == read[self._stream.name]
        assert orjson.loads(orjson.dumps(self.replica.totals)) == read['totals']


def test_a_row_holds_each_type_as_a_json_value(writer: Writer, stream: Stream) -> None:
    values: dict[str, Any] = {
        'price': Decimal('1234567890123.45'),
        'discount': Decimal('-0.5'),
        'day': date(2026, 2, 3),
        'at': time(10, 30),
        'noted_at': datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
        'kind': Kind.RENT,
        'tags': ['a', 'ä'],
    }
    row = writer.insert(stream, values)
    copy = Copy(stream, writer.database)
    shown = {
        'id': row.id,
        'price': '1234567890123.45',
        'discount': '-0.500',
        'day': '2026-02-03',
        'at': '10:30:00',
        'noted_at': '2026-02-03T04:05:06.000000Z',
        'kind': 'rent',
        'tags': ['a', 'ä'],
    }
    assert list(copy.replica.rows) == [shown]
    assert {name: stream.told(name, value) for name, value in values.items()} | {'id': row.id} == shown
    assert {name: stream.told(name, value) for name, value in shown.items()} == shown
    writer.update(stream, row, {name: shown[name] for name in FIELDS})  # what a row holds can be written
    writer.update(stream, row, orjson.dumps({name: shown[name] for name in FIELDS}))
    copy.follow()
    assert list(copy.replica.rows) == [shown]
    writer.update(stream, row, {'discount': None, 'at': None, 'noted_at': None, 'tags': None})
    copy.follow()
    assert copy.replica.rows[0] | {'discount': None, 'at': None, 'noted_at': None, 'tags': None} == copy.replica.rows[0]
    copy.should_agree()


@pytest.mark.parametrize('order_by', ['-price', 'price', 'day', '-day'])
def test_decimals_and_dates_are_ordered_by_what_they_are(database_url: str, order_by: str) -> None:
    stream, random = make_stream(order_by), Random(7)
    database = Database(database_url)
    database.install_change_log(stream.log_table)
    writer, copy = Writer(database), Copy(stream, database)
    prices = [Decimal(random.randrange(-(10**digits), 10**digits)).scaleb(-2) for digits in range(1, 15)] * 3
    for price in prices:
        writer.insert(stream, {'price': price, 'day': date(2026, 1, random.randrange(1, 28))})
        copy.follow()
    for row in list(copy.replica.rows)[::3]:
        writer.update(stream, row, {'price': random.choice(prices)})
        copy.follow()
    copy.should_agree()
    field = order_by.removeprefix('-')
    found = [Decimal(row[field]) if field == 'price' else row[field] for row in copy.replica.rows]
    assert found == sorted(found, reverse=order_by.startswith('-'))
    database.close()


def test_a_total_of_decimals_is_exact_whatever_comes_and_goes(writer: Writer, stream: Stream) -> None:
    copy = Copy(stream, writer.database)
    assert copy.replica.totals == {
        'all': 0,
        'spent': '0.00',
        'paid': 0,
        'saved': '0.000',
        'summary': '0.00 spent, 0.000 with discount',
    }
    cents = [10, 20, 70, 0, 110, 220, 330, 10**14 + 1]
    rows = [writer.insert(stream, {'price': Decimal(cent).scaleb(-2), 'discount': Decimal('0.1')}) for cent in cents]
    copy.follow()
    assert copy.replica.totals == {
        'all': 8,
        'spent': '1000000000007.61',
        'paid': 7,
        'saved': '0.800',
        'summary': '1000000000007.61 spent, 1000000000006.810 with discount',
    }
    copy.should_agree()
    for row in rows:
        writer.delete(stream, row)
    copy.follow()
    assert copy.replica.totals['spent'] == '0.00'
    copy.should_agree()


def test_what_another_program_writes_is_shown_as_what_it_means(
    writer: Writer, stream: Stream, database_url: str, database_kind: str
) -> None:
    copy = Copy(stream, writer.database)
    insert = "INSERT INTO typed_expenses(price, day, kind) VALUES ({}, '2026-01-02', 'FOOD')"
    for price in ('7', '0.1', "'2.50'", '-0.0', '1e3'):
        execute(database_url, insert.format(price))
    copy.follow()
    assert [row['price'] for row in copy.replica.rows] == ['1000.00', '7.00', '2.50', '0.10', '0.00']
    odd = ["'many'", "x'31'", '1e15', '9e999'] if database_kind == 'sqlite' else ["'NaN'"]
    for price in odd:
        execute(database_url, insert.format(price))
    copy.follow()
    assert len(copy.replica.rows) == 5
    copy.should_agree()
    with writer.database.read() as session:
        assert set(stream.left_out(session).values()) == {'price is no number of at most 15 digits'}


@pytest.mark.parametrize(
    ('values', 'sentence'),
    [
        ({'price': '1.005'}, 'Price has too many decimals (maximum is 2)'),
        ({'price': 'much'}, 'Price must be a number'),
        ({'price': 'NaN'}, 'Price must be a number'),
        ({'price': '12345678901234'}, 'Price has too many digits'),
        ({'price': True}, 'Price must be a number'),
        ({'day': 'tomorrow'}, 'Day must be a date'),
        ({'day': 5}, 'Day must be a date'),
        ({'at': 'noon'}, 'At must be a time of day'),
    ],
)
def test_what_is_no_value_of_the_type_is_refused_in_words(
    writer: Writer, stream: Stream, values: dict[str, Any], sentence: str
) -> None:
    for given in (values, orjson.dumps(values)):
        with pytest.raises(RefusedWriteError) as refused:
            writer.insert(stream, given)
        assert refused.value.errors == [sentence]


def test_a_new_row_shows_its_defaults_as_rows_hold_them(stream: Stream) -> None:
    defaults = shown_defaults(stream)
    assert (defaults['price'], defaults['day'], defaults['kind'], defaults['tags']) == (
        '0.00',
        '2026-01-02',
        'food',
        None,
    )


def test_a_verb_shows_values_of_python(stream: Stream) -> None:
    @stream.verb(shows={'price': Decimal(5), 'day': date(2026, 3, 4), 'kind': Kind.RENT})
    def reset(session: object, expense: Expense) -> None:
        """Do nothing."""

    assert stream.declared.shows['reset'] == {'price': '5.00', 'day': '2026-03-04', 'kind': 'rent'}
