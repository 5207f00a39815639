"""What may be written to a stream, and by which rules."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Any

import orjson
import pytest
from sqlalchemy import BigInteger, CheckConstraint, Column, Integer
from sqlmodel import Field, Session, SQLModel, select

from todosync.database.database import Database
from todosync.streams.stream import Stream
from todosync.writes import RefusedWriteError, RowGoneError, Write, Writer, insert_shape


class Mood(StrEnum):
    CALM = 'calm'
    WILD = 'wild'


class Note(SQLModel, table=True):
    __tablename__ = 'notes_to_write'

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, 'sqlite'), primary_key=True)
    )
    text: str = Field(max_length=20)
    urgent: bool = False
    due: date | None = None
    price: Decimal = Field(default=Decimal(0), max_digits=8, decimal_places=2)
    mood: Mood = Mood.CALM
    number: int | None = Field(default=None, unique=True)
    archived_at: datetime | None = None


class Sealed(SQLModel, table=True):
    __tablename__ = 'sealed_notes'
    __table_args__ = (CheckConstraint('length(text) > 2', name='long_enough'),)

    id: int | None = Field(default=None, primary_key=True)
    text: str = Field(max_length=20)
    secret: str = Field(default='s', unique=True)


def utc_now() -> datetime:
    return datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def notes() -> Stream:
    stream = Stream(Note, fields=('id', 'text', 'urgent'))
    stream.writable('text', 'urgent', 'due', 'price', 'mood', 'number')
    return stream


@pytest.fixture
def writer(new_database: Callable[[], str], notes: Stream) -> Writer:
    database = Database(new_database())
    database.install_change_log(notes.log_table)
    return Writer(database)


def stored(writer: Writer) -> list[Note]:
    with writer.database.read() as session:
        return list(session.exec(select(Note).order_by('id')))


def test_a_row_is_inserted_updated_and_deleted(writer: Writer, notes: Stream) -> None:
    note = writer.insert(notes, {'text': 'Buy milk'})
    assert (note.text, note.urgent, note.mood) == ('Buy milk', False, Mood.CALM)
    assert writer.update(notes, note, {'urgent': True}).urgent
    assert [(note.text, note.urgent) for note in stored(writer)] == [('Buy milk', True)]
    writer.delete(notes, note)
    assert stored(writer) == []


@pytest.mark.parametrize('how', ['id', 'row', 'object'])
def test_a_row_is_named_by_itself_or_by_its_id(writer: Writer, notes: Stream, how: str) -> None:
    note = writer.insert(notes, {'text': 'Buy milk'})
    named = {'id': note.id, 'row': {'id': note.id, 'text': 'Buy milk'}, 'object': note}[how]
    assert writer.update(notes, named, {'text': 'Buy oats'}).text == 'Buy oats'


@pytest.mark.parametrize('row', [None, 'x', True, 1.5, {'id': '1'}, {}])
def test_what_is_no_row_is_told_to_the_programmer(writer: Writer, notes: Stream, row: Any) -> None:
    with pytest.raises((TypeError, KeyError)):
        writer.delete(notes, row)


def test_values_are_pythons_or_json(writer: Writer, notes: Stream) -> None:
    by_python = writer.insert(
        notes, {'text': 'a', 'due': date(2026, 2, 3), 'price': Decimal('1.20'), 'mood': Mood.WILD}
    )
    by_json = writer.insert(notes, b'{"text": "b", "due": "2026-02-03", "price": "1.20", "mood": "wild"}')
    assert [(note.due, note.price, note.mood) for note in (by_python, by_json)] == [
        (date(2026, 2, 3), Decimal('1.20'), Mood.WILD)
    ] * 2


@pytest.mark.parametrize(
    ('values', 'fields'),
    [
        ({}, {'text': "Text can't be blank"}),
        ({'text': 5}, {'text': 'Text must be text'}),
        ({'text': 'x' * 21}, {'text': 'Text is too long (maximum is 20 characters)'}),
        ({'text': 'x', 'urgent': 'yes'}, {'urgent': 'Urgent must be true or false'}),
        ({'text': 'x', 'number': '1'}, {'number': 'Number must be a whole number'}),
        (b'{"text": "x", "archived_at": null}', {'archived_at': 'Unknown field: archived_at'}),
        (b'{"text": "x", "id": 7}', {'id': 'Unknown field: id'}),
    ],
)
def test_what_does_not_fit_is_refused_beside_its_field(
    writer: Writer, notes: Stream, values: dict[str, Any], fields: dict[str, str]
) -> None:
    with pytest.raises(RefusedWriteError) as refused:
        writer.insert(notes, values)
    assert (refused.value.fields, refused.value.errors) == (fields, list(fields.values()))
    assert stored(writer) == []


@pytest.mark.parametrize('values', [b'', b'[]', b'null', b'{"text": "x"', [], None, 'text'])
def test_what_is_no_object_of_fields_is_refused(writer: Writer, notes: Stream, values: Any) -> None:
    with pytest.raises(RefusedWriteError):
        writer.insert(notes, values)
    assert stored(writer) == []


def test_a_misspelt_field_is_told_to_the_programmer_with_the_nearest_right_one(writer: Writer, notes: Stream) -> None:
    name = notes.name
    for write in (partial(writer.insert, notes), partial(writer.update, notes, 1)):
        with pytest.raises(
            RefusedWriteError, match=f"The stream '{name}' has no writable field 'txet'.*did you mean 'text'"
        ):
            write({'txet': 'Call Ann'})
    with pytest.raises(RefusedWriteError, match=r"has no writable field 'archived_at'; .*; name it in `writable`"):
        writer.insert(notes, {'text': 'x', 'archived_at': None})


def test_an_update_of_nothing_says_what_can_be_given(writer: Writer, notes: Stream) -> None:
    note = writer.insert(notes, {'text': 'Buy milk'})
    with pytest.raises(RefusedWriteError, match='give text, urgent, due, price, mood or number'):
        writer.update(notes, note, {})


@pytest.mark.parametrize('row_id', [99, 0, -1, 2**63, -(2**70)])
def test_a_row_that_is_gone_can_be_neither_changed_nor_deleted(writer: Writer, notes: Stream, row_id: int) -> None:
    for write in (lambda: writer.update(notes, row_id, {'text': 'x'}), lambda: writer.delete(notes, row_id)):
        with pytest.raises(RowGoneError, match=f'There is no note {row_id}; it may have been deleted'):
            write()


def test_a_rule_may_change_what_is_written_and_add_to_it(writer: Writer, notes: Stream) -> None:
    @notes.rule
    def shout(write: Write) -> None:
        if 'text' in write.values:
            write.values['urgent'] = write.values['text'].isupper()

    note = writer.insert(notes, {'text': 'MILK', 'urgent': False})
    assert note.urgent
    assert not writer.update(notes, note, {'text': 'milk'}).urgent


def test_a_rule_may_refuse_and_nothing_of_its_transaction_stays(writer: Writer, notes: Stream) -> None:
    @notes.rule
    def count_refusals(write: Write) -> None:
        write.session.add(Note(text='a trace'))
        if write.action == 'delete':
            write.refuse('A note stays where it is', field='text')

    note = writer.insert(notes, {'text': 'Buy milk'})
    before = len(stored(writer))
    with pytest.raises(RefusedWriteError, match='stays where it is') as refused:
        writer.delete(notes, note)
    assert refused.value.fields == {'text': 'A note stays where it is'}
    assert len(stored(writer)) == before


def test_a_rule_sees_the_row_as_it_is_stored(writer: Writer, notes: Stream) -> None:
    seen = []

    @notes.rule
    def look(write: Write) -> None:
        seen.append((write.action, write.row and write.row.text, dict(write.values)))

    note = writer.insert(notes, {'text': 'Buy milk'})
    writer.update(notes, note, {'text': 'Buy oats'})
    writer.delete(notes, note)
    assert seen == [
        ('insert', None, {'text': 'Buy milk'}),
        ('update', 'Buy milk', {'text': 'Buy oats'}),
        ('delete', 'Buy oats', {}),
    ]


def test_a_rule_that_is_declared_again_counts_once(writer: Writer, notes: Stream) -> None:
    calls = []
    for turn in range(3):  # as by a main file that is run anew for each test

        @notes.rule
        def look(write: Write, turn: int = turn) -> None:
            calls.append(turn)

    writer.insert(notes, {'text': 'Buy milk'})
    assert calls == [2]


def test_a_rule_that_raises_harms_that_write_only(writer: Writer, notes: Stream) -> None:
    @notes.rule
    def stumble(write: Write) -> None:
        if write.values.get('text') == 'stumble':
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        writer.insert(notes, {'text': 'stumble'})
    writer.insert(notes, {'text': 'Buy milk'})
    assert [note.text for note in stored(writer)] == ['Buy milk']


def test_a_verb_is_a_write_with_a_name(writer: Writer, notes: Stream) -> None:
    @notes.verb
    def archive(session: Session, note: Note) -> None:
        note.archived_at = utc_now()

    @notes.rule
    def keep_urgent(write: Write) -> None:
        if write.action == 'archive' and write.row.urgent:
            write.refuse('Do it first, then archive it')

    note = writer.insert(notes, {'text': 'Buy milk'})
    assert writer.do(notes, 'archive', note).archived_at == utc_now()
    urgent = writer.insert(notes, {'text': 'Call Ann', 'urgent': True})
    with pytest.raises(RefusedWriteError, match='Do it first'):
        writer.do(notes, 'archive', urgent)
    with pytest.raises(RefusedWriteError, match="has no verb 'burn'"):
        writer.do(notes, 'burn', note)


def test_a_stream_that_declares_nothing_can_only_be_read(writer: Writer, notes: Stream) -> None:
    sealed = Stream(Note, fields=('id', 'text'))
    note = writer.insert(notes, {'text': 'Buy milk'})
    for write in (
        lambda: writer.insert(sealed, {'text': 'x'}),
        lambda: writer.update(sealed, note, {'text': 'x'}),
        lambda: writer.delete(sealed, note),
    ):
        with pytest.raises(RefusedWriteError, match='can only be read'):
            write()
    assert [note.text for note in stored(writer)] == ['Buy milk']


@pytest.mark.parametrize(('name', 'problem'), [('colour', "no column 'colour'"), ('id', 'nobody may write')])
def test_a_field_that_cannot_be_writable_is_refused_when_it_is_declared(notes: Stream, name: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        notes.writable('text', name)


def test_a_verb_cannot_take_the_name_of_another_write(notes: Stream) -> None:
    def delete(session: Session, note: Note) -> None: ...

    with pytest.raises(ValueError, match='give the function another name'):
        notes.verb(delete)


def test_what_the_database_does_not_admit_is_a_refusal(writer: Writer, notes: Stream) -> None:
    writer.prepare()
    writer.insert(notes, {'text': 'Buy milk', 'number': 1})
    other = writer.insert(notes, {'text': 'Call Ann'})
    for write in (
        partial(writer.insert, notes, {'text': 'Buy oats', 'number': 1}),
        partial(writer.update, notes, other, {'number': 1}),
    ):
        for key in (None, 'key'):
            with pytest.raises(RefusedWriteError, match='There is a note with the same number already') as refusal:
                write(key=key)
            assert list(refusal.value.fields) == ['number']
    assert [note.text for note in stored(writer)] == ['Buy milk', 'Call Ann']


@pytest.mark.parametrize(
    ('value', 'sentence'),
    [(2**53, 'too large'), (-(2**63) - 1, 'too small'), (2**70, 'too large')],
    ids=['above', 'below', 'far above'],
)
def test_a_number_that_a_browser_cannot_hold_is_refused(writer: Writer, value: int, sentence: str) -> None:
    stream = Stream(Note, name='numbers', fields=('id', 'text', 'number'))
    stream.writable('text', 'number')
    for values in ({'text': 'x', 'number': value}, f'{{"text": "x", "number": {value}}}'.encode()):
        with pytest.raises(RefusedWriteError, match=f'Number is {sentence}') as refusal:
            writer.insert(stream, values)
        assert list(refusal.value.fields) == ['number']
    assert stored(writer) == []


def test_a_number_that_no_database_stores_is_refused_whoever_has_made_it(writer: Writer, notes: Stream) -> None:
    @notes.rule
    def multiply(write: Write) -> None:
        write.values['number'] = write.values['number'] ** 9

    with pytest.raises(RefusedWriteError, match='One of the values is too large to be stored'):
        writer.insert(notes, {'text': 'x', 'number': 2**40})
    assert stored(writer) == []


def test_no_sentence_of_a_database_reaches_a_person(writer: Writer, notes: Stream) -> None:
    with writer.database.write() as session:
        SQLModel.metadata.tables['sealed_notes'].create(session.connection())
    sealed = Stream(Sealed, fields=('id', 'text'))
    sealed.writable('text')
    writer.insert(sealed, {'text': 'first'})
    told = set()
    for values in ({'text': 'second'}, {'text': 'x'}):
        with pytest.raises(RefusedWriteError) as refusal:
            writer.insert(sealed, values)
        assert not refusal.value.fields
        told.add(str(refusal.value))
    assert told == {'There is such a sealed already', 'One of the values is not allowed'}


def test_a_refusal_of_what_a_stranger_has_sent_is_short(writer: Writer, notes: Stream) -> None:
    for values in ({'x' * 100_000: 1}, {f'x{number}': 1 for number in range(10_000)}):
        with pytest.raises(RefusedWriteError) as refusal:
            writer.insert(notes, orjson.dumps(values))
        assert len(str(refusal.value)) + len(str(refusal.value.fields)) < 10_000


def test_two_writers_of_one_row_see_each_others_work(writer: Writer, notes: Stream) -> None:
    @notes.verb
    def count_up(session: Session, note: Note) -> None:
        note.number = (note.number or 0) + 1

    note = writer.insert(notes, {'text': 'Buy milk', 'number': 0})
    threads = [
        threading.Thread(target=lambda: [writer.do(notes, 'count_up', note) for _ in range(10)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stored(writer)[0].number == 40


def test_what_may_be_said_of_a_new_row_is_a_schema(notes: Stream) -> None:
    schema = insert_shape(notes).model_json_schema()
    assert schema['required'] == ['text']
    assert schema['additionalProperties'] is False
    assert schema['properties']['text']['maxLength'] == 20
