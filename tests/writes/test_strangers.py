"""Whatever a program sends as a browser's writes, it is refused in words, writes nothing and learns nothing."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from tests.databases import other_program
from tests.light_browser import LightBrowser
from tests.light_socket import LightSocket
from tests.server import ROOT, RunningServer, running_server
from todosync.ids import IdMaker
from todosync.streams import person_key

SECRET = 'a ring for Bob'
OURS, THEIRS = 1, 2
"""The projects of Ann, and of Bob."""
make_id = IdMaker()


@pytest.fixture(scope='module')
def app(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Iterator[RunningServer]:
    main = ROOT / 'tests' / 'apps' / 'scopes.py'
    with running_server(tmp_path_factory.mktemp('strangers'), main=main, DATABASE_URL=new_database()) as server:
        yield server


@pytest.fixture
def server(app: RunningServer) -> RunningServer:
    """A project of Ann's with a task, and one of Bob's."""
    app.execute('DELETE FROM scoped_tasks')
    app.execute('DELETE FROM project_members')
    for person, project in (('ann', OURS), ('bob', THEIRS)):
        app.execute('INSERT INTO project_members(person, project_id) VALUES (:p, :s)', {'p': person, 's': project})
    add(app, 11, OURS, 'paint')
    add(app, 22, THEIRS, SECRET)
    return app


def add(app: RunningServer, row_id: int, project: int, title: str) -> None:
    row = {'i': row_id, 'p': project, 't': title}
    app.execute('INSERT INTO scoped_tasks(id, project_id, title, done) VALUES (:i, :p, :t, false)', row)


def stored(app: RunningServer) -> list[tuple[int, int, str, bool]]:
    with other_program(app.database_url) as connection:
        rows = connection.execute(text('SELECT id, project_id, title, done FROM scoped_tasks ORDER BY id'))
        return [(row[0], row[1], row[2], bool(row[3])) for row in rows]


AT_FIRST = [(11, OURS, 'paint', False), (22, THEIRS, SECRET, False)]


class Program:
    """Speaks the protocol like a person's browser, and notes everything that it is told."""

    def __init__(self, socket: LightSocket, user: str | None = None) -> None:
        self.socket = socket
        self.person = person_key(user)
        self.queue = secrets.token_hex(16)
        self.heard: list[Any] = []
        self._numbers = itertools.count(1)
        socket.listener = lambda event, data, at, size: self.heard.append(data)

    def write(self, action: str, row_id: Any, *, sequence: int | None = None, **more: Any) -> dict[str, Any]:
        """Return the next write, or one with a number."""
        number = next(self._numbers) if sequence is None else sequence
        return {'sequence': number, 'stream': 'scoped_tasks', 'action': action, 'id': row_id, **more}

    async def ask(self, *writes: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Send a batch and return the answer."""
        batch = {'queue': self.queue, 'person': self.person, 'confirmed': 0, 'writes': list(writes), **more}
        answer: dict[str, Any] = await self.socket.call('todosync_write', batch)
        self.heard.append(answer)
        return answer

    async def outcomes(self, *writes: dict[str, Any]) -> list[dict[str, Any]]:
        answer = await self.ask(*writes)
        assert answer['ok'], answer
        return list(answer['outcomes'])

    async def one(self, action: str, row_id: Any, **more: Any) -> dict[str, Any]:
        """Send one write and return its outcome."""
        (outcome,) = await self.outcomes(self.write(action, row_id, **more))
        return outcome


@asynccontextmanager
async def program(server: RunningServer, user: str) -> AsyncIterator[Program]:
    browser = LightBrowser(server.url, user=user)
    try:
        socket = await browser.open(f'/{OURS},{THEIRS}', stream='scoped_tasks', scopes=(OURS, THEIRS))
        yield Program(socket, None if user in {'', 'nameless'} else user)
    finally:
        await browser.close()


@pytest.fixture
async def ann(server: RunningServer) -> AsyncIterator[Program]:
    async with program(server, 'ann') as ann:
        yield ann


def is_refused(outcome: dict[str, Any]) -> bool:
    """Return whether a write is refused, in words."""
    return outcome['state'] == 'refused' and all(outcome['errors']) and outcome['errors'] != []


def without(row_id: int, outcome: dict[str, Any]) -> dict[str, Any]:
    """Return an outcome without what differs by the row and by the number."""
    return {**outcome, 'sequence': 0, 'errors': str(outcome['errors']).replace(str(row_id), '')}


async def test_what_is_sent_again_by_two_sockets_at_once_is_done_once(server: RunningServer, ann: Program) -> None:
    async with program(server, 'ann') as other:
        writes = [ann.write('insert', make_id(), values={'title': f'{n}', 'project_id': OURS}) for n in range(20)]
        other.queue = ann.queue
        answers = await asyncio.gather(ann.outcomes(*writes), other.outcomes(*writes))
        assert answers[0] == answers[1]
        assert [outcome['state'] for outcome in answers[0]] == ['done'] * 20
        assert len(stored(server)) == 22


async def test_a_number_before_the_last_one_writes_nothing(server: RunningServer, ann: Program) -> None:
    assert (await ann.one('update', 11, values={'title': 'oil'}, sequence=9))['state'] == 'done'
    late = ann.write('update', 11, values={'title': 'late'}, sequence=3)
    assert await ann.outcomes(late) == [{'sequence': 3, 'state': 'done'}], 'nothing is left to do'
    first, second = (ann.write('update', 11, values={'done': True}, sequence=number) for number in (12, 11))
    assert [outcome['sequence'] for outcome in await ann.outcomes(first, second)] == [12, 11]
    assert stored(server)[0] == (11, OURS, 'oil', True)


async def test_a_browser_whose_storage_was_cleared_is_told_to_begin_anew(server: RunningServer, ann: Program) -> None:
    await ann.one('update', 11, values={'title': 'oil'}, sequence=1)
    again = ann.write('update', 11, values={'title': 'wax'}, sequence=1), ann.write('delete', 11, sequence=2)
    assert await ann.ask(*again) == {'ok': False, 'reason': 'queue'}
    assert stored(server)[0][2] == 'oil', 'nothing of the batch is done'
    ann.queue = secrets.token_hex(16)
    assert [outcome['state'] for outcome in await ann.outcomes(*again)] == ['done', 'done']


async def test_nobody_sends_what_waits_of_somebody_else(server: RunningServer, ann: Program) -> None:
    """Neither as themselves nor as the other, neither a queue that the server knows nor a new one."""
    assert (await ann.one('update', 11, values={'title': 'oil'}, sequence=1))['state'] == 'done'
    server.execute(f"INSERT INTO project_members(person, project_id) VALUES ('bob', {OURS})")
    async with program(server, 'bob') as bob:
        theft = ann.write('update', 11, values={'title': 'water'}, sequence=2)
        for queue, person in itertools.product((ann.queue, 'f' * 32), (ann.person, bob.person, '')):
            bob.queue, bob.person = queue, person
            if (queue, person) == ('f' * 32, person_key('bob')):
                continue  # this is his own
            answer = await bob.ask(theft)
            assert (answer['ok'], answer['reason']) == (False, 'person')
            assert answer['error'].startswith('These changes are of somebody else')
            bob.person = person_key('bob')
    assert stored(server)[0][2] == 'oil'
    assert [outcome['state'] for outcome in await ann.outcomes(theft)] == ['done']


@pytest.mark.parametrize(
    'batch',
    [
        {'writes': [{'sequence': n, 'stream': 'scoped_tasks', 'action': 'delete', 'id': 11} for n in range(51)]},
        {'writes': [{'sequence': 1, 'stream': 'x' * 129, 'action': 'delete', 'id': 11}]},
        {'writes': [{'sequence': 2**53, 'stream': 'scoped_tasks', 'action': 'delete', 'id': 11}]},
        {'writes': [{'sequence': 1, 'stream': 'scoped_tasks', 'action': 'delete', 'id': 11, 'user': 'bob'}]},
        {'queue': 'f' * 33, 'writes': []},
        {'user': 'bob', 'writes': []},
    ],
    ids=['51 writes', 'a long name', 'a high number', 'a user', 'a long queue', 'a user of all'],
)
async def test_a_batch_of_another_shape_is_refused(server: RunningServer, ann: Program, batch: dict[str, Any]) -> None:
    assert await ann.ask(**batch) == {'ok': False, 'reason': 'malformed'}
    assert stored(server) == AT_FIRST


async def test_what_is_too_large_is_refused_and_keeps_no_other_from_being_done(
    server: RunningServer, ann: Program
) -> None:
    fields = {f'field {n}': 'x' * 50 for n in range(2000)}
    long = ann.write('update', 11, values={'done': 'x' * 150_000})
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    outcomes = await ann.outcomes(
        long,
        ann.write('update', 11, values=fields),
        ann.write('update', 11, values={'title': deep}),
        ann.write('update', 11, values={'title': 'oil'}, was={'title': deep}),
    )
    assert [is_refused(outcome) for outcome in outcomes] == [True, True, True, False]
    assert all(len(orjson.dumps(outcome)) < 20_000 for outcome in outcomes), 'what it keeps of them is bounded'
    assert stored(server)[0][2] == 'oil'


@pytest.mark.parametrize(
    'write',
    [
        {'action': 'update', 'id': 11, 'values': {'id': 12}},
        {'action': 'update', 'id': 11, 'values': {'secret': 'x'}},
        {'action': 'update', 'id': 11, 'values': {}},
        {'action': 'update', 'id': 11, 'values': {'title': None}},
        {'action': 'insert', 'id': 5000, 'values': {'title': 'x', 'id': 5, 'project_id': OURS}},
        {'action': 'archive', 'id': 11},
        {'action': '__class__', 'id': 11},
        {'action': 'carry_out', 'id': 11},
        {'action': 'delete', 'id': 11, 'stream': 'project_members'},
        {'action': 'delete', 'id': 11, 'stream': 'todosync_queues'},
        {'action': 'delete', 'id': '01234567-89ab-7def-8123-456789abcdef'},
        {'action': 'restore', 'id': 11_000},
    ],
    ids=str,
)
async def test_what_is_not_declared_cannot_be_written(
    server: RunningServer, ann: Program, write: dict[str, Any]
) -> None:
    (outcome,) = await ann.outcomes({**ann.write('', 0), **write})
    assert is_refused(outcome), outcome
    assert stored(server) == AT_FIRST


async def test_rows_of_another_scope_are_neither_written_nor_told(server: RunningServer, ann: Program) -> None:
    there, nowhere = 22, 33
    for action, more in (
        ('update', {'values': {'title': 'mine'}, 'was': {'title': SECRET}}),
        ('update', {'values': {'project_id': OURS}, 'was': {'project_id': OURS, 'title': ''}}),
        ('delete', {}),
        ('restore', {}),
        ('archive', {}),
    ):
        told = [await ann.one(action, row_id, **more) for row_id in (there, nowhere)]
        assert all(map(is_refused, told)), action
        alike = [without(row_id, outcome) for row_id, outcome in zip((there, nowhere), told, strict=True)]
        assert alike[0] == alike[1], action
    moved = await ann.one('update', 11, values={'project_id': THEIRS})
    added = await ann.one('insert', make_id(), values={'title': 'mine', 'project_id': THEIRS})
    assert is_refused(moved)
    assert is_refused(added)
    assert stored(server) == AT_FIRST
    assert SECRET not in str(ann.heard)


@pytest.mark.parametrize('user', ['', 'eve', 'nameless'])
async def test_who_may_read_nothing_writes_nothing(server: RunningServer, user: str) -> None:
    async with program(server, user) as eve:
        outcomes = [
            await eve.one('insert', make_id(), values={'title': 'x', 'project_id': OURS}),
            await eve.one('insert', 11, values={'title': 'x', 'project_id': OURS}),
            await eve.one('update', 11, values={'title': 'x'}),
            await eve.one('delete', 11),
        ]
        assert all(map(is_refused, outcomes)), outcomes
        assert stored(server) == AT_FIRST
        assert 'paint' not in str(eve.heard)
        assert SECRET not in str(eve.heard)


async def test_who_has_lost_the_right_writes_nothing_more(server: RunningServer, ann: Program) -> None:
    assert (await ann.one('update', 11, values={'title': 'oil'}))['state'] == 'done'
    await asyncio.to_thread(server.execute, "DELETE FROM project_members WHERE person = 'ann'")
    assert is_refused(await ann.one('update', 11, values={'title': 'mine'}))
    assert stored(server)[0][2] == 'oil'


async def test_an_id_that_is_taken_or_of_the_future_makes_no_row(server: RunningServer, ann: Program) -> None:
    values = {'title': 'mine', 'project_id': OURS}
    for row_id in (11, 22):
        outcome = await ann.one('insert', row_id, values=values)
        assert outcome.keys() == {'sequence', 'state'}, 'nothing of the row that has it'
        assert outcome['state'] == 'taken'
    in_two_days = make_id() + (int(timedelta(days=2) / timedelta(milliseconds=1)) << 12)
    outcome = await ann.one('insert', in_two_days, values=values)
    assert outcome['errors'] == ['The clock of this device is wrong; set it, and try again']
    assert stored(server) == AT_FIRST


async def test_a_socket_that_leads_no_page_writes_nothing(server: RunningServer) -> None:
    path = '/_nicegui_ws/socket.io/?EIO=4&transport=websocket'
    socket = await LightSocket.connect('127.0.0.1', server.port, path)
    stranger = Program(socket)
    assert await stranger.ask(stranger.write('delete', 11)) == {'ok': False, 'reason': 'leader'}
    socket.close()
    assert stored(server) == AT_FIRST
