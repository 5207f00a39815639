"""The channel: from the cable to the sockets of the connected browsers, a snapshot on subscribe and deltas after."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import orjson
import socketio

from .cable import Cable
from .cache import Cache, Entry
from .database import Database
from .streams import Delta, Record, Replica, Stream

SCRIPT_ESCAPES = str.maketrans(
    {'<': r'\u003c', '>': r'\u003e', '&': r'\u0026', '\u2028': r'\u2028', '\u2029': r'\u2029'}
)
"""What could end or confuse a script element, as JSON escapes."""

log = logging.getLogger(__name__)


class Channel:
    """One stream in this process: its replica, and the sockets that are subscribed to it.

    Belongs to the event loop, except where a method says otherwise.

    :param stream: the stream
    :param embed_limit: bytes of JSON beyond which :meth:`embed` gives only the newest rows
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
    ) -> None:
        self.stream = stream
        self.replica = Replica(stream)
        self._database = database
        self._cache = cache
        self._cable = cable
        self._sio = sio
        self._embed_limit = embed_limit
        self._embedded: tuple[int, str] = (-1, '')
        self._listeners: list[Callable[[], None]] = []
        self._unsubscribe: Callable[[], None] = lambda: None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._catching_up: asyncio.Task[None] | None = None

    @property
    def room(self) -> str:
        """The Socket.IO room of the subscribed sockets."""
        return f'todosync:{self.stream.name}'

    async def start(self) -> None:
        """Subscribe to the cable and load the list."""
        self._loop = asyncio.get_running_loop()
        self._unsubscribe = self._cable.subscribe(self.stream.name, self._receive)
        await self._catch_up()

    async def stop(self) -> None:
        """End the subscription; safe to call twice."""
        self._unsubscribe()
        if self._catching_up is not None:
            self._catching_up.cancel()
            await asyncio.gather(self._catching_up, return_exceptions=True)

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have ``listener`` called after each change of the replica.

        :return: a function that ends this; safe to call twice
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def read_list(self) -> dict[str, Any]:
        """Return the snapshot message, read through the cache. Blocks, for threads only."""
        message: dict[str, Any] = orjson.loads(self.read_message().value)
        return message

    def read_message(self) -> Entry:
        """Return the version and JSON of the snapshot message, read through the cache. Blocks, for threads only.

        Never older than the last commit: the version is asked of the database each time, which costs next to
        nothing, and only the list itself comes from the cache.
        """
        with self._database.read() as session:
            version = self.stream.version(session)
        return self._cache.fetch(self.stream.name, version, self._compute)

    async def subscribe(self, sid: str, version: int | None) -> Any:
        """Add a socket and return what it lacks, as a message.

        :param sid: the Socket.IO id
        :param version: the version that the browser holds, ``None`` for none
        """
        # first the room, then the reading: a change in between arrives twice, and versions sort that out
        await self._sio.enter_room(sid, self.room)
        delta, entry = await asyncio.to_thread(self._read_since, version)
        if delta is not None:
            if delta.version > self.replica.version:
                await self._catch_up()
            same = delta.version == self.replica.version
            return delta.message(self.replica.derived if same else None)
        assert entry is not None
        return orjson.Fragment(entry.value)

    def embed(self) -> str:
        """Return the list as JSON for a script element, so that a page shows it before it has a socket.

        Of a list beyond the limit only the newest rows, marked ``partial``: the rest comes over the socket.
        """
        if self._embedded[0] != self.replica.version:
            self._embedded = (self.replica.version, self._encode_for_page())
        return self._embedded[1]

    def _encode_for_page(self) -> str:
        records = self.replica.records
        message: dict[str, Any] = {
            'stream': self.stream.name,
            'version': self.replica.version,
            self.stream.name: records,
            'derived': self.replica.derived,
        }
        encoded = orjson.dumps(message)
        if len(encoded) > self._embed_limit:
            fitting = len(records) * self._embed_limit // len(encoded)
            encoded = orjson.dumps({**message, self.stream.name: records[:fitting], 'partial': True})
        return encoded.decode().translate(SCRIPT_ESCAPES)

    def _compute(self) -> Entry:
        with self._database.read() as session:
            snapshot = self.stream.snapshot(session)
        return Entry(snapshot.version, orjson.dumps(snapshot.message()))

    def _read_since(self, version: int | None) -> tuple[Delta | None, Entry | None]:
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
            self._loop.call_soon_threadsafe(self._apply_message, message)
        except RuntimeError:
            log.debug('the event loop is gone, the app is stopping')

    def _apply_message(self, encoded: bytes) -> None:
        message = orjson.loads(encoded)
        if message['version'] <= self.replica.version:
            return
        if 'base' in message:
            delta = Delta(message['stream'], message['base'], message['version'], message['put'], message['del'])
            if self.replica.apply(delta):
                self._send(delta.message(self.replica.derived))
                self._notify()
                return
        if self._catching_up is None or self._catching_up.done():
            self._catching_up = asyncio.create_task(self._catch_up())

    async def _catch_up(self) -> None:
        delta, entry = await asyncio.to_thread(self._read_since, self.replica.version)
        if delta is not None and self.replica.apply(delta):
            if delta.put or delta.deleted:
                self._send(delta.message(self.replica.derived))
                self._notify()
        elif entry is not None and entry.version != self.replica.version:
            records: list[Record] = orjson.loads(entry.value)[self.stream.name]
            self.replica.reset(entry.version, records)
            self._send(orjson.Fragment(entry.value))
            self._notify()

    def _send(self, message: Any) -> None:
        asyncio.create_task(self._sio.emit('todosync_data', message, room=self.room))  # noqa: RUF006

    def _notify(self) -> None:
        for listener in list(self._listeners):
            listener()
