"""The broadcast job: what changed since the last version becomes one message on the cable."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial

import orjson

from todosync.cable import Cable
from todosync.database import Database
from todosync.jobs import SAFETY_INTERVAL, FailedExecutions, LocalJobs

from .messages import announcement
from .stream import Stream

JOB_ID = 'broadcast'
BURST_INTERVAL = 0.01
"""Seconds between two broadcasts. A change after a pause goes out at once, a burst once per interval."""
RETRY_INTERVAL = 0.5
"""Seconds from a broadcast that failed to the next; the time doubles with each that fails as well."""

log = logging.getLogger(__name__)


class Broadcaster:
    """Publishes every change of the given streams, whoever made it.

    :param jobs: runs the broadcasts
    :param failed: where one that fails is recorded
    :param clock: returns the time in seconds, for the age of the last success
    :param pause: waits for some seconds
    """

    def __init__(
        self,
        database: Database,
        cable: Cable,
        jobs: LocalJobs,
        failed: FailedExecutions,
        streams: Iterable[Stream],
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._cable = cable
        self._jobs = jobs
        self._failed = failed
        self._clock = clock
        self._pause = pause
        self._streams = list(streams)
        self._published: dict[str, int] = {}
        self._unsubscribe: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._running = False
        self._pending = False
        self._failures = 0
        self._last_success = clock()

    def start(self) -> None:
        """Take today's versions as published, and broadcast from now on. Blocks."""
        with self._database.read() as session:
            self._published = {stream.name: stream.version(session) for stream in self._streams}
        self._unsubscribe = [
            self._cable.subscribe(stream.topic, partial(self._note_published, stream.name)) for stream in self._streams
        ]
        self._last_success = self._clock()
        self._jobs.add(JOB_ID, self.run)

    def stop(self) -> None:
        """Listen to the cable no more; the job ends with the local jobs. Safe to call twice."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()

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
                before = dict(self._published)
            failed = [stream for stream in self._streams if not self._succeeds(stream)]
            if not failed:
                self._last_success = self._clock()
                self._failures = 0
            else:
                self._jobs.wake(JOB_ID, after=min(RETRY_INTERVAL * 2**self._failures, SAFETY_INTERVAL))
                self._failures += 1
            if self._published != before:
                self._pause(BURST_INTERVAL)  # what is committed meanwhile goes out together, without another run
            with self._lock:
                if not self._pending:
                    self._running = False
                    return

    def seconds_since_success(self) -> float:
        """Return how long ago a broadcast last went well."""
        return self._clock() - self._last_success

    def _succeeds(self, stream: Stream) -> bool:
        try:
            self._broadcast(stream)
        except Exception as error:  # whatever it is, the next run covers what this one missed
            log.exception('the broadcast of the %s failed; the next one makes up for it', stream.name)
            self._failed.record(JOB_ID, error)
            return False
        return True

    def _broadcast(self, stream: Stream) -> None:
        since = self._published[stream.name]
        with self._database.read() as session:
            delta = stream.delta(session, since)
            version = delta.version if delta else stream.version(session)
        if version == since:
            return
        message = delta.message() if delta else announcement(stream.name, version)
        self._cable.publish(stream.topic, orjson.dumps(message))
        self._note_version(stream.name, version)

    def _note_published(self, stream_name: str, encoded: bytes) -> None:
        """Take over what any process has put on the cable: what it covers need not be published again."""
        message = orjson.loads(encoded)
        if message.get('base', 0) <= self._published[stream_name]:
            self._note_version(stream_name, message['version'])

    def _note_version(self, stream_name: str, version: int) -> None:
        with self._lock:
            self._published[stream_name] = max(self._published[stream_name], version)
