"""What a browser keeps until it is done is done once, in its order, whatever happens on the way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from pydantic import ValidationError
from sqlalchemy import func, select
from sqlmodel import Session

from tests.writes.test_writes import Note, notes, stored, writer
from todosync.ids import EPOCH, GIVEN_ID_MAX, IdMaker
from todosync.streams import person_key
from todosync.streams.stream import Stream
from todosync.writes import Author, Batch, Inbox, Write, Writer
from todosync.writes.queues import UNCONFIRMED_LIMIT, outcomes
from todosync.writes.tables import queues

__all__ = ['notes', 'writer']
QUEUE = 'a' * 32
make_id = IdMaker()


@pytest.fixture(autouse=True)
def prepared(writer: Writer) -> None:
    writer.prepare()


class Browser:
    """Sends batches as a leader does."""

    def __init__(
        self,
        writer: Writer,
        streams: list[Stream],
        runner: asyncio.Runner,
        queue: str = QUEUE,
        author: Author | None = None,
        *,
        person: str | None = None,
    ) -> None:
        self._inbox = Inbox(
            writer, streams, may_write=lambda sid: sid == 'leader', author_of=lambda sid: author or Author()
        )
        self._runner = runner
        self._queue = queue
        self._person = person_key(author.user if author else None) if person is None else person

    def ask(self, *writes: dict[str, Any], confirmed: int = 0, sid: str = 'leader') -> dict[str, Any]:
        batch = {'queue': self._queue, 'person': self._person, 'confirmed': confirmed, 'writes': list(writes)}
        return self._runner.run(self._inbox.receive(sid, Batch.model_validate(batch)))

    def send(self, *writes: dict[str, Any], confirmed: int = 0) -> list[dict[str, Any]]:
        answer = self.ask(*writes, confirmed=confirmed)
        assert answer['ok'], answer
        outcomes: list[dict[str, Any]] = answer['outcomes']
        return outcomes

    def states(self, *writes: dict[str, Any]) -> list[str]:
        return [outcome['state'] for outcome in self.send(*writes)]


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def browser(writer: Writer, notes: Stream, runner: asyncio.Runner) -> Browser:
    return Browser(writer, [notes], runner)


def write(sequence: int, action: str, row_id: int, **values: Any) -> dict[str, Any]:
    return {'sequence': sequence, 'stream': 'notes_to_write', 'action': action, 'id': row_id, 'values': values}


def test_writes_are_done_in_their_order(browser: Browser, writer: Writer) -> None:
    first, second = make_id(), make_id()
    outcomes = browser.send(
        write(1, 'insert', first, text='Buy milk'),
        write(2, 'insert', second, text='Call Ann'),
        write(4, 'update', first, text='Buy oats', due='2026-12-24'),
        write(9, 'delete', second),
    )
    assert [(outcome['sequence'], outcome['state']) for outcome in outcomes] == [
        (1, 'done'), (2, 'done'), (4, 'done'), (9, 'done'),
    ]  # fmt: skip
    assert [outcome['version'][0] for outcome in outcomes] == [4, 4, 4, 4], 'the version that holds all of them'
    assert [(note.id, note.text, str(note.due)) for note in stored(writer)] == [(first, 'Buy oats', '2026-12-24')]


def test_what_is_sent_again_is_not_done_again(browser: Browser, writer: Writer, notes: Stream) -> None:
    @notes.verb
    def count_up(session: Session, note: Note) -> None:
        note.number = (note.number or 0) + 1

    row_id = make_id()
    writes = [write(1, 'insert', row_id, text='Buy milk'), *(write(n, 'count_up', row_id) for n in (2, 3))]
    answers = [browser.send(*writes[:count]) for count in (1, 3, 3, 2)]
    assert answers[1] == answers[2]
    assert answers[1][:2] == answers[3]
    assert [note.number for note in stored(writer)] == [2]


def test_an_outcome_is_kept_until_the_browser_has_it(browser: Browser, writer: Writer) -> None:
    row_id = make_id()
    bad = write(2, 'update', row_id, text='x' * 21)
    browser.send(write(1, 'insert', row_id, text='Buy milk'), bad)
    assert (browser.send(bad))[0]['errors'] == ['Text is too long (maximum is 20 characters)']
    assert browser.send(bad, confirmed=2) == [{'sequence': 2, 'state': 'done'}], 'nobody asks for it any more'
    assert [note.text for note in stored(writer)] == ['Buy milk']


def test_a_refused_write_keeps_no_other_from_being_done(browser: Browser, writer: Writer, notes: Stream) -> None:
    @notes.rule
    def no_bread(write: Write) -> None:
        if 'bread' in write.values.get('text', ''):
            write.session.add(Note(text='a trace'))
            write.session.flush()
            write.refuse('No bread here', field='text')
        if write.values.get('urgent'):
            raise ZeroDivisionError

    row_id, taken = make_id(), make_id()
    outcomes = browser.send(
        write(1, 'insert', row_id, text='Buy milk', number=7),
        write(2, 'update', row_id, text='Buy bread'),
        write(3, 'update', row_id, urgent=True),
        write(5, 'insert', taken, text='Of one number', number=7),
        write(6, 'update', taken, text='It is not there'),
        write(7, 'update', row_id, id=1),
        write(8, 'archive', row_id),
        {**write(9, 'delete', row_id), 'stream': 'secrets'},
        write(10, 'update', row_id, text='\ud800', **{'\ud800': 2**70}),
        write(11, 'update', row_id, number=2**70),
        write(12, 'update', row_id, text='\0'),
        write(13, 'update', row_id, number=2**40),
        write(14, 'update', row_id, text='Buy oats'),
    )
    states = [outcome['state'] for outcome in outcomes]
    assert states[:-2] == ['done', *['refused'] * 9, states[-3]]
    assert states[-1] == 'done'
    assert outcomes[1]['fields'] == {'text': 'No bread here'}
    assert outcomes[2]['errors'] == ['This could not be done, because of a mistake in the app']
    assert [outcome.get('gone') for outcome in outcomes[3:5]] == [False, True]
    assert outcomes[7]['errors'] == ["There is no stream 'secrets'"]
    assert [note.text for note in stored(writer)] == ['Buy oats']


TRIGGERS = {
    'sqlite': [
        "CREATE TRIGGER no_milk BEFORE INSERT ON notes_to_write WHEN NEW.text LIKE '%milk%' "
        "BEGIN SELECT RAISE(ABORT, 'No milk today'); END",
    ],
    'postgresql': [
        "CREATE FUNCTION no_milk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'No milk today'; END $$",
        "CREATE TRIGGER no_milk BEFORE INSERT ON notes_to_write FOR EACH ROW WHEN (NEW.text LIKE '%%milk%%') "
        'EXECUTE FUNCTION no_milk()',
    ],
}


def test_what_the_database_does_not_admit_is_a_refusal_in_its_words(browser: Browser, writer: Writer) -> None:
    with writer.database.write() as session:
        for statement in TRIGGERS[session.get_bind().dialect.name]:
            session.connection().exec_driver_sql(statement)
    first, second, third = browser.send(
        write(1, 'insert', make_id(), text='Buy oats', number=7),
        write(2, 'insert', make_id(), text='Buy milk'),
        write(3, 'insert', make_id(), text='Call Ann', number=7),
    )
    assert first['state'] == 'done'
    assert second['errors'] == ['The database refused it: No milk today']
    assert third['errors'] == ['There is a note with the same number already']
    assert [note.text for note in stored(writer)] == ['Buy oats']


def test_of_a_browser_that_confirms_nothing_only_the_last_outcomes_are_kept(browser: Browser, writer: Writer) -> None:
    for first in range(0, 2 * UNCONFIRMED_LIMIT, 50):
        browser.send(*(write(first + number, 'burn', 1) for number in range(50)))
    with writer.database.read() as session:
        kept = session.connection().scalar(select(func.count()).select_from(outcomes))
    assert UNCONFIRMED_LIMIT <= kept <= UNCONFIRMED_LIMIT + 50


def test_what_is_meant_for_a_new_row_never_reaches_another_one_with_its_id(browser: Browser, writer: Writer) -> None:
    row_id, other = make_id(), make_id()
    browser.send(write(1, 'insert', row_id, text='Buy milk'))
    states = browser.states(
        write(2, 'insert', row_id, text='Call Ann'),
        write(3, 'update', row_id, text='Call Bob'),
        write(4, 'insert', other, text='Call Ann'),
        write(5, 'delete', row_id),
    )
    assert states == ['taken', 'taken', 'done', 'taken']
    assert [note.text for note in stored(writer)] == ['Buy milk', 'Call Ann']


def test_nor_does_what_follows_when_the_answer_that_told_it_was_lost(browser: Browser, writer: Writer) -> None:
    row_id = make_id()
    browser.send(write(1, 'insert', row_id, text='Buy milk'))
    lost = write(2, 'insert', row_id, text='Call Ann')
    browser.send(lost)
    assert browser.states(lost, write(3, 'update', row_id, text='Call Bob')) == ['taken', 'taken']
    assert [note.text for note in stored(writer)] == ['Buy milk']


def test_the_author_is_told_what_somebody_else_has_set_meanwhile(
    browser: Browser, writer: Writer, notes: Stream
) -> None:
    row_id = make_id()
    browser.send(write(1, 'insert', row_id, text='Buy milk'))
    writer.update(notes, row_id, {'text': 'Buy oats'})
    changed = {
        **write(2, 'update', row_id, text='Buy bread', urgent=True),
        'was': {'text': 'Buy milk', 'urgent': False},
    }
    (outcome,) = browser.send(changed)
    assert outcome['conflicts'] == {'text': 'Buy oats'}
    assert [(note.text, note.urgent) for note in stored(writer)] == [('Buy bread', True)], 'the last one stands'
    same = {**write(3, 'update', row_id, text='Buy bread'), 'was': {'text': 'Buy milk'}}
    assert (browser.send(same))[0]['conflicts'] == {}, 'both have set the same'


@pytest.mark.parametrize(
    ('field', 'before', 'after'),
    [('due', '2026-12-24', '2026-12-31'), ('mood', 'calm', 'wild'), ('price', '1.20', '2.50'), ('number', 1, 2)],
)
def test_of_every_kind_of_field_the_author_is_told_only_what_somebody_else_has_set(
    writer: Writer, runner: asyncio.Runner, field: str, before: Any, after: Any
) -> None:
    fields = ('id', 'text', 'due', 'mood', 'number') if field != 'price' else ('id', 'text')
    stream = Stream(Note, fields=fields)
    stream.writable('text', 'due', 'price', 'mood', 'number')
    browser, row_id = Browser(writer, [stream], runner), make_id()
    browser.send(write(1, 'insert', row_id, text='Buy milk', **{field: before}))
    (same,) = browser.send({**write(2, 'update', row_id, **{field: after}), 'was': {field: before}})
    assert (same['state'], same['conflicts']) == ('done', {})
    writer.update(stream, row_id, orjson.dumps({field: before}))
    (late,) = browser.send({**write(3, 'update', row_id, **{field: after}), 'was': {field: after}})
    told = {field: before} if field in fields else {}
    assert (late['state'], late['conflicts']) == ('done', told), 'what it has of a field that is not shown, nobody sees'


def test_a_value_that_nobody_foresaw_is_refused_and_told(browser: Browser) -> None:
    (outcome,) = browser.send(write(1, 'insert', make_id(), text='\ud83d'))
    assert outcome['state'] == 'refused'
    assert 'half a character' in outcome['errors'][0]


def test_a_batch_that_cannot_be_committed_is_answered(
    browser: Browser, writer: Writer, notes: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_too_late(session: Session) -> Any:
        raise RuntimeError('only the commit notices it')

    with monkeypatch.context() as patch:
        patch.setattr(Session, 'commit', is_too_late)
        assert browser.ask(write(1, 'insert', make_id(), text='Buy milk')) == {'ok': False, 'reason': 'failed'}
    assert stored(writer) == []
    assert browser.states(write(1, 'insert', make_id(), text='Buy milk')) == ['done']


def test_an_id_is_of_this_time_or_of_before(browser: Browser) -> None:
    day = timedelta(days=1)
    past, soon, late = (
        int((datetime.now(UTC) - EPOCH + ahead) / timedelta(milliseconds=1)) << 12
        for ahead in (-300 * day, day / 2, 2 * day)
    )
    ids = [past, soon, late, 0, -5, GIVEN_ID_MAX + 1]
    states = browser.states(*(write(number, 'insert', row_id, text='Buy milk') for number, row_id in enumerate(ids)))
    assert states == ['done', 'done', *['refused'] * 4]


def test_a_number_of_another_write_begins_a_new_queue(
    browser: Browser, writer: Writer, notes: Stream, runner: asyncio.Runner
) -> None:
    browser.send(write(1, 'insert', make_id(), text='Buy milk'))
    row_id = make_id()
    writes = [write(1, 'insert', row_id, text='Call Ann'), write(2, 'update', row_id, text='Call Bob')]
    assert browser.ask(*writes) == {'ok': False, 'reason': 'queue'}
    assert len(stored(writer)) == 1, 'nothing of the batch is done'
    other = Browser(writer, [notes], runner, 'b' * 32)
    assert other.states(*writes) == ['done', 'done']


ANN, BOB = Author('Ann'), Author('Bob')


def test_nobody_sends_what_another_person_has_waiting(writer: Writer, notes: Stream, runner: asyncio.Runner) -> None:
    """Neither under their own name, nor under the other's, nor what waited before anybody had signed in."""
    first, refused = write(1, 'insert', make_id(), text='Buy milk'), {'ok': False, 'reason': 'person'}
    ann = Browser(writer, [notes], runner, author=ANN)
    assert ann.states(first) == ['done']
    second = write(2, 'insert', make_id(), text='Call Ann')
    for author, person in (
        (BOB, person_key('Bob')),
        (BOB, person_key('Ann')),
        (BOB, ''),
        (ANN, person_key('Bob')),
        (ANN, ''),
        (Author(), ''),
        (Author(), person_key('Ann')),
    ):
        answer = Browser(writer, [notes], runner, author=author, person=person).ask(first, second)
        assert answer.pop('error').startswith('These changes are of somebody else')
        assert answer == refused, (author.user, person)
        if person != person_key(author.user):  # also where nobody has sent it before
            new = Browser(writer, [notes], runner, 'b' * 32, author, person=person)
            assert new.ask(second).items() >= refused.items()
    assert [note.text for note in stored(writer)] == ['Buy milk']
    assert ann.states(first, second) == ['done', 'done']
    nobody = Browser(writer, [notes], runner, 'c' * 32)
    assert nobody.states(write(1, 'insert', make_id(), text='Unsigned')) == ['done']
    late = Browser(writer, [notes], runner, 'c' * 32, ANN).ask(write(2, 'insert', make_id(), text='Unsigned'))
    assert late.items() >= refused.items()


def test_a_table_of_the_build_before_gets_whose_the_queues_are_while_that_build_goes_on_writing(
    writer: Writer, notes: Stream, runner: asyncio.Runner
) -> None:
    begin = "INSERT INTO todosync_queues(queue, last_sequence, at) VALUES ('{}', 7, 4102444800)"
    with writer.database.write() as session:
        connection = session.connection()
        number, strict = ('BIGINT', '') if connection.dialect.name == 'postgresql' else ('INTEGER', ' STRICT')
        connection.exec_driver_sql('DROP TABLE todosync_queues')
        connection.exec_driver_sql(
            f'CREATE TABLE todosync_queues (queue TEXT NOT NULL, last_sequence {number} NOT NULL, '
            f'at {number} NOT NULL, PRIMARY KEY (queue)){strict}'
        )
        connection.exec_driver_sql(begin.format('a' * 32))
    writer.prepare()
    writer.prepare()
    with writer.database.write() as session:
        session.connection().exec_driver_sql(begin.format('b' * 32))  # as a process of the build before does
        assert session.connection().execute(select(queues.c.queue, queues.c.person)).all() == [
            ('a' * 32, ''), ('b' * 32, ''),
        ]  # fmt: skip
    for queue in ('a' * 32, 'b' * 32):
        assert Browser(writer, [notes], runner, queue).states(write(8, 'insert', make_id(), text=queue[:20])) == [
            'done'
        ]
        assert Browser(writer, [notes], runner, queue, ANN).ask(write(9, 'delete', 1))['reason'] == 'person'


def test_only_a_leader_writes(browser: Browser, writer: Writer) -> None:
    answer = browser.ask(write(1, 'insert', make_id(), text='Buy milk'), sid='follower')
    assert answer == {'ok': False, 'reason': 'leader'}
    assert stored(writer) == []


def test_while_the_database_is_away_nothing_is_decided(
    browser: Browser, writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    with writer.database.write() as session:
        session.connection().exec_driver_sql('ALTER TABLE notes_to_write RENAME TO elsewhere')
    wanted = write(1, 'insert', make_id(), text='Buy milk')
    assert browser.ask(wanted) == {'ok': False, 'reason': 'unavailable'}
    with writer.database.write() as session:
        session.connection().exec_driver_sql('ALTER TABLE elsewhere RENAME TO notes_to_write')
    assert browser.states(wanted) == ['done']


def test_queues_that_bring_nothing_for_long_are_forgotten(browser: Browser, writer: Writer) -> None:
    wanted = write(1, 'insert', make_id(), text='Buy milk')
    browser.send(wanted)
    writer.forget_queues(datetime.now(UTC) - timedelta(hours=1))
    assert browser.states(wanted) == ['done']
    writer.forget_queues(datetime.now(UTC) + timedelta(hours=1))
    assert browser.states(wanted) == ['taken'], 'only the id tells that it was done'


@pytest.mark.parametrize(
    'odd',
    [
        {'queue': 'short'},
        {'queue': 'G' * 32},
        {'confirmed': -1},
        {'confirmed': 2**53},
        {'writes': [{}]},
        {'writes': [write(n, 'delete', 1) for n in range(51)]},
        {'writes': [{**write(1, 'delete', 1), 'sequence': '1'}]},
        {'writes': [{**write(1, 'delete', 1), 'sequence': True}]},
        {'writes': [{**write(1, 'delete', 1), 'id': 2**53}]},
        {'writes': [{**write(1, 'delete', 1), 'action': 'x' * 129}]},
        {'writes': [{**write(1, 'delete', 1), 'user': 'Ann'}]},
        {'user': 'Ann'},
        {'person': None},
        {'person': 'x' * 129},
    ],
    ids=str,
)
def test_what_is_no_batch_is_refused(odd: dict[str, Any]) -> None:
    good = {'queue': QUEUE, 'confirmed': 0, 'writes': [write(1, 'delete', 1)]}
    Batch.model_validate(good)
    with pytest.raises(ValidationError):
        Batch.model_validate({**good, **odd})


def test_who_has_deleted_a_row_can_put_it_back_as_it_was(browser: Browser, writer: Writer, notes: Stream) -> None:
    row_id = make_id()
    browser.send(write(1, 'insert', row_id, text='Buy milk', due='2026-12-24', price='1.20', number=7))
    with writer.database.write() as session:
        session.get_one(Note, row_id).archived_at = datetime(2026, 1, 2, tzinfo=UTC)
    (before,) = stored(writer)
    assert browser.states(write(2, 'delete', row_id), write(3, 'restore', row_id)) == ['done', 'done']
    (after,) = stored(writer)
    assert after.model_dump() == before.model_dump()
    assert browser.states(write(4, 'restore', row_id)) == ['done'], 'it is there already'
    writer.update(notes, row_id, {'text': 'Buy oats'})
    assert browser.states(write(5, 'delete', row_id), write(6, 'restore', row_id)) == ['done', 'done']
    assert [note.text for note in stored(writer)] == ['Buy oats'], 'as it was when it was deleted last'


def test_who_may_not_read_learns_of_no_write_whether_a_row_is_there(
    browser: Browser, writer: Writer, notes: Stream, runner: asyncio.Runner
) -> None:
    @notes.verb
    def archive(session: Session, note: Note) -> None: ...

    there, nowhere = make_id(), make_id()
    browser.send(write(1, 'insert', there, text='Buy milk'))
    stranger = Browser(writer, [notes], runner, 'b' * 32, Author('Bob', lambda stream, scope: False))
    for number, action in enumerate(('insert', 'update', 'delete', 'restore', 'archive')):
        values = {'text': 'mine'} if action in ('insert', 'update') else {}
        told = []
        for place, row_id in enumerate((there, nowhere)):
            (outcome,) = stranger.send(write(2 * number + place, action, row_id, **values))
            told.append((outcome['state'], outcome.get('errors', [''])[0].replace(str(row_id), '')))
        assert told[0] == told[1], action
        assert told[0][0] == 'refused', action
    assert [note.text for note in stored(writer)] == ['Buy milk']


def test_nobody_puts_back_what_another_queue_has_deleted_or_what_a_rule_refuses(
    browser: Browser, writer: Writer, notes: Stream, runner: asyncio.Runner
) -> None:
    @notes.rule
    def no_bread(write: Write) -> None:
        if write.action == 'restore' and write.row.text == 'Buy bread':
            write.refuse('No bread here')

    milk, bread, never = make_id(), make_id(), make_id()
    browser.send(write(1, 'insert', milk, text='Buy milk'), write(2, 'insert', bread, text='Buy bread'))
    browser.send(write(3, 'delete', milk), write(4, 'delete', bread))
    other = Browser(writer, [notes], runner, queue='b' * 32)
    too_late = ['This was deleted too long ago to be put back']
    assert [outcome['errors'] for outcome in other.send(write(1, 'restore', milk))] == [too_late]
    outcomes = browser.send(write(5, 'restore', bread), write(6, 'restore', never))
    assert [outcome['errors'] for outcome in outcomes] == [['No bread here'], too_late]
    writer.forget(datetime.now(UTC) + timedelta(seconds=1))
    assert [outcome['errors'] for outcome in browser.send(write(7, 'restore', milk))] == [too_late]
    assert stored(writer) == []
