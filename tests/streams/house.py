"""One process's parts around a channel, and browsers that are subscribed to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import socketio
import uvicorn

from tests.databases import execute
from tests.light_socket import LightSocket
from tests.sockets import Inbox, connect, until
from tests.writing import create_todo, delete_todo, update_todo
from todos import MIGRATIONS, TODOS
from todosync.cable import MemoryCable
from todosync.database.database import Database
from todosync.streams.cache import MemoryCache
from todosync.streams.channel import EVENT, Channel
from todosync.streams.messages import announcement
from todosync.streams.version import NOTHING, Version

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
        self.published = NOTHING

    def version(self) -> Version:
        with self.database.read() as session:
            return TODOS.version(session)

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
            prepare=lambda: self.database.install_change_log(TODOS.log_table),
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
            message = delta.message() if delta else announcement(TODOS.name, version)
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
        self.version = NOTHING
        self.items: dict[int, dict[str, Any]] = {}
        self.totals: dict[str, Any] = {}
        self.versions: list[int] = []
        self.asked = 0
        self._known: set[Version] = set()
        self._waiting: list[dict[str, Any]] | None = None
        self._asking: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, server: uvicorn.Server, channel: Channel) -> Browser:
        browser = cls(channel)
        browser.socket = await connect(server, browser.inbox)
        await browser.ask()
        return browser

    def hold(self, version: Version) -> None:
        """Hold a version, as who got it from another process."""
        self.version, self._known = version, {version}

    @property
    def titles(self) -> list[str]:
        newest_first = sorted(self.items.values(), key=lambda item: (item['created_at'], item['id']), reverse=True)
        return [item['title'] for item in newest_first]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [data for event, data in self.inbox.events if event == EVENT]

    async def ask(self) -> None:
        self.asked += 1
        self._waiting = []
        answer = await self._channel.subscribe(self.socket.sid, self.version)
        waiting, self._waiting = self._waiting, None
        results = [self._apply(message) for message in (orjson.loads(answer), *waiting)]
        if not results[-1]:
            await self.ask()

    async def wait_for(self, titles: list[str]) -> None:
        await until(lambda: self.titles == titles)

    def _receive(self, event: str, message: dict[str, Any]) -> None:
        if event != EVENT:
            return
        if self._waiting is not None:
            self._waiting.append(message)
        elif not self._apply(message):
            task = asyncio.create_task(self.ask())
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    def _apply(self, message: dict[str, Any]) -> bool:
        version = Version(*message['version'])
        if version in self._known and 'replaces' not in message:
            return True
        if 'base' not in message:
            if 'replaces' not in message and version.number <= self.version.number:
                return False
            self.items = {item['id']: item for item in message[TODOS.name]}
            self._known.clear()
        elif Version(*message['base']) != self.version:
            return False
        else:
            self.items.update((item['id'], item) for item in message['put'])
            for item_id in message['del']:
                self.items.pop(item_id, None)
        self.totals = message.get('totals', self.totals)
        self.version = version
        self._known.add(version)
        self.versions.append(version.number)
        return True
