"""Scopes and rights on the server: real databases, real sockets, and people who come, go, gain and lose rights."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import socketio
import uvicorn
from nicegui.server import Server
from sqlmodel import Field, SQLModel, col, delete, select

from tests.databases import execute
from tests.light_socket import LightSocket
from tests.sockets import connect, serving, until
from todosync import Stream, count
from todosync.cable import MemoryCable
from todosync.database.database import Database
from todosync.jobs import Jobs, LocalJobs
from todosync.streams import REFUSAL, Broadcaster, Channel, Channels, Rights, RightsWatch, ScopeChannels, read_scope
from todosync.streams.cache import MemoryCache
from todosync.streams.version import NOTHING, Version

FAR_FUTURE = datetime(2999, 1, 1, tzinfo=UTC)
PEOPLE = 'ann', 'bob', 'cleo', 'dan'
PROJECTS = 1, 2, 3
STEPS = 250


class Card(SQLModel, table=True):
    __tablename__ = 'model_cards'

    id: int | None = Field(default=None, primary_key=True)
    project_id: int = Field(index=True)
    title: str


class Seat(SQLModel, table=True):
    __tablename__ = 'model_seats'

    person: str = Field(primary_key=True)
    project_id: int = Field(primary_key=True)


def is_seated(user: str | None, project_id: int) -> bool:
    with Rooms.database.read() as session:
        return session.get(Seat, (user or '', project_id)) is not None


CARDS = Stream(Card, order_by='id', scope='project_id', may_read=is_seated, rights=(Seat,), totals={'all': count()})


class Rooms:
    """One process's parts of a stream with scopes, and the sockets of people."""

    database: Database

    def __init__(self, url: str, sio: socketio.AsyncServer) -> None:
        self.url = url
        self.sio = sio
        self.database = Rooms.database = Database(url, on_commit=self.on_commit)
        self.cable = MemoryCable()
        self.jobs = Jobs()
        self.local_jobs = LocalJobs(self.jobs.failed)
        self.broadcaster = Broadcaster(self.database, self.cable, self.local_jobs, self.jobs.failed, [CARDS])
        self.user_of: dict[str, str] = {}
        self.rights = Rights(lambda request: None)
        self.watch = RightsWatch(self.database, [CARDS], self._on_rights)
        self.scopes = ScopeChannels(CARDS, self.database, self.cable, self._make_channel)
        self.channels = Channels(
            [],
            scopes=[self.scopes],
            rights=self.rights,
            user_of=self.user_of.get,
            is_connected=lambda sid: bool(sio.manager.is_connected(sid, '/')),
            may_subscribe=lambda sid: True,
        )
        sio.on('todosync_fetch', self.channels.answer_fetch)

    async def start(self) -> None:
        def build() -> None:
            self.database.install_change_log(CARDS.log_table)
            for log in self.watch.logs:
                self.database.install_change_log(log)
            self.cable.start()
            self.jobs.start()
            self.local_jobs.start()
            self.broadcaster.start()

        await asyncio.to_thread(build)
        await self.channels.start()
        await self.watch.start()

    async def stop(self) -> None:
        def close() -> None:
            self.broadcaster.stop()
            self.local_jobs.stop()
            self.jobs.stop()
            self.cable.stop()
            self.database.close()

        await self.watch.stop()
        await self.channels.stop()
        await asyncio.to_thread(close)

    async def write(self, *objects: Any, statement: Any = None) -> None:
        def run() -> None:
            with self.database.write() as session:
                session.add_all(objects)
                if statement is not None:
                    session.connection().execute(statement)

        await asyncio.to_thread(run)

    async def rows(self, project: int) -> dict[int, str]:
        def run() -> dict[int, str]:
            with self.database.read() as session:
                found = session.exec(select(Card).where(Card.project_id == project)).all()
                return {card.id or 0: card.title for card in found}

        return await asyncio.to_thread(run)

    def on_commit(self) -> None:
        self.broadcaster.broadcast_later()
        self.watch.wake()

    def _make_channel(self, scope: Any) -> Channel:
        return Channel(
            CARDS,
            self.database,
            MemoryCache(3600),
            self.cable,
            self.sio,
            embed_limit=2**20,
            scope=scope,
            settle_rights=self.watch.look,
        )

    async def _on_rights(self, streams: list[Stream]) -> None:
        await self.channels.dismiss_refused(streams)


class Person:
    """Somebody's browser: it holds what it is sent as the browser's store does, and remembers all that it was sent."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.socket: LightSocket
        self.held: dict[int, dict[int, str]] = {}
        self.totals: dict[int, Any] = {}
        self.refused: set[int] = set()
        self.ended: set[int] = set()
        self.received: list[dict[str, Any]] = []
        self._versions: dict[int, Version] = {}
        self._known: dict[int, set[Version]] = {}
        self._asking: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def come(cls, rooms: Rooms, server: uvicorn.Server, name: str) -> Person:
        person = cls(name)
        person.socket = await connect(server, person._receive)  # type: ignore[arg-type]
        rooms.user_of[person.socket.sid] = name
        return person

    def ask(self, project: int) -> None:
        if project in self._asking:
            return
        self._asking.add(project)
        self.refused.discard(project)
        self.ended.discard(project)
        version = self._versions.get(project)
        question = {'stream': CARDS.name, 'scope': project, 'version': version and version.message()}
        task = asyncio.create_task(self._ask(project, question))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, project: int, question: dict[str, Any]) -> None:
        with suppress(ConnectionError):
            answer = await self.socket.call('todosync_fetch', question)
            if not answer['ok']:  # nobody watches it
                self._asking.discard(project)

    def _receive(self, event: str, message: dict[str, Any], *_: Any) -> None:
        self.received.append(message)
        project = message['scope']
        if event == 'todosync_answer' or 'refused' in message:
            self._asking.discard(project)
        if 'refused' in message or 'ended' in message:
            for kept in (self.held, self._versions, self._known, self.totals):
                kept.pop(project, None)  # type: ignore[attr-defined]
            (self.refused if 'refused' in message else self.ended).add(project)
            self._asking.discard(project)
        elif not self._apply(project, message):
            self.ask(project)

    def _apply(self, project: int, message: dict[str, Any]) -> bool:
        version, held = Version(*message['version']), self._versions.get(project, NOTHING)
        known = self._known.setdefault(project, set())
        if version in known and 'replaces' not in message:
            return True
        if 'base' not in message:
            if 'replaces' not in message and version.number <= held.number:
                return False
            self.held[project] = {row['id']: row['title'] for row in message[CARDS.name]}
            known.clear()
        elif Version(*message['base']) != held:
            return False
        else:
            rows = self.held[project]
            rows.update((row['id'], row['title']) for row in message['put'])
            for row_id in message['del']:
                rows.pop(row_id, None)  # it may have come and gone meanwhile
        self.totals[project] = message['totals']['all']
        self._versions[project] = version
        known.add(version)
        return True


@pytest.fixture
async def rooms(database_url: str) -> AsyncIterator[Rooms]:
    rooms = Rooms(database_url, socketio.AsyncServer(async_mode='asgi'))
    await rooms.start()
    yield rooms
    await rooms.stop()


@pytest.fixture
async def server(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[uvicorn.Server]:
    async with serving(rooms.sio) as server:
        monkeypatch.setattr(Server, 'instance', server, raising=False)
        yield server


class World:
    """What was true: who might see each title and each row at some moment while it was so."""

    def __init__(self) -> None:
        self.seats: set[tuple[str, int]] = set()
        self.cards: dict[int, tuple[int, str]] = {}
        self.seen: dict[str, set[str | int]] = {name: set() for name in PEOPLE}

    def note(self) -> None:
        for row_id, (project, title) in self.cards.items():
            for name in PEOPLE:
                if (name, project) in self.seats:
                    self.seen[name] |= {row_id, title}


async def step(rooms: Rooms, world: World, chance: random.Random, number: int) -> None:
    """Do one thing that anybody may do to the data, and note what is allowed from then on."""
    project, name = chance.choice(PROJECTS), chance.choice(PEOPLE)
    card = chance.choice([*world.cards]) if world.cards else None
    match chance.choice(['insert', 'insert', 'move', 'rename', 'delete', 'grant', 'revoke', 'many']):
        case 'insert':
            world.cards[number] = project, f'title-{number}.'
            await rooms.write(Card(id=number, project_id=project, title=f'title-{number}.'))
        case 'move' if card:
            world.cards[card] = project, world.cards[card][1]
            values = {'project_id': project}
            await rooms.write(statement=Card.__table__.update().where(col(Card.id) == card).values(values))  # type: ignore[attr-defined]
        case 'rename' if card:
            world.cards[card] = world.cards[card][0], f'title-{number}.'
            values = {'title': f'title-{number}.'}  # type: ignore[dict-item]
            await rooms.write(statement=Card.__table__.update().where(col(Card.id) == card).values(values))  # type: ignore[attr-defined]
        case 'delete' if card:
            del world.cards[card]
            await rooms.write(statement=delete(Card).where(col(Card.id) == card))
        case 'grant' if (name, project) not in world.seats:
            world.seats.add((name, project))
            await rooms.write(Seat(person=name, project_id=project))
        case 'revoke' if (name, project) in world.seats:
            world.seats.remove((name, project))
            gone = (col(Seat.person) == name) & (col(Seat.project_id) == project)
            await rooms.write(statement=delete(Seat).where(gone))
        case 'many':  # by another program, all of one project to another
            other = chance.choice(PROJECTS)
            world.cards = {i: (other if p == project else p, title) for i, (p, title) in world.cards.items()}
            statement = f'UPDATE model_cards SET project_id = {other} WHERE project_id = {project}'
            await asyncio.to_thread(execute, rooms.url, statement)
    world.note()


@pytest.mark.parametrize('seed', range(3))
async def test_nobody_receives_a_row_that_the_rights_do_not_allow(
    rooms: Rooms, server: uvicorn.Server, seed: int
) -> None:
    chance, world = random.Random(seed), World()
    people = [await Person.come(rooms, server, name) for name in PEOPLE]
    watched: set[int] = set()
    commits = rooms.database.commit_signal(0.01, rooms.on_commit)
    commits.start()
    for number in range(1, STEPS):
        await step(rooms, world, chance, number)
        for project in PROJECTS:
            if chance.random() < 0.1:
                if project in watched:
                    watched.discard(project)
                    rooms.scopes.leave(project)
                else:
                    watched.add(project)
                    rooms.scopes.watch(project)
        chance.choice(people).ask(chance.choice(PROJECTS))
        if chance.random() < 0.3:
            await asyncio.sleep(0)
        if chance.random() < 0.05:  # somebody's connection is lost, and made again
            lost = chance.choice(people)
            lost.socket.close()
            people[people.index(lost)] = again = await Person.come(rooms, server, lost.name)
            again.received = lost.received
    for project in set(PROJECTS) - watched:
        rooms.scopes.watch(project)
    rows = {project: await rooms.rows(project) for project in PROJECTS}

    def all_is_right() -> bool:
        for person in people:
            for project in PROJECTS:
                may_read = (person.name, project) in world.seats
                if may_read != (person.held.get(project) == rows[project]) or may_read == (project in person.refused):
                    person.ask(project)
                    return False
                if may_read and person.totals[project] != len(rows[project]):
                    return False
        return True

    await until(all_is_right)
    await asyncio.to_thread(commits.stop)
    for person in people:
        told = orjson.dumps(person.received).decode()
        titles = {f'title-{part.partition(".")[0]}.' for part in told.split('title-')[1:]}
        ids = {row['id'] for message in person.received for row in message.get('put', message.get(CARDS.name, []))}
        deleted = {row_id for message in person.received for row_id in message.get('del', [])}
        assert titles <= world.seen[person.name]
        assert ids | deleted <= world.seen[person.name]


async def test_a_change_reaches_its_scope_only_and_others_keep_their_version(
    rooms: Rooms, server: uvicorn.Server
) -> None:
    await rooms.write(*(Seat(person='ann', project_id=project) for project in PROJECTS))
    ann = await Person.come(rooms, server, 'ann')
    channels = {project: rooms.scopes.watch(project) for project in PROJECTS}
    for project in PROJECTS:
        ann.ask(project)
    await until(lambda: set(ann.held) == set(PROJECTS))
    before, heard = channels[2].replica.version, len(ann.received)
    await rooms.write(Card(id=1, project_id=1, title='one'))
    await until(lambda: ann.held[1] == {1: 'one'})
    await rooms.write(statement=Card.__table__.update().values(project_id=3))  # type: ignore[attr-defined]
    await until(lambda: (ann.held[1], ann.held[3]) == ({}, {1: 'one'}))
    assert channels[2].replica.version == before
    assert {message['scope'] for message in ann.received[heard:]} == {1, 3}


async def test_a_channel_begins_with_its_first_watcher_and_ends_with_its_last(rooms: Rooms) -> None:
    first, second = rooms.scopes.watch(1), rooms.scopes.watch(1)
    assert first is second
    rooms.scopes.leave(1)
    assert rooms.scopes.get(1) is first
    rooms.scopes.leave(1)
    rooms.scopes.leave(1)
    assert (rooms.scopes.get(1), len(rooms.scopes)) == (None, 0)


async def test_a_scope_that_nobody_watches_is_not_made_by_whoever_asks_for_it(
    rooms: Rooms, server: uvicorn.Server
) -> None:
    await rooms.write(Seat(person='ann', project_id=1))
    ann = await Person.come(rooms, server, 'ann')
    for scope in (1, 'one', None):
        assert await ann.socket.call('todosync_fetch', question(scope)) == {'ok': False}
    assert len(rooms.scopes) == 0


async def test_who_may_not_read_a_scope_does_not_learn_whether_it_is_there_or_watched(
    rooms: Rooms, server: uvicorn.Server
) -> None:
    bob = await Person.come(rooms, server, 'bob')
    rooms.scopes.watch(1)
    await rooms.write(Card(id=1, project_id=2, title='two'))
    for scope in (1, 2, 2**53 - 1):  # watched; there, but not watched; not there
        assert await bob.socket.call('todosync_fetch', question(scope)) == {'ok': True}
    await until(lambda: len(bob.received) == 3)
    assert bob.received == [{'stream': CARDS.name, 'scope': scope, 'refused': REFUSAL} for scope in (1, 2, 2**53 - 1)]
    assert len(rooms.scopes) == 1


def question(scope: Any) -> dict[str, Any]:
    return {'stream': CARDS.name, 'scope': scope, 'version': None}


async def test_a_quiet_scope_is_brought_up_to_date_by_a_delta_after_old_changes_are_trimmed(rooms: Rooms) -> None:
    await rooms.write(Card(id=1, project_id=1, title='quiet'))

    def run(*, trims: bool) -> Version:
        with rooms.database.write() as session:
            if trims:
                CARDS.trim(session, FAR_FUTURE)
            return CARDS.version(session, 1)

    version = await asyncio.to_thread(run, trims=False)
    await rooms.write(*(Card(id=number, project_id=2, title='busy') for number in range(2, 150)))
    assert await asyncio.to_thread(run, trims=True) == version
    await rooms.write(Card(id=10_000, project_id=1, title='again'))
    with_scope = rooms.scopes.watch(1).source
    missed = await asyncio.to_thread(with_scope.read_since, version)
    assert [row['title'] for row in missed.put] == ['again']  # type: ignore[union-attr]


async def test_a_log_that_knew_no_scopes_is_made_anew_and_nobody_misses_a_move(rooms: Rooms) -> None:
    unscoped = Stream(Card, order_by='id')
    await asyncio.to_thread(rooms.database.install_change_log, unscoped.log_table)
    await rooms.write(Card(id=1, project_id=1, title='old'))
    await asyncio.to_thread(rooms.database.install_change_log, CARDS.log_table)
    channel = rooms.scopes.watch(1)
    await until(lambda: len(channel.replica.rows) == 1)
    await rooms.write(statement=Card.__table__.update().values(project_id=2))  # type: ignore[attr-defined]
    await until(lambda: len(channel.replica.rows) == 0)


REPLACES = {
    'sqlite': "INSERT OR REPLACE INTO model_cards(id, project_id, title) VALUES (1, 2, 'moved')",
    'postgresql': (
        "INSERT INTO model_cards(id, project_id, title) VALUES (1, 2, 'moved') "
        "ON CONFLICT (id) DO UPDATE SET project_id = 2, title = 'moved'"
    ),
}


@pytest.mark.parametrize('how', ['replace', 'renumber', 'delete'])
async def test_a_row_leaves_its_scope_whatever_statement_another_program_uses(
    rooms: Rooms, database_kind: str, how: str
) -> None:
    await rooms.write(Card(id=1, project_id=1, title='here'))
    one, two = rooms.scopes.watch(1), rooms.scopes.watch(2)
    await until(lambda: len(one.replica.rows) == 1)
    statement = {
        'replace': REPLACES[database_kind],
        'renumber': 'UPDATE model_cards SET id = 5, project_id = 2',
        'delete': 'DELETE FROM model_cards',
    }[how]
    await asyncio.to_thread(execute, rooms.url, statement)
    rooms.broadcaster.broadcast_later()
    left = [] if how == 'delete' else [5 if how == 'renumber' else 1]
    await until(lambda: (len(one.replica.rows), [row['id'] for row in two.replica.rows]) == (0, left))


@pytest.mark.parametrize(
    ('declare', 'said'),
    [
        (
            lambda: Stream(Card, scope='project'),
            "no column 'project', its scope; name a column of the model",
        ),
        (lambda: Stream(Card, scope='title'), "needs an index on 'title', its scope; declare it with"),
        (lambda: Stream(Card, scope='id'), "cannot have a scope for each 'id'"),
        (
            lambda: Stream(Card, scope='project_id', fields=('id', 'title')),
            "needs the field 'project_id', its scope; add",
        ),
        (lambda: Stream(Card, scope=7), 'has 7 as its `scope`'),  # type: ignore[arg-type]
        (lambda: Stream(Card, may_read=True), 'has True as its `may_read`, which is no function; give a function'),  # type: ignore[arg-type]
        (lambda: Stream(Card, rights=(Seat,)), 'has `rights` and no `may_read`'),
        (lambda: Stream(Card, may_read=is_seated, rights=(SQLModel,)), 'among its `rights`, which has no table'),
        (lambda: Stream(Odd, scope='weight'), "cannot have a scope for each 'weight'; name a column of whole numbers"),
        (lambda: Stream(Odd, scope='maybe'), "cannot have the scope 'maybe', which may be NULL; declare it without"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(declare: Callable[[], Stream], said: str) -> None:
    with pytest.raises(ValueError, match='the stream') as refused:
        declare()
    assert said in str(refused.value)
    assert '\n' not in str(refused.value)


@pytest.mark.parametrize('scope', [2**53, -(2**53), 2**70, '7', 7.0, True, None, [7]], ids=repr)
def test_what_no_row_can_have_is_no_scope(scope: Any) -> None:
    with pytest.raises(ValueError, match='is a whole number'):
        read_scope(CARDS, scope)
    assert read_scope(CARDS, 2**53 - 1) == 2**53 - 1


@pytest.mark.parametrize('scope', ['x' * 257, 'a\0', 'a\ud83d', 7, None], ids=ascii)
def test_what_no_database_can_look_for_is_no_scope(scope: Any) -> None:
    with pytest.raises(ValueError, match='is a text of at most 256 characters') as refused:
        read_scope(Stream(Odd, scope='word'), scope)
    assert len(str(refused.value)) < 500


class Odd(SQLModel, table=True):
    __tablename__ = 'model_odd'

    id: int | None = Field(default=None, primary_key=True)
    weight: float = Field(index=True)
    maybe: int | None = Field(default=None, index=True)
    word: str = Field(default='', index=True)
