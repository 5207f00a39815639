"""The channel: brings a stream's changes from the cable to the browsers, to each first a snapshot and then deltas.

The module is long because the order in which versions are read, applied, sent and refused matters: it stands here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import socketio

from todosync.cable import Cable
from todosync.database import Database

from .burst import Burst
from .cache import Cache
from .catching_up import CatchingUp
from .embedding import Embedding
from .fanout import Fanout
from .gate import Gate
from .listening import listen
from .messages import Delta, ScopeValue, Snapshot, head, refusal, replacing
from .recent import Recent
from .replica import Replica
from .replica_watch import ReplicaWatch
from .scope import key_of
from .source import EncodedSnapshot, Source
from .stream import Stream
from .tasks import Tasks
from .version import NOTHING, Version

EVENT = 'todosync_data'
ANSWER_EVENT = 'todosync_answer'
BURST_INTERVAL = 0.01
"""Seconds between two messages to the browsers. A single change is sent at once, many in a row once per interval."""
ATTEMPTS = 3
"""How often a subscriber's version is looked up while others write. After that it gets all rows of the replica."""

log = logging.getLogger(__name__)


class Channel:
    """One stream in this process: its replica, and the sockets that have subscribed to it.

    Belongs to the event loop, except where a method says otherwise. Each message to the browsers continues the one
    before it, or replaces everything. A change reaches a subscribed browser in one of three ways: in a message; in the
    answer when it subscribes, which the next message continues; or after an empty message, which tells the browser that
    it missed changes. Then the browser subscribes again and says which version it has.

    :param stream: the stream
    :param database: has the stream's table and its change log
    :param cache: keeps the JSON of the last snapshot
    :param cable: brings the messages of all processes
    :param sio: the Socket.IO server of the browsers
    :param embed_limit: bytes of JSON beyond which :meth:`embed` gives only the first rows
    :param burst_interval: seconds between two messages to the browsers, see :data:`BURST_INTERVAL`
    :param clock: returns the time in seconds
    :param prepare: makes what the database lacks, where it was replaced by one of an older release; called in a thread
    :param scope: the scope whose rows these are, of a stream with scopes; then :class:`ScopeChannels` brings it the
        messages, and looks after it
    :param settle_rights: awaited before changes go on to replica and browsers, see :class:`Gate` (default: nobody
        loses a right)
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
        prepare: Callable[[], None] = lambda: None,
        scope: ScopeValue | None = None,
        settle_rights: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.stream = stream
        self.scope = scope
        self.key = key_of(stream.name, scope)
        self.replica = Replica(stream)
        self.source = Source(stream, database, cache, scope)
        self._cable = cable
        self._sio = sio
        self._gate = Gate(settle_rights, self._take)
        self._tasks = Tasks()
        self._admitted: dict[str, Any] | None = None
        self._clock = clock
        self._recent = Recent()
        self._catching_up = CatchingUp(self.key, self._read_newer)
        self._watch = ReplicaWatch(self.replica, self.source, self.catch_up, prepare)
        self._burst = Burst(burst_interval)
        self._flush_timer: asyncio.TimerHandle | None = None
        self._fanout = Fanout(sio, EVENT, lambda: Delta.nothing(stream.name, self._burst.sent_version, scope).message())
        self._embedding = Embedding(self.replica, embed_limit, scope)
        self._shared_snapshot = b''
        self._listeners: list[Callable[[Any], None]] = []
        self._unsubscribe: Callable[[], None] = lambda: None

    @property
    def behind(self) -> int:
        """How many browsers get no messages now, because they have not yet taken earlier ones."""
        return self._fanout.behind

    async def start(self) -> None:
        """Subscribe to the cable, load the rows, and look after them from then on."""
        if self.scope is not None:
            await self.catch_up()
            return
        self._unsubscribe = listen(self._cable, self.stream.topic, self.take)
        await self._read_newer()
        self._watch.start()

    async def stop(self) -> None:
        """End the subscription; safe to call twice."""
        self._unsubscribe()
        self._fanout.stop()
        self._cancel_flush()
        await self._gate.stop()
        await self._watch.stop()
        await self._catching_up.stop()

    def on_change(self, listener: Callable[[Any], None]) -> Callable[[], None]:
        """Call ``listener`` after each message to the browsers.

        :param listener: takes the message: a delta as a dict, or a snapshot as a fragment of JSON
        :return: a function that ends these calls; safe to call twice
        """
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    async def answer(self, sid: str, version: Version) -> None:
        """Add a socket, and send it what :meth:`subscribe` returns. Ends when the socket has taken it, or is gone."""
        if self._admitted is not None:  # its right is that of now, so it must not see rows that are gone by now
            await self.catch_up()
            self.flush()
            if sid not in self._admitted:
                return
        answer = await self.subscribe(sid, version)
        if self._admitted is not None and sid not in self._admitted:  # it has lost its right meanwhile
            await self._fanout.remove(sid)
            return
        await self._fanout.send_to(sid, ANSWER_EVENT, answer)

    def admit(self, sid: str, user: Any) -> None:
        """Note whose socket is about to subscribe. From the first call on only such sockets get anything."""
        self._admitted = {} if self._admitted is None else self._admitted
        self._admitted[sid] = user

    def admitted(self) -> dict[str, Any]:
        """Return the users of the sockets that have been admitted, by Socket.IO id, and forget those that are gone."""
        is_connected = self._sio.manager.is_connected
        self._admitted = {sid: user for sid, user in (self._admitted or {}).items() if is_connected(sid, '/')}
        return dict(self._admitted)

    async def dismiss(self, sid: str, reason: str) -> None:
        """End what a socket gets, and tell it why; safe to call twice.

        :param sid: its Socket.IO id
        :param reason: a sentence for its user
        """
        (self._admitted or {}).pop(sid, None)
        await self._fanout.remove(sid)
        message = orjson.dumps(refusal(self.stream.name, self.scope, reason))
        self._tasks.begin(self._fanout.send_to(sid, EVENT, message))  # a slow socket holds up nobody

    def tell_end(self) -> None:
        """Tell all sockets that nothing more comes from here. If a page still shows the rows, its browser asks anew."""
        self._fanout.send(self._ended)

    async def tell_end_to(self, sid: str) -> None:
        """Tell one socket, which is not subscribed yet, that nothing more comes from here.

        :param sid: its Socket.IO id
        """
        await self._fanout.send_to(sid, EVENT, orjson.dumps(self._ended))

    @property
    def _ended(self) -> dict[str, Any]:
        return {**head(self.stream.name, self.scope), 'ended': True}

    async def subscribe(self, sid: str, version: Version) -> bytes:
        """Add a socket and return what it lacks, as JSON. A browser that missed changes subscribes again.

        The answer leads to the version that this process has reached, which the next message to the socket continues.

        :param sid: the Socket.IO id
        :param version: the version that the browser has
        """
        if self.replica.version == NOTHING:
            await self.catch_up()
        # first the socket, then the answer, and nothing in between: the next message continues the answer
        await self._fanout.add(sid)
        if answer := self._continue(version):
            return answer
        for _ in range(ATTEMPTS):
            missed = await asyncio.to_thread(self.source.read_since, version)
            if missed.version != self.replica.version:
                await self.catch_up()
            if answer := self._completed(missed):
                return answer
        self.flush()
        rows = Snapshot(
            self.stream.name, self.replica.version, list(self.replica.rows), self.replica.totals, self.scope
        )
        return self._share(replacing(orjson.dumps(rows.message())))

    async def catch_up(self) -> None:
        """Bring replica and browsers up to date with all that is committed now, without waiting for a message."""
        await asyncio.shield(self._catching_up.start())

    def flush(self) -> None:
        """Send all unsent changes to the browsers now, without waiting for the end of the interval."""
        if delta := self._burst.take(self._clock()):
            self._send(delta.message(self.replica.totals))

    def embed(self) -> str:
        """Return the rows as JSON for a script element, so that a page shows them before its socket is open.

        Beyond the limit there are only the first rows, and the message has ``partial``. The socket brings the others.
        """
        return self._embedding.text

    def take(self, message: dict[str, Any]) -> None:
        """Take a message of the cable, as soon as it may go on."""
        self._gate.put(message)

    def _share(self, snapshot: bytes) -> bytes:
        """Return one copy of a snapshot for all sockets that ask at the same version, which saves memory."""
        if snapshot != self._shared_snapshot:
            self._shared_snapshot = snapshot
        return self._shared_snapshot

    def _take(self, message: dict[str, Any]) -> None:
        if self.replica.knows(Version(*message['version'])):
            return
        delta = Delta.from_message(message)
        if delta is None or not self._apply(delta):
            self._catching_up.start()

    def _continue(self, version: Version, before: Delta | None = None) -> bytes | None:
        """Return the message that leads from a version to the replica's, ``None`` if that is not known here.

        :param before: what leads to the version
        """
        since = self._recent.since(version)
        if not since and version != self.replica.version:
            return None
        self.flush()
        delta = Delta.joined([before or Delta.nothing(self.stream.name, version, self.scope), *since])
        return orjson.dumps(delta.message(self.replica.totals))

    def _completed(self, missed: Delta | EncodedSnapshot) -> bytes | None:
        """Return what was read, up to the replica's version, as a message; ``None`` if the way there is not known."""
        if isinstance(missed, Delta):
            return self._continue(missed.version, missed)
        if missed.version != self.replica.version:
            return None
        self.flush()
        return self._share(missed.encoded)

    async def _read_newer(self) -> None:
        is_read = False
        while not is_read:  # again, if meanwhile a message has led elsewhere
            missed = await asyncio.to_thread(self.source.read_since, self.replica.version)
            await self._gate.wait()
            is_read = self._apply(missed) if isinstance(missed, Delta) else self._replace(missed)

    def _replace(self, snapshot: EncodedSnapshot) -> bool:
        """Take over a snapshot, unless the replica is at a later version of the same history.

        :return: always ``True``: nothing more has to be read
        """
        if snapshot.replaces or snapshot.version.number > self.replica.version.number:
            is_other = snapshot.replaces and self.replica.version != NOTHING
            self.replica.reset(snapshot.version, orjson.loads(snapshot.entry.value)[self.stream.name])
            if is_other and self.scope is None:  # a process may have thousands of scopes
                log.warning(
                    'the database was put back or replaced, or changes were missed: the %s are read anew, which are %d',
                    self.stream.name,
                    len(self.replica.rows),
                )
            self._recent.clear()
            self._burst.note_sent(snapshot.version, self._clock())
            self._send(orjson.Fragment(snapshot.encoded))
        return True

    def _apply(self, delta: Delta) -> bool:
        before = self.replica.version
        if not self.replica.apply(delta):
            return False
        if self.replica.version != before:
            self._recent.add(delta)
            self._burst.add(delta)
            self._flush_when_due()
        return True

    def _flush_when_due(self) -> None:
        wait = self._burst.wait(self._clock())
        if not wait:
            self.flush()
        elif self._flush_timer is None:
            self._flush_timer = asyncio.get_running_loop().call_later(wait, self.flush)

    def _cancel_flush(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None

    def _send(self, message: Any) -> None:
        self._cancel_flush()
        self._fanout.send(message)
        for listener in list(self._listeners):
            try:
                listener(message)
            except Exception:  # an error in one page must not keep the change from other pages
                log.exception('a listener of the %s failed', self.key)
