"""Whatever a rule or a verb of an app does, it harms no other write."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, select

from tests.writes.test_queues import Browser, browser, make_id, prepared, runner, write
from tests.writes.test_writes import Note, notes, stored, writer
from todosync.database.database import Database
from todosync.streams.stream import Stream
from todosync.writes import Write, Writer, rules

__all__ = ['browser', 'notes', 'prepared', 'runner', 'writer']


def ask_for_nothing(session: Session) -> None:
    session.exec(select(Note).where(Note.text == 'nowhere')).one()


def ask_for_no_table(session: Session) -> None:
    session.connection().exec_driver_sql('SELECT * FROM no_such_table')


def ask_in_no_language(session: Session) -> None:
    session.connection().exec_driver_sql('SELECTALL')


def divide(session: Session) -> None:
    1 / 0  # noqa: B018


MISTAKES = [ask_for_nothing, ask_for_no_table, ask_in_no_language, divide]


@pytest.mark.parametrize('mistake', MISTAKES, ids=lambda mistake: mistake.__name__)
@pytest.mark.parametrize('where', ['rule', 'verb'])
def test_a_rule_that_fails_refuses_its_own_write_only(
    browser: Browser, writer: Writer, notes: Stream, where: str, mistake: Callable[[Session], None]
) -> None:
    if where == 'rule':

        @notes.rule
        def fail_for_bread(write: Write) -> None:
            if write.values.get('text') == 'Buy bread':
                write.session.add(Note(text='a trace'))
                mistake(write.session)

    @notes.verb
    def archive(session: Session, note: Note) -> None:
        note.text = 'a trace'
        mistake(session)

    row_id = make_id()
    bad = write(2, 'update', row_id, text='Buy bread') if where == 'rule' else write(2, 'archive', row_id)
    batch = write(1, 'insert', row_id, text='Buy milk'), bad, write(3, 'update', row_id, urgent=True)
    outcomes = browser.send(*batch)
    assert [outcome['state'] for outcome in outcomes] == ['done', 'refused', 'done']
    assert outcomes[1]['errors'] == ['This could not be done, because of a mistake in the app']
    assert browser.send(*batch) == outcomes, 'which is told again, and not tried again'
    assert [(note.text, note.urgent) for note in stored(writer)] == [('Buy milk', True)]


def test_while_a_rule_sleeps_others_wait_and_are_done(
    new_database: Callable[[], str], notes: Stream, runner: asyncio.Runner
) -> None:
    database = Database(new_database())
    database.install_change_log(notes.log_table)
    writer = Writer(database)
    writer.prepare()
    is_asleep, may_wake = threading.Event(), threading.Event()

    @notes.rule
    def sleep(write: Write) -> None:
        if write.values.get('text') == 'slow':
            is_asleep.set()
            may_wake.wait(60)

    slow, quick = (threading.Thread(target=writer.insert, args=(notes, {'text': text})) for text in ('slow', 'quick'))
    slow.start()
    is_asleep.wait(60)
    quick.start()
    assert stored(writer) == [], 'reading goes on meanwhile'
    may_wake.set()
    for thread in (slow, quick):
        thread.join()
    assert [note.text for note in stored(writer)] == ['slow', 'quick']
    database.close()


def test_a_slow_rule_is_named_in_the_log(
    writer: Writer, notes: Stream, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    @notes.rule
    def think_it_over(write: Write) -> None:
        write.values['urgent'] = True

    writer.insert(notes, {'text': 'Buy milk'})
    assert caplog.messages == []
    monkeypatch.setattr(rules, 'SLOW', -1.0)
    writer.insert(notes, {'text': 'Buy oats'})
    (message,) = caplog.messages
    assert "'think_it_over' of the stream notes_to_write took" in message


def test_a_rule_that_runs_again_has_done_nothing_before(
    browser: Browser, writer: Writer, notes: Stream, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection is lost after it, so its browser sends the write again."""
    caplog.set_level(logging.CRITICAL)
    runs = []

    @notes.rule
    def note_a_trace(write: Write) -> None:
        runs.append(write.action)
        write.session.add(Note(text='a trace'))

    @notes.verb
    def lose_the_connection(session: Session, note: Note) -> None:
        if len(runs) < 3:
            raise OperationalError('', None, Exception('the connection was lost'))

    row_id = make_id()
    writes = write(1, 'insert', row_id, text='Buy milk'), write(2, 'lose_the_connection', row_id)
    assert browser.ask(*writes) == {'ok': False, 'reason': 'unavailable'}
    assert stored(writer) == []
    assert browser.states(*writes) == ['done', 'done']
    assert sorted(note.text for note in stored(writer)) == ['Buy milk', 'a trace', 'a trace']
    assert len(runs) == 4


@pytest.mark.parametrize('how', ['commit', 'rollback'])
def test_a_rule_that_ends_the_transaction_is_refused(browser: Browser, writer: Writer, notes: Stream, how: str) -> None:
    @notes.rule
    def end_too_early(write: Write) -> None:
        if write.values.get('text') == 'Buy bread':
            write.session.add(Note(text='a trace'))
            getattr(write.session, how)()

    with pytest.raises(RuntimeError, match='the transaction ends with its block'):
        writer.insert(notes, {'text': 'Buy bread'})
    batch = write(1, 'insert', make_id(), text='Buy milk'), write(2, 'insert', make_id(), text='Buy bread')
    assert browser.states(*batch) == ['done', 'refused']
    assert [note.text for note in stored(writer)] == ['Buy milk']
