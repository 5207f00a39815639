"""A database that is put back, replaced or written to behind the triggers' back: everybody shows what is in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import socketio
import uvicorn
from sqlalchemy import text
from sqlmodel import Field, SQLModel

from tests.databases import execute, keep, other_program
from tests.sockets import until
from tests.streams.house import Browser, House
from tests.writing import create_todo
from todos import TODOS
from todosync.cable import MemoryCable
from todosync.database import Database
from todosync.streams import Channel, DiskCache, MemoryCache, Stream, count


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('todosync.streams.replica_watch.LOOK_INTERVAL', 0.05)
    monkeypatch.setattr('todosync.streams.replica_watch.LOOKS_PER_COUNT', 3)


async def shows(channel: Channel, browser: Browser, titles: list[str]) -> None:
    """Wait until the replica, a browser, and what a new one would get are a list."""
    await until(lambda: [todo['title'] for todo in channel.replica.rows] == titles)
    await browser.wait_for(titles)
    whole = await asyncio.to_thread(channel.source.read)
    assert whole.version == channel.replica.version == browser.version


async def test_a_database_that_is_put_back_shows_without_a_message(house: House, server: uvicorn.Server) -> None:
    await house.add('first')
    channel = await house.channel()
    browser = await Browser.open(server, channel)
    put_back = await asyncio.to_thread(keep, house.url)
    for number in range(3):
        await house.add(f'lost {number}')
    await shows(channel, browser, ['lost 2', 'lost 1', 'lost 0', 'first'])
    await asyncio.to_thread(put_back)
    await shows(channel, browser, ['first'])
    await house.add('second')
    await shows(channel, browser, ['second', 'first'])


async def test_another_history_of_the_same_number_shows_too(house: House, server: uvicorn.Server) -> None:
    channel = await house.channel()
    browser = await Browser.open(server, channel)
    put_back = await asyncio.to_thread(keep, house.url)
    await house.add('lost')
    await shows(channel, browser, ['lost'])
    await channel.stop()  # it sees nothing of what comes now
    await asyncio.to_thread(put_back)
    await house.add('instead')
    assert (await asyncio.to_thread(house.version)).number == browser.version.number
    await channel.start()
    await browser.ask()
    await shows(channel, browser, ['instead'])


async def test_a_browser_of_a_history_that_is_gone_gets_the_list_of_now(
    house: House,
    server: uvicorn.Server,
) -> None:
    put_back = await asyncio.to_thread(keep, house.url)
    for number in range(3):
        await house.add(f'lost {number}')
    held = await asyncio.to_thread(house.version)
    await asyncio.to_thread(put_back)
    await house.add('of now')
    channel = await house.channel()
    browser = await Browser.open(server, channel)
    browser.hold(held)
    await browser.ask()
    assert (browser.titles, browser.version) == (['of now'], channel.replica.version)


async def test_a_row_that_the_triggers_did_not_see_shows_after_a_while(house: House, server: uvicorn.Server) -> None:
    channel = await house.channel()
    browser = await Browser.open(server, channel)
    await asyncio.to_thread(write_behind_the_triggers, house.url, "INSERT INTO todos(title) VALUES ('unseen')")
    await shows(channel, browser, ['unseen'])
    version = channel.replica.version
    await house.add('seen')
    await shows(channel, browser, ['seen', 'unseen'])
    assert channel.replica.version.number == version.number + 1, 'the difference is made up for once'


async def test_a_database_of_the_release_before_is_brought_up_to_date_while_this_one_runs(
    house: House,
    server: uvicorn.Server,
) -> None:
    channel = await house.channel()
    browser = await Browser.open(server, channel)
    await asyncio.to_thread(write_as_the_release_before, house.url, "INSERT INTO todos(title) VALUES ('before')")
    await shows(channel, browser, ['before'])


def write_as_the_release_before(url: str, statement: str) -> None:
    with other_program(url) as connection:
        connection.exec_driver_sql(statement)
        connection.exec_driver_sql('ALTER TABLE changes DROP COLUMN mark')


def write_behind_the_triggers(url: str, statement: str) -> None:
    with other_program(url) as connection:
        if url.startswith('sqlite'):
            triggers = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'todos'"
            found = connection.exec_driver_sql(triggers).all()
            for name, _ in found:
                connection.exec_driver_sql(f'DROP TRIGGER {name}')
            connection.exec_driver_sql(statement)
            for _, sql in found:
                connection.exec_driver_sql(sql)
        else:
            connection.exec_driver_sql('ALTER TABLE todos DISABLE TRIGGER USER')
            connection.exec_driver_sql(statement)
            connection.exec_driver_sql('ALTER TABLE todos ENABLE TRIGGER USER')


class Note(SQLModel, table=True):
    __tablename__ = 'notes_of_two_releases'

    id: int | None = Field(default=None, primary_key=True)
    text: str
    is_urgent: bool = False


@pytest.fixture
def cache(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / 'production_cache', 3600, 2**20)


def channel_of(stream: Stream, database: Database, cache: DiskCache | MemoryCache) -> Channel:
    sio = socketio.AsyncServer(async_mode='asgi')
    return Channel(stream, database, cache, MemoryCable(), sio, embed_limit=2**20)


async def test_a_stream_that_gets_a_field_for_a_total_starts_on_the_cache_of_before(
    database: Database, cache: DiskCache
) -> None:
    before = Stream(Note, fields=('id', 'text'), totals={'all': count()})
    after = Stream(Note, totals={'all': count(), 'urgent': count('is_urgent')})
    await asyncio.to_thread(database.install_change_log, before.log_table)
    await asyncio.to_thread(add_note, database, 'Call Ann')
    old, new = channel_of(before, database, cache), channel_of(after, database, cache)
    for channel in (old, new):
        await channel.start()
        await channel.stop()
    assert old.replica.totals == {'all': 1}
    assert new.replica.totals == {'all': 1, 'urgent': 1}


def add_note(database: Database, words: str) -> None:
    with database.write() as session:
        session.add(Note(text=words, is_urgent=True))


def test_a_write_to_one_table_leaves_the_lists_of_the_others_cached(database: Database, cache: DiskCache) -> None:
    notes = Stream(Note)
    database.install_change_log(notes.log_table)
    sources = [channel_of(stream, database, cache).source for stream in (notes, TODOS)]
    for source in sources:
        source.read()
    create_todo(database, {'title': 'Buy milk'})
    misses = cache.usage.misses
    sources[0].read()
    assert cache.usage.misses == misses
    sources[1].read()
    assert cache.usage.misses == misses + 1


def test_the_cache_of_one_database_is_not_taken_for_that_of_another(
    new_database: Callable[[], str], cache: DiskCache
) -> None:
    titles: list[Any] = []
    for title in ('of one', 'of another'):
        url = new_database()
        database = Database(url)
        database.install_change_log(TODOS.log_table)
        execute(url, f"INSERT INTO todos(title) VALUES ('{title}')")
        snapshot = channel_of(TODOS, database, cache).source.read()
        titles.append((snapshot.version.number, title.encode() in snapshot.value))
        database.close()
    assert titles == [(1, True), (1, True)]


def test_a_list_is_not_cached_while_its_version_has_no_mark(database: Database) -> None:
    cache = MemoryCache(3600)
    source = channel_of(TODOS, database, cache).source
    with database.write() as session:
        session.connection().execute(text('DELETE FROM changes'))
    assert source.read() is not source.read()
    assert cache.usage.hits == 0
