"""The channel: from the cable to the sockets of the connected browsers, a snapshot on subscribe and deltas after."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import orjson
import socketio

from todosync.cable import Cable
from todosync.database import Database

from .burst import Burst
from .cache import Cache, CacheEntry
from .catching_up import CatchingUp
from .embedding import Embedding
from .fanout import Fanout
from .messages import Delta
from .replica import Replica
from .source import Source
from .stream import Stream

EVENT = 'todosync_data'
BURST_INTERVAL = 0.01
"""Seconds between two messages to the browsers. A change after a pause goes out at once, a burst once per interval."""

log = logging.getLogger(__name__)


class Channel:
    """One stream in this process: its replica, and the sockets that are subscribed to it.

    Belongs to the event loop, except where a method says otherwise. Each message continues the one before it, and
    every change reaches every subscribed browser in one of these ways: a message, the answer to :meth:`subscribe`, or
    an empty message by which the browser notices that it missed something, so that it subscribes again and says which
    version it has.

    :param stream: the stream
    :param embed_limit: bytes of JSON beyond which :meth:`embed` gives only the first rows
    :param burst_interval: seconds between two messages to the browsers, see :data:`BURST_INTERVAL`
    :param clock: returns the time in seconds
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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stream = stream
        self.replica = Replica(stream)
        self.source = Source(stream, database, cache)
        self._cable = cable
        self._clock = clock
        self._catching_up = CatchingUp(stream.name, self._read_newer)
        self._burst = Burst(burst_interval)
        self._flush_timer: asyncio.TimerHandle | None = None
        self._fanout = Fanout(sio, EVENT, lambda: Delta.nothing(stream.name, self._burst.sent_version).message())
        self._embedding = Embedding(self.replica, embed_limit)
        self._shared_snapshot = b''
        self._listeners: list[Callable[[], None]] = []
        self._unsubscribe: Callable[[], None] = lambda: None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def behind(self) -> int:
        """How many browsers do not take now what is sent to them."""
        return self._fanout.behind

    async def start(self) -> None:
        """Subscribe to the cable and load the list."""
        self._loop = asyncio.get_running_loop()
        self._unsubscribe = self._cable.subscribe(self.stream.topic, self._receive)
        await self._read_newer()

    async def stop(self) -> None:
        """End the subscription; safe to call twice."""
        self._unsubscribe()
        self._fanout.stop()
        self._cancel_flush()
        await self._catching_up.stop()

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have ``listener`` called after each message to the browsers.

        :return: a function that ends this; safe to call twice
        """
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    async def answer(self, sid: str, version: int | None) -> None:
        """Add a socket and send it what it lacks, see :meth:`subscribe`; returns when it has taken that, or is gone."""
        await self._fanout.send_to(sid, await self.subscribe(sid, version))

    async def subscribe(self, sid: str, version: int | None) -> bytes:
        """Add a socket and return what it lacks, as JSON. A socket that missed something calls this again.

        :param sid: the Socket.IO id
        :param version: the version that the browser holds, ``None`` for none
        """
        # first the socket, then the reading: a change in between arrives twice, and versions sort that out
        await self._fanout.add(sid)
        missed = await asyncio.to_thread(self.source.read_since, version)
        if isinstance(missed, CacheEntry):
            return self._share(missed.value)
        if missed.version > self.replica.version:
            await self.catch_up()
        has_its_totals = missed.version == self.replica.version
        return orjson.dumps(missed.message(self.replica.totals if has_its_totals else None))

    async def catch_up(self) -> None:
        """Bring the replica, and the browsers, up to what is committed by now, without waiting for a message."""
        await asyncio.shield(self._catching_up.start())

    def flush(self) -> None:
        """Send what the browsers have not been sent, without waiting for the interval to end."""
        if delta := self._burst.take(self._clock()):
            self._send(delta.message(self.replica.totals))

    def embed(self) -> str:
        """Return the list as JSON for a script element, so that a page shows it before it has a socket.

        Of a list beyond the limit only the first rows, marked ``partial``: the rest comes over the socket.
        """
        return self._embedding.text

    def _share(self, snapshot: bytes) -> bytes:
        """Return the one copy of a snapshot that all sockets are sent that ask at the same version."""
        if snapshot != self._shared_snapshot:
            self._shared_snapshot = snapshot
        return self._shared_snapshot

    def _receive(self, encoded: bytes) -> None:
        """Take a message from the cable, in any thread."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._take, encoded)
        except RuntimeError:
            log.debug('the event loop is gone, the app is stopping')

    def _take(self, encoded: bytes) -> None:
        message = orjson.loads(encoded)
        if message['version'] <= self.replica.version:
            return
        delta = Delta.from_message(message)
        if delta is None or not self._apply(delta):
            self._catching_up.start()

    async def _read_newer(self) -> None:
        newer = await asyncio.to_thread(self.source.read_since, self.replica.version)
        if isinstance(newer, Delta):
            self._apply(newer)
        elif newer.version > self.replica.version:
            self.replica.reset(newer.version, orjson.loads(newer.value)[self.stream.name])
            self._burst.note_sent(newer.version, self._clock())
            self._send(orjson.Fragment(newer.value))

    def _apply(self, delta: Delta) -> bool:
        before = self.replica.version
        if not self.replica.apply(delta):
            return False
        if self.replica.version > before:
            self._burst.add(delta)
            self._flush_when_due()
        return True

    def _flush_when_due(self) -> None:
        assert self._loop is not None
        wait = self._burst.wait(self._clock())
        if not wait:
            self.flush()
        elif self._flush_timer is None:
            self._flush_timer = self._loop.call_later(wait, self.flush)

    def _cancel_flush(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None

    def _send(self, message: Any) -> None:
        self._cancel_flush()
        self._fanout.send(message)
        for listener in list(self._listeners):
            try:
                listener()
            except Exception:  # one page's mistake must not keep the others from their refresh
                log.exception('a listener of the %s failed', self.stream.name)
