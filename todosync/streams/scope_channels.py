"""The channels of a stream with scopes: each begins with its first watcher, and ends with its last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from todosync.cable import Cable
from todosync.database import Database

from .channel import Channel
from .listening import listen
from .looking import Looking
from .messages import Delta, ScopeValue
from .replica_watch import LOOK_INTERVAL
from .stream import Stream
from .tasks import Tasks
from .version import Held, Version


class ScopeChannels:
    """The channels of a stream that somebody of this process watches, by scope. Belongs to the event loop.

    One message on the cable tells what has changed in all scopes, in one moment. It is taken apart here, and each part
    goes to the channel of its scope: what a change costs does not grow with the number of scopes.

    :param stream: the stream
    :param database: has the stream's table and its change log
    :param cable: brings the messages of all processes
    :param make_channel: makes the channel of a scope
    """

    def __init__(
        self, stream: Stream, database: Database, cable: Cable, make_channel: Callable[[ScopeValue], Channel]
    ) -> None:
        self.stream = stream
        self._database = database
        self._cable = cable
        self.make_channel = make_channel
        """Makes the channel of a scope, which is not begun."""
        self.on_end: Callable[[Channel], None] = lambda channel: None
        """Called with a channel that has ended."""
        self._channels: dict[ScopeValue, Channel] = {}
        self._watchers: dict[ScopeValue, int] = {}
        self._held = Held()
        self._unsubscribe: Callable[[], None] = lambda: None
        self._looking = Looking(f'the version of the {stream.name}', self._read_newer, LOOK_INTERVAL)
        self._tasks = Tasks()
        self._reading = asyncio.Lock()

    def __iter__(self) -> Iterator[Channel]:
        return iter(list(self._channels.values()))

    def __len__(self) -> int:
        return len(self._channels)

    def get(self, scope: ScopeValue | None) -> Channel | None:
        """Return the channel of a scope, ``None`` if nobody of this process watches it."""
        return None if scope is None else self._channels.get(scope)

    async def start(self) -> None:
        """Listen to the cable, and look after the database from then on."""
        self._unsubscribe = listen(self._cable, self.stream.topic, self._take)
        self._looking.start()
        await self._read_newer()

    async def stop(self) -> None:
        """Stop all channels; safe to call twice."""
        self._unsubscribe()
        await self._looking.stop()
        await self._tasks.cancel()
        for channel in self:
            await channel.stop()
        self._channels.clear()
        self._watchers.clear()

    def watch(self, scope: ScopeValue) -> Channel:
        """Return the channel of a scope, which is made for the first watcher. Call :meth:`leave` as often.

        Its rows come soon, and are told like a change.
        """
        self._watchers[scope] = self._watchers.get(scope, 0) + 1
        channel = self._channels.get(scope)
        if channel is None:
            channel = self._channels[scope] = self.make_channel(scope)
            self._tasks.begin(channel.start())
        return channel

    def leave(self, scope: ScopeValue) -> None:
        """End a watch. The channel ends with its last one."""
        if scope not in self._watchers:
            return
        self._watchers[scope] -= 1
        if not self._watchers[scope]:
            del self._watchers[scope]
            channel = self._channels.pop(scope)
            channel.tell_end()
            self.on_end(channel)
            self._tasks.begin(channel.stop())

    def _take(self, message: dict[str, Any]) -> None:
        base, version = Version.from_message(message.get('base')), Version(*message['version'])
        if self._held.knows(version):
            return
        if base == self._held.version:
            self._held.move_on(version)
            for change in message['scopes']:
                self._give(change)
        else:
            self._looking.wake()

    def _give(self, change: dict[str, Any]) -> None:
        if channel := self._channels.get(change['scope']):
            channel.take(change)

    async def _read_newer(self) -> None:
        """Bring all channels to what is committed now."""
        async with self._reading:
            while True:
                before = self._held.version
                version, deltas = await asyncio.to_thread(self._read, before)
                if self._held.version == before:  # otherwise a message was faster
                    break
            if version == before:
                return
            if deltas is None:  # what has happened since is not known, or too much
                self._held.start_anew(version)
                for channel in self:
                    self._tasks.begin(channel.catch_up())
            else:
                self._held.move_on(version)
                for delta in deltas:
                    self._give(orjson.loads(orjson.dumps(delta.message())))

    def _read(self, since: Version) -> tuple[Version, list[Delta] | None]:
        with self._database.read() as session:
            version = self.stream.version(session)
            if version == since:
                return version, []
            return version, self.stream.deltas(session, since)
