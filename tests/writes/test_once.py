"""A write that is sent again under the same key is done once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.writes.test_writes import Note, notes, stored, writer
from todosync.database.database import Database
from todosync.streams.stream import Stream
from todosync.writes import RefusedWriteError, RowGoneError, Write, Writer

__all__ = ['notes', 'writer']


@pytest.fixture(autouse=True)
def prepared(writer: Writer) -> None:
    writer.prepare()
    writer.prepare()  # as each process does


def test_an_insert_that_is_sent_again_is_done_once_and_answered_alike(writer: Writer, notes: Stream) -> None:
    values = {'text': 'Buy milk', 'price': '1.20'}
    first, again = (writer.insert(notes, b'{"text": "Buy milk", "price": "1.20"}', key='a') for _ in range(2))
    assert first.model_dump() == again.model_dump()
    assert len(stored(writer)) == 1
    writer.insert(notes, {'text': values['text']}, key='b')
    writer.insert(notes, {'text': values['text']})
    writer.insert(notes, {'text': values['text']})
    assert len(stored(writer)) == 4, 'another key, or none, is another write'


def test_each_kind_of_write_is_done_once(writer: Writer, notes: Stream) -> None:
    @notes.verb
    def count_up(session: Any, note: Note) -> None:
        note.number = (note.number or 0) + 1

    note = writer.insert(notes, {'text': 'Buy milk'})
    assert [writer.do(notes, 'count_up', note, key='count').number for _ in range(3)] == [1, 1, 1]
    writer.update(notes, note, {'text': 'Buy oats'}, key='change')
    writer.update(notes, note, {'text': 'Buy bread'})
    assert writer.update(notes, note, {'text': 'Buy oats'}, key='change').text == 'Buy oats', 'as it was answered'
    assert stored(writer)[0].text == 'Buy bread', 'and not done again'
    for _ in range(2):
        writer.delete(notes, note, key='delete')
    with pytest.raises(RowGoneError):
        writer.delete(notes, note, key='another')


@pytest.mark.parametrize('other', ['values', 'row', 'kind'])
def test_a_key_that_was_used_for_another_write_is_refused(writer: Writer, notes: Stream, other: str) -> None:
    first, second = (writer.insert(notes, {'text': text}) for text in ('Buy milk', 'Call Ann'))
    writer.update(notes, first, {'urgent': True}, key='a')
    others: dict[str, Callable[[], Any]] = {
        'values': lambda: writer.update(notes, first, {'urgent': False}, key='a'),
        'row': lambda: writer.update(notes, second, {'urgent': True}, key='a'),
        'kind': lambda: writer.delete(notes, first, key='a'),
    }
    with pytest.raises(RefusedWriteError, match='used for another write'):
        others[other]()
    assert [note.urgent for note in stored(writer)] == [True, False]


def test_what_was_refused_may_be_sent_again(writer: Writer, notes: Stream) -> None:
    is_open = []

    @notes.rule
    def only_when_open(write: Write) -> None:
        if not is_open:
            write.refuse('Closed')

    with pytest.raises(RefusedWriteError):
        writer.insert(notes, {'text': 'Buy milk'}, key='a')
    is_open.append(True)
    writer.insert(notes, {'text': 'Buy milk'}, key='a')
    assert len(stored(writer)) == 1


@pytest.mark.parametrize('key', ['', 'x' * 256, 'a\nb', 'käse'])
def test_what_is_no_key_is_refused(writer: Writer, notes: Stream, key: str) -> None:
    with pytest.raises(RefusedWriteError, match='printable characters'):
        writer.insert(notes, {'text': 'Buy milk'}, key=key)
    assert stored(writer) == []


def test_of_many_at_the_same_moment_one_is_done(new_database: Callable[[], str], notes: Stream) -> None:
    url = new_database()
    others = [Writer(Database(url)) for _ in range(4)]
    writer = others[0]
    writer.database.install_change_log(notes.log_table)
    writer.prepare()
    results: list[Any] = []

    def send(each: Writer) -> None:
        results.append(each.insert(notes, {'text': 'Buy milk'}, key='a').id)

    threads = [threading.Thread(target=send, args=(each,)) for each in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(results), len(set(results)), len(stored(writer))) == (4, 1, 1)
    for each in others:
        each.database.close()


def test_what_was_done_long_ago_is_forgotten(writer: Writer, notes: Stream) -> None:
    now = datetime.now(UTC)
    writer.insert(notes, {'text': 'Buy milk'}, key='a')
    writer.forget(now - timedelta(hours=1))
    writer.insert(notes, {'text': 'Buy milk'}, key='a')
    assert len(stored(writer)) == 1
    writer.forget(now + timedelta(hours=1))
    writer.insert(notes, {'text': 'Buy milk'}, key='a')
    assert len(stored(writer)) == 2
