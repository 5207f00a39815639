"""A stream that cannot work is refused when it is made, by a sentence that says what to do."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from sqlalchemy import JSON, Column, Time
from sqlmodel import Field, SQLModel

from todosync import Settings, Stream, SyncServer, count, total


class Kind(Enum):
    BIG = 'big'
    SMALL = 'small'


class Parcel(SQLModel, table=True):
    __tablename__ = 'parcels'

    id: int | None = Field(default=None, primary_key=True)
    address: str
    grams: int = 0


class Label(SQLModel, table=True):
    __tablename__ = 'labels'

    id: str = Field(primary_key=True)


class Shelf(SQLModel, table=True):
    __tablename__ = 'shelves'

    number: int = Field(primary_key=True)


class Form(SQLModel):
    id: int
    address: str


def refusal(model: type[SQLModel], **options: Any) -> str:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the message is compared
        Stream(model, **options)
    return str(refused.value)


def test_a_stream_without_any_options_is_fine() -> None:
    assert Stream(Parcel).fields == ('id', 'address', 'grams')


def test_a_field_that_is_no_column_is_refused() -> None:
    assert refusal(Parcel, fields=('id', 'adress')) == (
        "the stream 'parcels' of the table 'parcels' has no column 'adress'; name columns of the model in `fields`; "
        "did you mean 'address'?"
    )


def test_an_order_by_what_is_no_column_is_refused() -> None:
    assert refusal(Parcel, order_by='-weight', name='heavy') == (
        "the stream 'heavy' of the table 'parcels' has no column 'weight', in `order_by`; name a column of the model"
    )


def test_a_total_of_what_is_no_column_is_refused() -> None:
    assert refusal(Parcel, totals={'sent': count('is_sent')}) == (
        "the stream 'parcels' of the table 'parcels' has no column 'is_sent', in the total 'sent'; "
        'name a column of the model'
    )


@pytest.mark.parametrize(('model', 'order_by'), [(Label, 'id'), (Shelf, 'number')])
def test_a_table_without_an_id_of_numbers_or_uuids_is_refused(model: type[SQLModel], order_by: str) -> None:
    assert refusal(model, order_by=order_by).endswith(
        'has no whole number or UUID `id` as its primary key; '
        'give its model `id: int | None = Field(default=None, primary_key=True)`, '
        'or `id: UUID = Field(default_factory=new_uuid, primary_key=True)`'
    )


@pytest.mark.parametrize(
    ('options', 'need'),
    [
        ({'fields': ('address',)}, "'id', as the key of its rows"),
        ({'fields': ('id', 'address'), 'order_by': 'grams'}, "'grams', in `order_by`"),
        (
            {'fields': ('id', 'address'), 'totals': {'n': count(), 'mass': total('grams')}},
            "'grams', in the total 'mass'",
        ),
    ],
)
def test_what_the_list_and_its_totals_are_made_of_has_to_travel(options: dict[str, Any], need: str) -> None:
    assert refusal(Parcel, **options) == (
        f"the stream 'parcels' of the table 'parcels' needs the field {need}; add it to `fields`"
    )


def test_a_model_without_a_table_is_refused() -> None:
    assert refusal(Form) == 'the model Form has no table; declare it as `class Form(SQLModel, table=True)`'
    assert 'has no table; declare it as' in refusal('parcels')


def test_two_streams_of_one_name_are_refused_by_setup() -> None:
    with pytest.raises(ValueError, match='have the name') as refused:
        SyncServer(Settings(), [Stream(Parcel), Stream(Parcel, order_by='address')])
    assert str(refused.value) == (
        "two streams, of the tables 'parcels' and 'parcels', have the name 'parcels'; give one of them another `name`"
    )


class Crate(SQLModel, table=True):
    __tablename__ = 'crates'

    id: int | None = Field(default=None, primary_key=True)
    label: str
    shelf: int | None = None
    kind: Kind = Kind.BIG
    tags: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    photo: bytes = b''
    price: Decimal = Decimal(0)
    opened_at: time | None = Field(default=None, sa_column=Column(Time(timezone=True)))
    mass: Decimal = Field(default=Decimal(0), max_digits=16, decimal_places=3)


SERVED = ('id', 'label', 'shelf', 'kind', 'tags')


def test_an_order_by_what_may_be_missing_is_refused() -> None:
    assert refusal(Crate, order_by='shelf', fields=SERVED) == (
        "the stream 'crates' of the table 'crates' cannot be ordered by 'shelf', which may be NULL; "
        'declare it without `None`, and with a default for the rows that are there'
    )


@pytest.mark.parametrize('order_by', ['kind', '-tags'])
def test_an_order_by_what_has_none_is_refused(order_by: str) -> None:
    assert refusal(Crate, order_by=order_by, fields=SERVED) == (
        f"the stream 'crates' of the table 'crates' cannot be ordered by {order_by.removeprefix('-')!r}, whose values "
        'have no order in all tabs; order by a number, a text, a time, a date or a boolean'
    )


def test_a_field_that_no_message_can_carry_is_refused() -> None:
    assert refusal(Crate, fields=(*SERVED, 'photo')) == (
        "the stream 'crates' of the table 'crates' cannot carry the field 'photo', which is no JSON value; "
        'leave it out of `fields`'
    )


def test_a_time_of_day_with_a_time_zone_is_refused() -> None:
    assert refusal(Crate, fields=(*SERVED, 'opened_at')) == (
        "the stream 'crates' of the table 'crates' cannot carry the field 'opened_at', a time of day with a time zone; "
        'declare it without `timezone`, or leave it out of `fields`'
    )


@pytest.mark.parametrize('field', ['price', 'mass'])
def test_decimals_that_no_database_must_keep_exactly_are_refused(field: str) -> None:
    assert refusal(Crate, fields=(*SERVED, field)) == (
        f"the stream 'crates' of the table 'crates' cannot carry the field {field!r} exactly, whose decimals "
        'have no limit, or more than 15 digits; declare it with `Field(max_digits=12, decimal_places=2)`, or up to '
        '15 digits'
    )


def test_a_sum_of_what_is_no_number_is_refused() -> None:
    assert refusal(Crate, fields=SERVED, totals={'weight': total('label')}) == (
        "the stream 'crates' of the table 'crates' cannot add up 'label' in the total 'weight'; "
        'name a column of whole numbers or decimals, or count it'
    )
