"""The channel, with a real database, cache and cable, over real sockets."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any

import orjson
import pytest
import uvicorn
from nicegui.server import Server

from tests.sockets import until
from tests.streams.house import NEVER, Browser, Clock, House
from todos import TODOS
from todosync.streams.messages import announcement
from todosync.streams.source import EncodedSnapshot
from todosync.streams.stream_reading import DELTA_MAX_ROWS
from todosync.streams.version import Version


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
    held = await asyncio.to_thread(house.version)
    for number in range(3):
        await house.add(f'number {number}')
    await house.execute('DELETE FROM changes WHERE version < 3')
    channel = await house.channel()
    browser = await Browser.open(server, channel)
    answer = orjson.loads(await channel.subscribe(browser.socket.sid, held))
    assert 'base' not in answer
    assert answer['replaces']
    assert [todo['title'] for todo in answer['todos']] == ['number 2', 'number 1', 'number 0']


async def test_a_browser_of_a_version_that_never_was_gets_the_list(house: House, server: uvicorn.Server) -> None:
    await house.add('Buy milk')
    channel = await house.channel()
    browser = await Browser.open(server, channel)
    for never in (Version(1000, browser.version.mark), Version(1, 'another mark'), Version(-5, '')):
        answer = orjson.loads(await channel.subscribe(browser.socket.sid, never))
        assert answer['version'] == [*browser.version]
        assert (answer['replaces'], len(answer['todos'])) == (True, 1)


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

    def read_slowly(version: Version, read: Any = channel.source.read_since) -> Any:
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
    await until(lambda: channel.replica.version.number == 1)
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
    monkeypatch.setattr(channel.source, 'read_since', lambda version: EncodedSnapshot(old, replaces=False))
    await channel.catch_up()
    assert [todo['title'] for todo in channel.replica.rows] == ['Buy milk']
    assert len(browser.messages) == 1


async def test_a_lost_message_is_made_up_for_from_the_change_log(house: House, server: uvicorn.Server) -> None:
    channel = await house.channel()
    browser = await Browser.open(server, channel)
    await house.add('lost')
    house.published = await asyncio.to_thread(house.version)  # as if its message had never been published
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
        version = await asyncio.to_thread(house.version)
        house.cable.publish(TODOS.topic, orjson.dumps(announcement(TODOS.name, version)))
    await browser.wait_for([f'number {number}' for number in reversed(range(20))])


async def test_a_message_that_comes_late_or_twice_changes_nothing(house: House, server: uvicorn.Server) -> None:
    channel = await house.channel(burst_interval=0)
    browser = await Browser.open(server, channel)
    milk = await house.add('Buy milk')
    await house.broadcast()
    await house.update(milk, title='Buy oat milk')
    await house.broadcast()
    await browser.wait_for(['Buy oat milk'])
    first = browser.messages[0]
    late = {**first, 'put': [{**browser.items[milk], 'title': 'late'}]}
    house.cable.publish(TODOS.topic, orjson.dumps(late))
    house.cable.publish(TODOS.topic, orjson.dumps({'stream': 'todos', 'version': first['version']}))
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
    house.cable.publish(TODOS.topic, orjson.dumps(announcement(TODOS.name, Version(1, 'new'))))
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
    await until(lambda: channel.replica.version.number == 52)
    assert len(browser.messages) == 1
    channel.flush()  # the interval is over
    await browser.wait_for([f'number {number}' for number in reversed(range(50))])
    assert len(browser.messages) == 2
    assert browser.messages[1]['del'] == [first]
    assert (browser.messages[1]['base'][0], browser.messages[1]['version'][0]) == (1, 52)


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
    stop = channel.on_change(lambda message: heard.append(channel.replica.totals['count']))
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
    await until(lambda: channel.replica.version.number == 1)
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
