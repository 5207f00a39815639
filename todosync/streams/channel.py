"""The channel: from the cable to the sockets of the connected browsers, a snapshot on subscribe and deltas after."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import orjson
import socketio

from todosync.cable import Cable
from todosync.database import Database

from .cache import Cache, CacheEntry
from .embedding import encode_for_page
from .fanout import Fanout
from .messages import Delta, Row
from .replica import Replica
from .stream import Stream

EVENT = 'todosync_data'
BURST_INTERVAL = 0.01
"""Seconds between two messages to the browsers. A change after a pause goes out at once, a burst once per interval."""
RETRY_INTERVAL = 1.0
"""Seconds until the list is read again after it could not be read."""

log = logging.getLogger(__name__)


class Channel:
    """One stream in this process: its replica, and the sockets that are subscribed to it.

    Belongs to the event loop, except where a method says otherwise. Each message continues the one before it, and
    every change reaches every subscribed browser in one of these ways: a message, the answer to :meth:`subscribe`, or
    an announcement after which the browser subscribes again, saying what it has.

    :param stream: the stream
    :param embed_limit: bytes of JSON beyond which :meth:`embed` gives only the newest rows
    :param burst_interval: seconds between two messages to the browsers, see :data:`BURST_INTERVAL`
    """

    def __init__(
        self,
        stream: Stream,
        database: Database,
        cache: Cache,
        cable: Cable,
        sio: socketio.AsyncServer,
        *,
        embed_limit: int,
        burst_interval: float = BURST_INTERVAL,
    ) -> None:
        self.stream = stream
        self.replica = Replica(stream)
        self._database = database
        self._cache = cache
        self._cable = cable
        self._fanout = Fanout(sio, EVENT, self._announcement)
        self._embed_limit = embed_limit
        self._burst_interval = burst_interval
        self._embedded: tuple[int, str] = (-1, '')
        self._listeners: list[Callable[[], None]] = []
        self._unsubscribe: Callable[[], None] = lambda: None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sent_version = -1
        self._sent_at = float('-inf')
        self._unsent: dict[int, Row | None] = {}
        self._send_timer: asyncio.TimerHandle | None = None
        self._behind = False
        self._catching_up: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Subscribe to the cable and load the list."""
        self._loop = asyncio.get_running_loop()
        self._unsubscribe = self._cable.subscribe(self.stream.name, self._receive)
        await self._read_newer()

    async def stop(self) -> None:
        """End the subscription; safe to call twice."""
        self._unsubscribe()
        self._fanout.stop()
        if self._send_timer is not None:
            self._send_timer.cancel()
        if self._catching_up is not None:
            self._catching_up.cancel()
            await asyncio.gather(self._catching_up, return_exceptions=True)

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have ``listener`` called after each message to the browsers.

        :return: a function that ends this; safe to call twice
        """
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    def read_list(self) -> dict[str, Any]:
        """Return the snapshot message, read through the cache. Blocks, for threads only."""
        message: dict[str, Any] = orjson.loads(self.read_message().value)
        return message

    def read_message(self) -> CacheEntry:
        """Return the version and JSON of the snapshot message, read through the cache. Blocks, for threads only.

        Never older than the last commit: the version is asked of the database each time, which costs next to
        nothing, and only the list itself comes from the cache.
        """
        with self._database.read() as session:
            version = self.stream.version(session)
        return self._cache.fetch(self.stream.name, version, self._compute)

    async def subscribe(self, sid: str, version: int | None) -> Any:
        """Add a socket and return what it lacks, as a message. A socket that missed something calls this again.

        :param sid: the Socket.IO id
        :param version: the version that the browser holds, ``None`` for none
        """
        # first the socket, then the reading: a change in between arrives twice, and versions sort that out
        await self._fanout.add(sid)
        delta, entry = await asyncio.to_thread(self._read_since, version)
        if delta is None:
            assert entry is not None
            return orjson.Fragment(entry.value)
        if delta.version > self.replica.version:
            await asyncio.shield(self._catch_up_soon())
        same = delta.version == self.replica.version
        return delta.message(self.replica.totals if same else None)

    def embed(self) -> str:
        """Return the list as JSON for a script element, so that a page shows it before it has a socket.

        Of a list beyond the limit only the newest rows, marked ``partial``: the rest comes over the socket.
        """
        if self._embedded[0] != self.replica.version:
            self._embedded = (self.replica.version, encode_for_page(self.replica, self._embed_limit))
        return self._embedded[1]

    def _compute(self) -> CacheEntry:
        with self._database.read() as session:
            snapshot = self.stream.snapshot(session)
        return CacheEntry(snapshot.version, orjson.dumps(snapshot.message()))

    def _read_since(self, version: int | None) -> tuple[Delta | None, CacheEntry | None]:
        if version is not None and version >= 0:
            with self._database.read() as session:
                delta = self.stream.delta(session, version)
            if delta is not None:
                return delta, None
        return None, self.read_message()

    def _receive(self, message: bytes) -> None:
        """Take a message from the cable, in any thread."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._take, message)
        except RuntimeError:
            log.debug('the event loop is gone, the app is stopping')

    def _take(self, encoded: bytes) -> None:
        message = orjson.loads(encoded)
        if message['version'] <= self.replica.version:
            return
        if 'base' in message:
            delta = Delta(message['stream'], message['base'], message['version'], message['put'], message['del'])
            if self._apply(delta):
                return
        self._catch_up_soon()

    def _catch_up_soon(self) -> asyncio.Task[None]:
        """Have the replica brought up to what is committed by now, from the database."""
        self._behind = True
        if self._catching_up is None or self._catching_up.done():
            self._catching_up = asyncio.create_task(self._catch_up())
        return self._catching_up

    async def _catch_up(self) -> None:
        while self._behind:
            self._behind = False
            try:
                await self._read_newer()
            except Exception:  # whatever it is, no browser may stay behind because of it
                log.exception('the %s could not be read; trying again in %g s', self.stream.name, RETRY_INTERVAL)
                self._behind = True
                await asyncio.sleep(RETRY_INTERVAL)

    async def _read_newer(self) -> None:
        delta, entry = await asyncio.to_thread(self._read_since, self.replica.version)
        if delta is not None:
            self._apply(delta)
        elif entry is not None and entry.version > self.replica.version:
            self.replica.reset(entry.version, orjson.loads(entry.value)[self.stream.name])
            self._send(orjson.Fragment(entry.value))

    def _apply(self, delta: Delta) -> bool:
        before = self.replica.version
        if not self.replica.apply(delta):
            return False
        if self.replica.version > before:
            self._unsent.update((row['id'], row) for row in delta.put)
            self._unsent.update(dict.fromkeys(delta.deleted))
            self._send_soon()
        return True

    def _send_soon(self) -> None:
        assert self._loop is not None
        due = self._sent_at + self._burst_interval
        if self._loop.time() >= due:
            self._send_unsent()
        elif self._send_timer is None:
            self._send_timer = self._loop.call_at(due, self._send_unsent)

    def _send_unsent(self) -> None:
        put = [row for row in self._unsent.values() if row is not None]
        deleted = [row_id for row_id, row in self._unsent.items() if row is None]
        delta = Delta(self.stream.name, self._sent_version, self.replica.version, put, deleted)
        self._send(delta.message(self.replica.totals))

    def _send(self, message: Any) -> None:
        assert self._loop is not None
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None
        self._unsent.clear()
        self._sent_version, self._sent_at = self.replica.version, self._loop.time()
        self._fanout.send(message)
        for listener in list(self._listeners):
            try:
                listener()
            except Exception:  # one page's mistake is not to keep the others from their refresh
                log.exception('a listener of the %s failed', self.stream.name)

    def _announcement(self) -> dict[str, Any]:
        """Return a message that holds nothing; a browser of an older version finds a gap before it, and asks."""
        return Delta(self.stream.name, self._sent_version, self._sent_version, [], []).message()
