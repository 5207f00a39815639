"""What is refused where a stream is declared: each refusal is a sentence with the stream, the field and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    String,
    Time,
    Uuid,
)

from .columns import DECIMAL_DIGITS, is_own, is_uuid, plain_type, scale_of
from .texts import Plural, names_in
from .totals import Total

if TYPE_CHECKING:
    from .stream import Stream

ORDERED_TYPES = Boolean, Date, DateTime, Float, Integer, Numeric, String, Time, Uuid
"""The types whose values databases, Python and JavaScript bring into the same order."""
UNSERVABLE_TYPES = Interval, LargeBinary


def refuse(stream: Stream, problem: str, remedy: str) -> NoReturn:
    """Refuse what a stream was given.

    :param stream: the stream
    :param problem: what is wrong; the sentence goes on from the name of the stream
    :param remedy: what to do
    :raises ValueError: always
    """
    table = str(stream.table.name)
    raise ValueError(f'the stream {stream.name or table!r} of the table {table!r} {problem}; {remedy}')


def unknown(stream: Stream, kind: str, name: str, known: Iterable[str]) -> str:
    """Return the sentence for a name that a stream does not have.

    :param stream: the stream
    :param kind: what the name should be one of, such as ``field``
    :param name: the name
    :param known: the names that the stream has
    """
    known = list(known)
    has = ', '.join(map(repr, known)) or 'none'
    return f'the stream {stream.name!r} has no {kind} {name!r}; it has {has}{nearest(name, known)}'


def nearest(name: str, known: Iterable[str]) -> str:
    """Return which of the known names is most like a wrong one, as the end of a sentence; empty if none is like it."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return f'; did you mean {found[0]!r}?' if found else ''


def check_kinds(stream: Stream) -> None:
    """Refuse parameters of another kind than the stream takes, before anything else is done with them.

    :raises ValueError: one is of another kind; the message names the stream, the parameter and the remedy
    """
    for name in ('order_by', 'name', 'change_log', 'change_key'):
        if not isinstance(given := getattr(stream, name), str):
            also = '; rows with the same value are ordered by `id`' if name == 'order_by' else ''
            refuse(stream, f'has {given!r} as its `{name}`, which is no text', f'give one name as a text{also}')
    if not isinstance(stream.fields, (tuple, list)) or not all(isinstance(name, str) for name in stream.fields):
        refuse(stream, f'has {stream.fields!r} as its `fields`', "give the names of columns, as in ('id', 'text')")
    if stream.history is not None and not (isinstance(stream.history, timedelta) and stream.history > timedelta()):
        refuse(stream, f'has {stream.history!r} as its `history`, which is no time', 'give a `timedelta` of some days')
    if not isinstance(stream.totals, Mapping):
        refuse(stream, f'has {stream.totals!r} as its `totals`', "give totals by name, as in {'all': count()}")
    for name, kind in stream.totals.items():
        if not isinstance(kind, Total):
            refuse(stream, f'has {kind!r} as the total {name!r}', 'make totals by count() or total()')
    if callable(stream.texts):
        return
    are_texts = isinstance(stream.texts, Mapping) and all(isinstance(t, str | Plural) for t in stream.texts.values())
    if not are_texts:
        remedy = "give texts by name, as in {'summary': '{all} notes'}"
        refuse(stream, f'has {stream.texts!r} as its `texts`, which are no texts', remedy)


def check_declaration(stream: Stream) -> None:
    """Refuse a stream that cannot work as it is declared.

    :raises ValueError: it cannot; the message names the stream, the field and the remedy
    """
    columns = stream.table.columns
    known = list(columns.keys())
    if missing := [name for name in stream.fields if name not in columns]:
        remedy = f'name columns of the model in `fields`{nearest(missing[0], known)}'
        refuse(stream, f'has no column {missing[0]!r}', remedy)
    if [column.key for column in stream.table.primary_key] != ['id'] or not (
        isinstance(plain_type(columns['id']), Integer) or is_uuid(columns['id'])
    ):
        remedy = 'give its model `id: int | None = Field(default=None, primary_key=True)`'
        also = '`id: UUID = Field(default_factory=new_uuid, primary_key=True)`'
        refuse(stream, 'has no whole number or UUID `id` as its primary key', f'{remedy}, or {also}')
    for what, name in (('name', stream.name), ('table', str(stream.table.name)), ('change log', stream.change_log)):
        if not name.isidentifier():
            refuse(stream, f'has a {what} {name!r} that triggers cannot name', 'use letters, digits and underscores')
    used = {stream.order_field: 'in `order_by`', 'id': 'as the key of its rows'}
    used |= {total.field: f'in the total {name!r}' for name, total in stream.totals.items() if total.field}
    for name, use in used.items():
        if name not in columns:
            refuse(stream, f'has no column {name!r}, {use}', f'name a column of the model{nearest(name, known)}')
        if name not in stream.fields:
            refuse(stream, f'needs the field {name!r}, {use}', 'add it to `fields`')
    for name in stream.fields:
        _check_type(stream, columns[name])
    for name, kind in stream.totals.items():
        if kind.is_sum and not isinstance(plain_type(columns[kind.field]), (Integer, Numeric, Float, Boolean)):
            remedy = 'name a column of whole numbers or decimals, or count it'
            refuse(stream, f'cannot add up {kind.field!r} in the total {name!r}', remedy)
    _check_places(stream)
    _check_order(stream, columns[stream.order_field])


def check_writable(stream: Stream, fields: Iterable[str]) -> None:
    """Refuse fields that cannot be written.

    :raises ValueError: one cannot; the message names the stream, the field and the remedy
    """
    known = [name for name in stream.table.columns.keys() if name in stream.model.model_fields]  # noqa: SIM118
    for name in fields:
        if not isinstance(name, str):
            refuse(stream, f'has {name!r} in `writable`', "give names one by one, as in writable('text', 'urgent')")
        if name not in known:
            remedy = f'name columns of the model in `writable`{nearest(name, known)}'
            refuse(stream, f'has no column {name!r} to be written', remedy)
        if name == 'id':
            refuse(stream, 'has an `id` that nobody may write', 'leave it out of `writable`')


def check_texts(stream: Stream) -> None:
    """Refuse a function of texts that cannot make them of the totals of an empty list.

    This is not done where the stream is declared, since its texts may be made by a function that the module defines
    after it.

    :raises ValueError: they cannot; the message names the stream, the total and the remedy
    """
    if not callable(stream.texts):
        return
    totals = stream.total(())
    try:
        texts = stream.texts(totals)
    except KeyError as error:
        [name] = error.args or ('',)
        if name in totals:
            raise
        raise ValueError(f'{unknown(stream, "total", str(name), totals)} (in its `texts`)') from None
    except Exception as error:
        said = f'{type(error).__name__}: {error}'
        raise ValueError(f'the stream {stream.name!r} cannot make the `texts` of an empty list ({said})') from error
    if not isinstance(texts, Mapping):
        refuse(stream, f'has `texts` that return {texts!r}', "return texts by name, as in {'summary': ...}")


def _check_type(stream: Stream, source: Column[Any]) -> None:
    held = plain_type(source)
    is_decimal = isinstance(held, Numeric) and held.asdecimal
    if isinstance(held, UNSERVABLE_TYPES) or (is_decimal and is_own(source)):
        refuse(stream, f'cannot carry the field {source.name!r}, which is no JSON value', 'leave it out of `fields`')
    if isinstance(held, Time) and held.timezone:
        remedy = 'declare it without `timezone`, or leave it out of `fields`'
        refuse(stream, f'cannot carry the field {source.name!r}, a time of day with a time zone', remedy)
    if is_decimal and not (scale_of(source) is not None and 0 < (held.precision or 0) <= DECIMAL_DIGITS):
        problem = f'whose decimals have no limit, or more than {DECIMAL_DIGITS} digits'
        remedy = f'declare it with `Field(max_digits=12, decimal_places=2)`, or up to {DECIMAL_DIGITS} digits'
        refuse(stream, f'cannot carry the field {source.name!r} exactly, {problem}', remedy)


def _check_places(stream: Stream) -> None:
    for name, text in () if callable(stream.texts) else stream.texts.items():
        if wrong := [found for found in names_in(text) if found not in stream.totals]:
            remedy = f'name totals in `texts`{nearest(wrong[0], stream.totals)}'
            refuse(stream, f'has no total {wrong[0]!r}, which is in the text {name!r}', remedy)


def _check_order(stream: Stream, source: Column[Any]) -> None:
    kind = plain_type(source)
    if isinstance(kind, Enum) or not isinstance(kind, ORDERED_TYPES):
        remedy = 'order by a number, a text, a time, a date or a boolean'
        refuse(stream, f'cannot be ordered by {source.name!r}, whose values have no order in all tabs', remedy)
    if source.nullable:
        remedy = 'declare it without `None`, and with a default for the rows that are there'
        refuse(stream, f'cannot be ordered by {source.name!r}, which may be NULL', remedy)
