"""Old and new processes side by side: neither takes what the other has put into the cache or on the cable."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
import socketio

from tests.sockets import until
from tests.writing import create_todo
from todos import TODOS
from todosync.cable import MemoryCable
from todosync.database import Database
from todosync.jobs import Jobs, LocalJobs
from todosync.streams import Broadcaster, CacheEntry, Channel, DiskCache, protocol

LAST = f'{TODOS.name}@{protocol.PROTOCOL - 1}'
OTHER_SHAPE = f'{TODOS.name}@{protocol.PROTOCOL}.0a1b2c3d'
FIRST = TODOS.name
"""The topic before there was a number."""


@pytest.fixture
def cache(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / 'production_cache', 3600, 2**20)


@pytest.fixture
def cable() -> MemoryCable:
    cable = MemoryCable()
    cable.start()
    return cable


@pytest.fixture
async def channel(database: Database, cache: DiskCache, cable: MemoryCable) -> Any:
    channel = Channel(TODOS, database, cache, cable, socketio.AsyncServer(async_mode='asgi'), embed_limit=2**20)
    yield channel
    await channel.stop()


@pytest.mark.parametrize('topic', [FIRST, LAST, OTHER_SHAPE])
async def test_a_snapshot_that_an_older_process_has_cached_is_not_read(
    channel: Channel, cache: DiskCache, topic: str
) -> None:
    old = {'stream': 'todos', 'version': 0, 'todos': [], 'derived': {'count': 0}}
    version = await asyncio.to_thread(channel.source.version)
    await asyncio.to_thread(cache.fetch, topic, version, lambda: CacheEntry(version, orjson.dumps(old)))
    snapshot = await asyncio.to_thread(channel.source.read)
    assert orjson.loads(snapshot.value)['totals']['count'] == 0
    assert cache.usage.hits == 0


@pytest.mark.parametrize('topic', [FIRST, LAST, OTHER_SHAPE])
async def test_a_message_that_an_older_process_has_sent_is_not_taken(
    channel: Channel, cable: MemoryCable, database: Database, topic: str
) -> None:
    await channel.start()
    old = {'stream': 'todos', 'base': 0, 'version': 7, 'put': [{'id': 1, 'subject': 'Buy milk'}], 'del': []}
    cable.publish(topic, orjson.dumps(old))
    await asyncio.to_thread(create_todo, database, {'title': 'Buy bread'})
    cable.publish(TODOS.topic, orjson.dumps({'stream': 'todos', 'version': [1, 'new']}))
    await until(lambda: channel.replica.version.number == 1)
    assert [todo['title'] for todo in channel.replica.rows] == ['Buy bread']


@pytest.mark.parametrize('topic', [FIRST, LAST, OTHER_SHAPE])
def test_what_an_older_process_has_broadcast_is_broadcast_to_the_newer_ones_too(
    database: Database, cable: MemoryCable, topic: str
) -> None:
    jobs = Jobs()
    local_jobs = LocalJobs(jobs.failed)
    local_jobs.start()
    broadcaster = Broadcaster(database, cable, local_jobs, jobs.failed, [TODOS])
    broadcaster.start()
    messages: list[dict[str, Any]] = []
    cable.subscribe(TODOS.topic, lambda encoded: messages.append(orjson.loads(encoded)))
    create_todo(database, {'title': 'Buy milk'})
    cable.publish(topic, orjson.dumps({'stream': 'todos', 'version': 1}))
    broadcaster.run()
    broadcaster.stop()
    local_jobs.stop()
    assert [(message['base'][0], message['version'][0]) for message in messages] == [(0, 1)]
