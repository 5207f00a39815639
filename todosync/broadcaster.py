"""The broadcast job: what changed since the last version becomes one message on the cable."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from functools import partial

import orjson

from .cable import Cable
from .database import Database
from .jobs import Jobs
from .streams import Stream

JOB_ID = 'broadcast'

log = logging.getLogger(__name__)


class Broadcaster:
    """Publishes every change of the given streams, whoever made it.

    :param clock: returns the time in seconds, for the age of the last success
    """

    def __init__(
        self,
        database: Database,
        cable: Cable,
        jobs: Jobs,
        streams: Iterable[Stream],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._cable = cable
        self._jobs = jobs
        self._clock = clock
        self._streams = list(streams)
        self._published: dict[str, int] = {}
        self._lock = threading.Lock()
        self._running = False
        self._pending = False
        self._last_success = clock()

    def start(self) -> None:
        """Take today's versions as published and register the job. Blocks."""
        with self._database.read() as session:
            self._published = {stream.name: stream.version(session) for stream in self._streams}
        for stream in self._streams:
            self._cable.subscribe(stream.name, partial(self._note_published, stream.name))
        self._last_success = self._clock()
        self._jobs.add_local(JOB_ID, self.run)

    def broadcast_later(self) -> None:
        """Have everything that is committed by now broadcast. Returns at once, from any thread; never raises.

        Bursts coalesce: one run covers all that was committed before it.
        """
        with self._lock:
            self._pending = True
            if self._running:
                return  # that run looks once more before it ends
        self._jobs.wake(JOB_ID)

    def run(self) -> None:
        """Broadcast until nothing is pending. This is the job; it logs and records what fails, and never raises."""
        with self._lock:
            if self._running:
                return
            self._running = True
        while True:
            with self._lock:
                self._pending = False
            try:
                for stream in self._streams:
                    self._broadcast(stream)
                self._last_success = self._clock()
            except Exception as error:  # whatever it is, the next run covers what this one missed
                log.exception('the broadcast failed; the next one makes up for it')
                self._jobs.record_failure(JOB_ID, error, traceback.format_exc())
            with self._lock:
                if not self._pending:
                    self._running = False
                    return

    def seconds_since_success(self) -> float:
        """Return how long ago a broadcast last went well."""
        return self._clock() - self._last_success

    def _broadcast(self, stream: Stream) -> None:
        since = self._published[stream.name]
        with self._database.read() as session:
            delta = stream.delta(session, since)
            version = delta.version if delta else stream.version(session)
        if version == since:
            return
        # without a delta only the version is announced; each process then reads the list through the cache
        message = delta.message() if delta else {'stream': stream.name, 'version': version}
        self._cable.publish(stream.name, orjson.dumps(message))
        self._note_version(stream.name, version)

    def _note_published(self, stream_name: str, encoded: bytes) -> None:
        """Take over what any process has put on the cable: what it covers need not be published again."""
        message = orjson.loads(encoded)
        if message.get('base', 0) <= self._published[stream_name]:
            self._note_version(stream_name, message['version'])

    def _note_version(self, stream_name: str, version: int) -> None:
        with self._lock:
            self._published[stream_name] = max(self._published[stream_name], version)
