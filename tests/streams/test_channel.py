"""The channel, with a real database, cache and cable, over real sockets."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import orjson
import pytest
import socketio
import uvicorn
from nicegui.server import Server

from tests.databases import execute
from tests.light_socket import LightSocket
from tests.sockets import Inbox, connect, serving, until
from tests.writing import create_todo, delete_todo, update_todo
from todos import MIGRATIONS, TODOS
from todosync.cable import MemoryCable
from todosync.database.database import Database
from todosync.streams.cache import MemoryCache
from todosync.streams.channel import EVENT, Channel
from todosync.streams.stream import DELTA_MAX_ROWS

NEVER = 3600.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class House:
    """One process's parts around a channel, without the job that broadcasts: a test says when."""

    def __init__(self, url: str, sio: socketio.AsyncServer) -> None:
        self.url = url
        self.database = Database(url, migrations=MIGRATIONS)
        self.cache = MemoryCache(ttl=NEVER)
        self.cable = MemoryCable()
        self.sio = sio
        self.channels: list[Channel] = []
        self.published = 0

    async def channel(
        self, *, embed_limit: int = 2**20, burst_interval: float = 0.01, clock: Callable[[], float] = time.monotonic
    ) -> Channel:
        channel = Channel(
            TODOS,
            self.database,
            self.cache,
            self.cable,
            self.sio,
            embed_limit=embed_limit,
            burst_interval=burst_interval,
            clock=clock,
        )
        self.channels.append(channel)
        await channel.start()
        self.published = channel.replica.version
        return channel

    async def add(self, title: str) -> int:
        todo = await asyncio.to_thread(create_todo, self.database, {'title': title})
        assert todo.id is not None
        return todo.id

    async def update(self, todo_id: int, **fields: Any) -> None:
        await asyncio.to_thread(update_todo, self.database, todo_id, fields)

    async def delete(self, todo_id: int) -> None:
        await asyncio.to_thread(delete_todo, self.database, todo_id)

    async def execute(self, statement: str, *rows: Mapping[str, Any]) -> None:
        await asyncio.to_thread(execute, self.url, statement, *rows)

    async def broadcast(self) -> None:
        """Publish what has changed since the last time, as the broadcast job does."""

        def run() -> None:
            with self.database.read() as session:
                delta = TODOS.delta(session, self.published)
                version = TODOS.version(session)
            message = delta.message() if delta else {'stream': TODOS.name, 'version': version}
            self.cable.publish(TODOS.topic, orjson.dumps(message))
            self.published = version

        await asyncio.to_thread(run)

    async def stop(self) -> None:
        for channel in self.channels:
            await channel.stop()
        self.cable.stop()
        await asyncio.to_thread(self.database.close)


class Browser:
    """A browser's copy of the list, kept as the browser's store keeps it."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.socket: LightSocket
        self.inbox = Inbox()
        self.inbox.listener = self._receive
        self.version: int | None = None
        self.items: dict[int, dict[str, Any]] = {}
        self.totals: dict[str, Any] = {}
        self.versions: list[int] = []
        self.asked = 0
        self._asking: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, server: uvicorn.Server, channel: Channel) -> Browser:
        browser = cls(channel)
        browser.socket = await connect(server, browser.inbox)
        await browser.ask()
        return browser

    @property
    def titles(self) -> list[str]:
        newest_first = sorted(self.items.values(), key=lambda item: (item['created_at'], item['id']), reverse=True)
        return [item['title'] for item in newest_first]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [data for event, data in self.inbox.events if event == EVENT]

    async def ask(self) -> None:
        self.asked += 1
        answer = await self._channel.subscribe(self.socket.sid, self.version)
        self._apply(orjson.loads(answer))

    async def wait_for(self, titles: list[str]) -> None:
        await until(lambda: self.titles == titles)

    def _receive(self, event: str, message: dict[str, Any]) -> None:
        if event == EVENT and not self._apply(message):
            task = asyncio.create_task(self.ask())
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    def _apply(self, message: dict[str, Any]) -> bool:
        held = -1 if self.version is None else self.version
        if message['version'] <= held:
            return True
        if 'base' not in message:
            self.items = {item['id']: item for item in message[TODOS.name]}
        elif message['base'] > held:
            return False
        else:
            self.items.update((item['id'], item) for item in message['put'])
            for item_id in message['del']:
                self.items.pop(item_id, None)
        self.totals = message.get('totals', self.totals)
        self.version = message['version']
        self.versions.append(message['version'])
        return True


@pytest.fixture
async def server(house: House, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[uvicorn.Server]:
    house.sio.on('are you there?', lambda sid, data: 'yes')
    async with serving(house.sio) as server:
        monkeypatch.setattr(Server, 'instance', server, raising=False)
        yield server


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    house = House(database_url, socketio.AsyncServer(async_mode='asgi'))

    def build() -> None:
        house.database.migrate()
        house.database.install_change_log(TODOS.log_table)

    await asyncio.to_thread(build)
    house.cable.start()
    yield house
    await house.stop()


async def test_a_browser_gets_the_list_when_it_subscribes_and_the_changes_after(
    house: House, server: uvicorn.Server
) -> None:
    milk = await house.add('Buy milk')
    channel = await house.channel()
    browser = await Browser.open(server, channel)
    assert browser.titles == ['Buy milk']
    assert browser.totals['heading'] == 'Todos (1 total, 0 done)'
    bread = await house.add('Buy bread')
    await house.broadcast()
    await browser.wait_for(['Buy bread', 'Buy milk'])
    await house.update(milk, completed=True)
    await house.broadcast()
    await until(lambda: browser.items[milk]['completed'])
    assert browser.totals['heading'] == 'Todos (2 total, 1 done)'
    await house.delete(bread)
    await house.broadcast()
    await browser.wait_for(['Buy milk'])
    assert [(len(message['put']), len(message['del'])) for message in browser.messages] == [(1, 0), (1, 0), (0, 1)]
    assert browser.asked == 1


async def test_a_browser_that_comes_back_gets_only_what_it_missed(house: House, server: uvicorn.Server) -> None:
    milk = await house.add('Buy milk')
    await house.add('Buy bread')
    channel = await house.channel()
    held = await asyncio.to_thread(channel.source.read)
    await house.update(milk, title='Buy oat milk')
    await house.broadcast()
    browser = await Browser.open(server, channel)
    answer = orjson.loads(await channel.subscribe(browser.socket.sid, held.version))
    assert [todo['title'] for todo in answer['put']] == ['Buy oat milk']
    assert answer['totals']['count'] == 2


async def test_a_browser_whose_version_the_change_log_no_longer_reaches_gets_the_list(
    house: House, server: uvicorn.Server
) -> None:
    channel = await house.channel()
    browser = await Browser.open(server, channel)
    for number in range(3):
        await house.add(f'number {number}')
    await house.execute('DELETE FROM changes WHERE version < 3')
    answer = orjson.loads(await channel.subscribe(browser.socket.sid, 1))
    assert 'base' not in answer
    assert [todo['title'] for todo in answer['todos']] == ['number 2', 'number 1', 'number 0']


async def test_a_browser_of_a_version_that_never_was_gets_the_list(house: House, server: uvicorn.Server) -> None:
    await house.add('Buy milk')
    channel = await house.channel()
    browser = await Browser.open(server, channel)
    answer = orjson.loads(await channel.subscribe(browser.socket.sid, 1000))
    assert answer['version'] == 1
    assert len(answer['todos']) == 1


async def test_what_is_committed_while_a_browser_subscribes_reaches_it(house: House, server: uvicorn.Server) -> None:
    channel = await house.channel(burst_interval=0)
    written: list[str] = []

    async def write() -> None:
        for number in range(60):
            await house.add(f'number {number}')
            written.insert(0, f'number {number}')
            await house.broadcast()

    writing = asyncio.create_task(write())
    browsers = [await Browser.open(server, channel) for _ in range(8)]
    await writing
    for browser in browsers:
        await browser.wait_for(written)
        assert browser.versions == sorted(set(browser.versions))


async def test_what_is_sent_between_reading_and_answering_reaches_a_new_browser(
    house: House, server: uvicorn.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = await house.channel()
    has_read, go_on = threading.Event(), threading.Event()

    def read_slowly(version: int | None, read: Any = channel.source.read_since) -> Any:
        found = read(version)
        has_read.set()
        assert go_on.wait(NEVER)
        return found

    monkeypatch.setattr(channel.source, 'read_since', read_slowly)
    opening = asyncio.create_task(Browser.open(server, channel))
    await asyncio.to_thread(has_read.wait)
    monkeypatch.undo()
    monkeypatch.setattr(Server, 'instance', server, raising=False)
    await house.add('in between')
    await house.broadcast()
    await until(lambda: channel.replica.version == 1)
    go_on.set()
    browser = await opening
    await browser.wait_for(['in between'])


async def test_a_list_that_was_read_too_early_does_not_replace_a_newer_one(
    house: House, server: uvicorn.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = await house.channel()
    browser = await Browser.open(server, channel)
    old = await asyncio.to_thread(channel.source.read)
    await house.add('Buy milk')
    await house.broadcast()
    await browser.wait_for(['Buy milk'])
    monkeypatch.setattr(channel.source, 'read_since', lambda version: old)
    await channel.catch_up()
    assert [todo['title'] for todo in channel.replica.rows] == ['Buy milk']
    assert len(browser.messages) == 1


async def test_a_lost_message_is_made_up_for_from_the_change_log(house: House, server: uvicorn.Server) -> None:
    channel = await house.channel()
    browser = await Browser.open(server, channel)
    await house.add('lost')
    house.published = 1  # as if its message had never been published
    await house.add('found')
    await house.broadcast()
    await browser.wait_for(['found', 'lost'])
    assert [todo['title'] for todo in channel.replica.rows] == ['found', 'lost']


async def test_a_change_announced_without_rows_is_read_from_the_list(house: House, server: uvicorn.Server) -> None:
    channel = await house.channel()
    browser = await Browser.open(server, channel)
    titles = [f'number {number}' for number in range(DELTA_MAX_ROWS + 1)]
    await house.execute('INSERT INTO todos(title) VALUES (:title)', *({'title': title} for title in titles))
    await house.broadcast()
    await browser.wait_for(titles[::-1])
    assert browser.totals['count'] == len(titles)
    assert 'base' not in browser.messages[0]


async def test_what_is_announced_while_the_list_is_being_read_is_read_too(house: House, server: uvicorn.Server) -> None:
    channel = await house.channel()
    browser = await Browser.open(server, channel)
    for number in range(20):
        await house.add(f'number {number}')
        version = number + 1
        house.cable.publish(TODOS.topic, orjson.dumps({'stream': TODOS.name, 'version': version}))
    await browser.wait_for([f'number {number}' for number in reversed(range(20))])


async def test_a_message_that_comes_late_or_twice_changes_nothing(house: House, server: uvicorn.Server) -> None:
    channel = await house.channel(burst_interval=0)
    browser = await Browser.open(server, channel)
    milk = await house.add('Buy milk')
    await house.broadcast()
    await house.update(milk, title='Buy oat milk')
    await house.broadcast()
    await browser.wait_for(['Buy oat milk'])
    late = {'stream': 'todos', 'base': 0, 'version': 1, 'put': [{**browser.items[milk], 'title': 'late'}], 'del': []}
    house.cable.publish(TODOS.topic, orjson.dumps(late))
    house.cable.publish(TODOS.topic, orjson.dumps({'stream': 'todos', 'version': 1}))
    await house.add('Buy bread')
    await house.broadcast()
    await browser.wait_for(['Buy bread', 'Buy oat milk'])
    assert len(browser.messages) == 3
    assert browser.versions == [0, 1, 2, 3]


async def test_the_list_is_read_again_when_it_could_not_be_read(
    house: House, server: uvicorn.Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr('todosync.streams.catching_up.RETRY_INTERVAL', 0.01)
    channel = await house.channel()
    browser = await Browser.open(server, channel)
    await house.add('Buy milk')
    await house.execute('ALTER TABLE changes RENAME TO gone')
    house.cable.publish(TODOS.topic, orjson.dumps({'stream': TODOS.name, 'version': 1}))
    await until(lambda: 'could not be read' in caplog.text or 'reading the todos fails' in caplog.text)
    await house.execute('ALTER TABLE gone RENAME TO changes')
    await browser.wait_for(['Buy milk'])


async def test_a_lone_change_is_sent_at_once_and_a_burst_in_one_message(house: House, server: uvicorn.Server) -> None:
    clock = Clock()
    channel = await house.channel(burst_interval=NEVER, clock=clock)
    browser = await Browser.open(server, channel)
    clock.now += NEVER  # the start, too, was a message
    first = await house.add('first')
    await house.broadcast()
    await browser.wait_for(['first'])
    for number in range(50):
        await house.add(f'number {number}')
        await house.broadcast()
    await house.delete(first)
    await house.broadcast()
    await until(lambda: channel.replica.version == 52)
    assert len(browser.messages) == 1
    channel.flush()  # the interval is over
    await browser.wait_for([f'number {number}' for number in reversed(range(50))])
    assert len(browser.messages) == 2
    assert browser.messages[1]['del'] == [first]
    assert (browser.messages[1]['base'], browser.messages[1]['version']) == (1, 52)


async def test_a_burst_ends_by_itself(house: House, server: uvicorn.Server) -> None:
    channel = await house.channel(burst_interval=0.5)  # longer than any machine takes for a change
    browser = await Browser.open(server, channel)
    for number in range(30):
        await house.add(f'number {number}')
        await house.broadcast()
    await browser.wait_for([f'number {number}' for number in reversed(range(30))])
    assert len(browser.messages) < 30


async def test_a_stalled_browser_gets_what_it_lacks_instead_of_a_queue(house: House, server: uvicorn.Server) -> None:
    channel = await house.channel(burst_interval=0)
    stalled = await Browser.open(server, channel)
    lively = await Browser.open(server, channel)
    stalled.socket.stall()
    titles: list[str] = []
    while not channel.behind:
        rows = [f'{len(titles) + number} {"x" * 400}' for number in range(500)]
        await house.execute('INSERT INTO todos(title) VALUES (:title)', *({'title': row} for row in rows))
        titles += rows
        await house.broadcast()
        await lively.wait_for(titles[::-1])
    for number in range(20):
        titles.append(f'late {number}')
        await house.add(titles[-1])
        await house.broadcast()
    await lively.wait_for(titles[::-1])
    stalled.socket.recover()
    await stalled.wait_for(titles[::-1])
    assert len(stalled.messages) < len(lively.messages) - 15
    assert stalled.asked == 2


async def test_listeners_hear_of_each_change_until_they_say_stop(house: House) -> None:
    channel = await house.channel(burst_interval=0)
    heard: list[int] = []

    def fail() -> None:
        raise RuntimeError('a page has made a mistake')

    channel.on_change(fail)
    stop = channel.on_change(lambda: heard.append(channel.replica.totals['count']))
    await house.add('first')
    await house.broadcast()
    await until(lambda: heard == [1])
    stop()
    stop()
    await house.add('second')
    await house.broadcast()
    await until(lambda: channel.replica.totals['count'] == 2)
    assert heard == [1]


async def test_the_embedded_list_cannot_leave_its_script_element(house: House) -> None:
    title = '</script><img src=x onerror=alert(1)> <!-- & \u2028\u2029 end'
    await house.add(title)
    channel = await house.channel()
    embedded = channel.embed()
    assert not re.search('[<>&\u2028\u2029]', embedded)
    assert orjson.loads(embedded)['todos'][0]['title'] == title


async def test_the_embedded_list_is_that_of_now(house: House) -> None:
    channel = await house.channel()
    assert orjson.loads(channel.embed())['todos'] == []
    await house.add('Buy milk')
    await house.broadcast()
    await until(lambda: channel.replica.version == 1)
    embedded = orjson.loads(channel.embed())
    assert [todo['title'] for todo in embedded['todos']] == ['Buy milk']
    assert embedded['totals']['heading'] == 'Todos (1 total, 0 done)'
    assert 'partial' not in embedded


async def test_of_a_long_list_only_the_newest_rows_are_embedded(house: House) -> None:
    for number in range(20):
        await house.add(f'number {number}')
    channel = await house.channel(embed_limit=500)
    embedded = orjson.loads(channel.embed())
    assert embedded['partial'] is True
    titles = [todo['title'] for todo in embedded['todos']]
    assert titles == [f'number {number}' for number in reversed(range(20 - len(titles), 20))]
    assert 0 < len(orjson.dumps(embedded['todos'])) <= 502
    assert embedded['totals']['count'] == 20


async def test_stopping_twice_is_fine_and_nothing_comes_after(house: House, server: uvicorn.Server) -> None:
    channel = await house.channel()
    browser = await Browser.open(server, channel)
    await channel.stop()
    await channel.stop()
    await house.add('too late')
    await house.broadcast()
    assert await browser.socket.call('are you there?', None) == 'yes'
    assert browser.messages == []
