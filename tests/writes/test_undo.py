"""A write is taken back only where nobody has changed the same since, be it of a browser or of a handler of a page."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import Session

from tests.writes.test_queues import Browser, make_id
from tests.writes.test_writes import Note, notes, stored, writer
from todosync.streams.stream import Stream
from todosync.writes import UNDO_LIMIT, Author, OwnWrites, RefusedWriteError, RowGoneError, Write, Writer

__all__ = ['notes', 'writer']
ANN = Author()


@pytest.fixture(autouse=True)
def prepared(writer: Writer) -> None:
    writer.prepare()


@pytest.fixture
def browser(writer: Writer, notes: Stream) -> Iterator[Browser]:
    with asyncio.Runner() as runner:
        yield Browser(writer, [notes], runner)


@pytest.fixture
def tidy(notes: Stream) -> Stream:
    """Notes whose texts lose the spaces at their ends."""

    @notes.rule
    def strip(write: Write) -> None:
        if 'text' in write.values:
            write.values['text'] = write.values['text'].strip()

    return notes


class Queue:
    """Writes as one browser numbers them."""

    def __init__(self) -> None:
        self._sequence = 0

    def write(self, action: str, row_id: int, values: dict[str, Any], was: dict[str, Any]) -> dict[str, Any]:
        self._sequence += 1
        place = {'sequence': self._sequence, 'stream': 'notes_to_write', 'id': row_id}
        return {**place, 'action': action, 'values': values, 'was': was}


def texts(writer: Writer) -> list[str]:
    return [note.text for note in stored(writer)]


def test_an_undo_puts_back_what_the_write_has_replaced(browser: Browser, writer: Writer, notes: Stream) -> None:
    note, queue = writer.insert(notes, {'text': 'a'}), Queue()
    browser.send(queue.write('update', note.id, {'text': 'b', 'urgent': True}, {'text': 'a', 'urgent': False}))
    back = queue.write('undo', note.id, {'text': 'a', 'urgent': False}, {'text': 'b', 'urgent': True})
    assert browser.states(back) == ['done']
    assert [(note.text, note.urgent) for note in stored(writer)] == [('a', False)]


def test_an_undo_is_refused_as_a_whole_where_somebody_has_changed_a_field_since(
    browser: Browser, writer: Writer, notes: Stream
) -> None:
    note, queue = writer.insert(notes, {'text': 'a'}), Queue()
    browser.send(queue.write('update', note.id, {'text': 'b', 'urgent': True}, {'text': 'a', 'urgent': False}))
    writer.update(notes, note, {'text': 'c'})
    back = queue.write('undo', note.id, {'text': 'a', 'urgent': False}, {'text': 'b', 'urgent': True})
    [outcome] = browser.send(back)
    assert outcome['errors'] == ['Not undone: somebody has meanwhile changed it (text: “c”)']
    assert [(note.text, note.urgent) for note in stored(writer)] == [('c', True)]


def test_an_undo_of_what_was_never_done_changes_nothing(browser: Browser, writer: Writer, notes: Stream) -> None:
    note, queue = writer.insert(notes, {'text': 'a'}), Queue()
    refused = queue.write('update', note.id, {'text': 'x' * 21}, {'text': 'a'})
    assert browser.states(refused, queue.write('undo', note.id, {'text': 'a'}, {'text': 'x' * 21})) == [
        'refused',
        'done',
    ]
    assert texts(writer) == ['a']


def test_an_added_row_is_taken_away_only_as_it_was_added(browser: Browser, writer: Writer, notes: Stream) -> None:
    first, second, queue = make_id(), make_id(), Queue()
    browser.send(queue.write('insert', first, {'text': 'a'}, {}), queue.write('insert', second, {'text': 'b'}, {}))
    writer.update(notes, second, {'urgent': True})
    back = [
        queue.write('delete', row, {}, {'text': text, 'urgent': False}) for row, text in ((second, 'b'), (first, 'a'))
    ]
    refused, done = browser.send(*back)
    assert refused['errors'] == ['Not undone: somebody has meanwhile changed it (urgent)']
    assert done['state'] == 'done'
    assert texts(writer) == ['b']


@pytest.mark.parametrize('together', [True, False])
def test_what_a_rule_has_changed_is_no_change_by_others(
    browser: Browser, writer: Writer, tidy: Stream, together: bool
) -> None:
    row, queue = make_id(), Queue()
    writes = [
        queue.write('insert', row, {'text': ' a '}, {}),
        queue.write('update', row, {'text': ' b '}, {'text': ' a '}),
        queue.write('undo', row, {'text': ' a '}, {'text': ' b '}),
        queue.write('delete', row, {}, {'text': ' a '}),
    ]
    if together:
        outcomes = browser.send(*writes)
    else:  # the answer to the first batch was lost, so the second one begins with the same writes
        browser.send(*writes[:2])
        outcomes = browser.send(*writes)
    assert [outcome['state'] for outcome in outcomes] == ['done'] * 4
    assert [outcome.get('stored') for outcome in outcomes] == [{'text': 'a'}, {'text': 'b'}, {'text': 'a'}, None]
    assert outcomes[1]['conflicts'] == {}
    assert stored(writer) == []


def test_a_field_that_is_not_shown_is_not_told_by_a_refused_undo(
    browser: Browser, writer: Writer, notes: Stream
) -> None:
    note, queue = writer.insert(notes, {'text': 'a', 'number': 7}), Queue()
    [outcome] = browser.send(queue.write('undo', note.id, {'text': 'b'}, {'text': 'a', 'number': 1, 'nonsense': 1}))
    assert outcome['state'] == 'done'


def test_who_may_not_read_a_row_learns_nothing_by_an_undo(writer: Writer, notes: Stream) -> None:
    note = writer.insert(notes, {'text': 'secret'})
    with asyncio.Runner() as runner:
        stranger = Browser(writer, [notes], runner, author=Author(may_read=lambda stream, scope: False))
        [outcome] = stranger.send(Queue().write('undo', note.id, {'text': 'a'}, {'text': 'b'}))
    assert outcome['gone']
    assert 'secret' not in str(outcome)


def test_no_verb_is_called_undo(notes: Stream) -> None:
    def undo(session: Session, note: Note) -> None: ...

    with pytest.raises(ValueError, match="cannot have a verb 'undo'"):
        notes.verb(undo)


@pytest.fixture
def own(writer: Writer) -> OwnWrites:
    return OwnWrites(writer)


def test_what_handlers_have_written_is_taken_back_the_last_first(writer: Writer, own: OwnWrites, tidy: Stream) -> None:
    note = own.insert(tidy, {'text': ' a '}, author=ANN)
    own.update(tidy, note, {'text': ' b ', 'urgent': True}, author=ANN)
    own.delete(tidy, note, author=ANN)
    assert own.undo(tidy, author=ANN) == 'Undone: deleted “b”'
    assert [(note.text, note.urgent) for note in stored(writer)] == [('b', True)]
    assert own.undo(tidy, author=ANN) == 'Undone: changed “a”'
    assert [(note.text, note.urgent) for note in stored(writer)] == [('a', False)]
    assert own.undo(tidy, author=ANN) == 'Undone: added “a”'
    assert stored(writer) == []
    assert own.undo(tidy, author=ANN) is None


def test_a_row_comes_back_with_all_its_columns_also_those_that_are_not_shown(
    writer: Writer, own: OwnWrites, notes: Stream
) -> None:
    note = own.insert(notes, {'text': 'a', 'number': 7, 'price': '1.50'}, author=ANN)
    [before] = stored(writer)
    own.delete(notes, note, author=ANN)
    own.undo(notes, author=ANN)
    assert stored(writer) == [before]


def test_the_last_write_to_one_row_can_be_taken_back(writer: Writer, own: OwnWrites, notes: Stream) -> None:
    first, second = (own.insert(notes, {'text': text}, author=ANN) for text in 'ab')
    own.delete(notes, first, author=ANN)
    own.update(notes, second, {'urgent': True}, author=ANN)
    assert own.undo(notes, first, author=ANN) == 'Undone: deleted “a”'
    assert [note.urgent for note in stored(writer)] == [False, True]


@pytest.mark.parametrize('action', ['insert', 'update'])
def test_a_handlers_write_stays_where_somebody_has_changed_the_same_since_and_the_next_undo_goes_on(
    writer: Writer, own: OwnWrites, notes: Stream, action: str
) -> None:
    other = own.insert(notes, {'text': 'other'}, author=ANN)
    note = own.insert(notes, {'text': 'a'}, author=ANN)
    if action == 'update':
        own.update(notes, note, {'text': 'b'}, author=ANN)
    writer.update(notes, note, {'text': 'c'})
    with pytest.raises(RefusedWriteError, match='somebody has meanwhile changed it'):
        own.undo(notes, author=ANN)
    if action == 'update':
        with pytest.raises(RefusedWriteError):
            own.undo(notes, author=ANN)
    assert own.undo(notes, author=ANN) == 'Undone: added “other”'
    assert texts(writer) == ['c'], other.id


def test_what_somebody_else_has_deleted_since_is_told_unless_that_is_what_undo_wants(
    writer: Writer, own: OwnWrites, notes: Stream
) -> None:
    note = own.insert(notes, {'text': 'a'}, author=ANN)
    own.update(notes, note, {'text': 'b'}, author=ANN)
    writer.delete(notes, note)
    with pytest.raises(RowGoneError):
        own.undo(notes, author=ANN)
    assert own.undo(notes, author=ANN) == 'Undone: added “a”'


def test_a_verb_is_undone_by_what_it_shows_if_that_can_be_written(
    writer: Writer, own: OwnWrites, notes: Stream
) -> None:
    @notes.verb(shows={'urgent': True})
    def hurry(session: Session, note: Note) -> None:
        note.urgent = True

    @notes.verb
    def hide_away(session: Session, note: Note) -> None:
        note.number = 9

    note = own.insert(notes, {'text': 'a'}, author=ANN)
    own.do(notes, 'hurry', note, author=ANN)
    own.do(notes, 'hide_away', note, author=ANN)
    with pytest.raises(RefusedWriteError, match='“hide away” of “a” cannot be undone'):
        own.undo(notes, author=ANN)
    assert own.undo(notes, author=ANN) == 'Undone: hurry “a”'
    assert [note.urgent for note in stored(writer)] == [False]


def test_only_the_last_writes_are_remembered(writer: Writer, own: OwnWrites, notes: Stream) -> None:
    note = own.insert(notes, {'text': '-1'}, author=ANN)
    for number in range(UNDO_LIMIT + 1):
        own.update(notes, note, {'text': str(number)}, author=ANN)
    for _ in range(UNDO_LIMIT):
        assert own.undo(notes, author=ANN)
    assert own.undo(notes, author=ANN) is None
    assert texts(writer) == ['0']


def test_what_changes_nothing_or_is_refused_is_nothing_to_undo(writer: Writer, own: OwnWrites, notes: Stream) -> None:
    note = own.insert(notes, {'text': 'a'}, author=ANN)
    own.update(notes, note, {'text': 'a'}, author=ANN)
    with pytest.raises(RefusedWriteError):
        own.update(notes, note, {'text': 'x' * 21}, author=ANN)
    assert own.undo(notes, author=ANN) == 'Undone: added “a”'
