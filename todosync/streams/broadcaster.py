"""The broadcast job: it publishes the changes since the last published version as one message on the cable."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import orjson
from sqlmodel import Session

from todosync.cable import Cable
from todosync.database import QUIET, Database, DatabaseUnavailableError, Outage
from todosync.jobs import SAFETY_INTERVAL, FailedExecutions, LocalJobs

from .messages import Delta, announcement
from .stream import Stream
from .version import Version

JOB_ID = 'broadcast'
BROADCAST_INTERVAL = 0.01
"""Seconds between two broadcasts. A single change is published at once; many changes in a row make one message each."""
RETRY_INTERVAL = 0.5
"""Seconds from a failed broadcast to the next attempt. Each further failure doubles the time."""

log = logging.getLogger(__name__)


class Broadcaster:
    """Publishes every committed change of the given streams, whichever program made it.

    :param database: where the streams' tables and change logs are
    :param cable: carries the messages to all processes
    :param jobs: runs the broadcasts
    :param failed: where failed broadcasts are recorded
    :param streams: the streams
    :param clock: returns the time in seconds; it tells how long ago the last success was
    :param pause: waits for the given number of seconds
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
        self._published: dict[str, Version] = {}
        self._unsubscribe: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._running = False
        self._pending = False
        self._failures = 0
        self._outage = Outage(log, 'broadcasting', quiet=QUIET)
        self._last_success = self._last_attempt = clock()

    def start(self) -> None:
        """Broadcast all changes that are committed from now on. Blocks until the current versions are read."""
        with self._database.read() as session:
            self._published = {stream.name: stream.version(session) for stream in self._streams}
        self._unsubscribe = [
            self._cable.subscribe(stream.topic, partial(self._note_published, stream.name)) for stream in self._streams
        ]
        self._last_success = self._last_attempt = self._clock()
        self._jobs.add(JOB_ID, self.run)

    def stop(self) -> None:
        """Stop listening to the cable. The job itself stops with the local jobs. Safe to call twice."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()

    def broadcast_later(self) -> None:
        """Have a broadcast run soon. Any thread may call this; it returns at once and never raises.

        One run publishes everything that was committed before it, so many calls in a row cause few runs.
        """
        with self._lock:
            self._pending = True
            if self._running:
                return  # that run sees the mark before it ends, and reads once more
        self._jobs.wake(JOB_ID)

    def run(self) -> None:
        """Broadcast until no call is pending. This is the job. It logs and records the errors that are foreseen."""
        with self._lock:
            if self._running:
                return
            self._running = True
        try:
            self._run_until_done()
        except BaseException:  # the local jobs record it
            with self._lock:
                self._running = False
            self._jobs.wake(JOB_ID, after=RETRY_INTERVAL)
            raise

    def seconds_since_success(self) -> float:
        """Return how many seconds ago a broadcast last succeeded."""
        return self._clock() - self._last_success

    def seconds_since_attempt(self) -> float:
        """Return how many seconds ago a broadcast last began. It grows when broadcasts hang or are not run."""
        return self._clock() - self._last_attempt

    def _run_until_done(self) -> None:
        while True:
            self._last_attempt = self._clock()
            with self._lock:
                self._pending = False
                before = dict(self._published)
            failed = [stream for stream in self._streams if not self._succeeds(stream)]
            if not failed:
                self._last_success = self._clock()
                self._failures = 0
                self._outage.end()
            else:
                self._jobs.wake(JOB_ID, after=min(RETRY_INTERVAL * 2**self._failures, SAFETY_INTERVAL))
                self._failures += 1
            if self._published != before:
                self._pause(BROADCAST_INTERVAL)  # changes that are committed meanwhile make one message, in this run
            with self._lock:
                if not self._pending:
                    self._running = False
                    return

    def _succeeds(self, stream: Stream) -> bool:
        try:
            self._broadcast(stream)
        except DatabaseUnavailableError as error:  # nor could it be recorded
            self._outage.note(error)
            return False
        except Exception as error:  # whatever the error is, the next run publishes these changes, too
            self._outage.note(error, with_traceback=not isinstance(error, OSError))
            self._failed.record(JOB_ID, error)
            return False
        return True

    def _broadcast(self, stream: Stream) -> None:
        since = self._published[stream.name]
        with self._database.read() as session:
            message, version = _changes(session, stream, since)
        if version == since:
            return
        self._cable.publish(stream.topic, orjson.dumps(message))
        with self._lock:
            self._published[stream.name] = version

    def _note_published(self, stream_name: str, encoded: bytes) -> None:
        """Note a message that some process has published: this process need not publish the same changes again."""
        message = orjson.loads(encoded)
        base, version = Version.from_message(message.get('base')), Version.from_message(message['version'])
        with self._lock:
            published = self._published[stream_name]
            covers = base is None or base.number <= published.number
            if version and covers and version.number > published.number:
                self._published[stream_name] = version


def _changes(session: Session, stream: Stream, since: Version) -> tuple[dict[str, Any], Version]:
    """Return the message that tells what has changed since a version, one for all scopes, and the version now."""
    if not stream.scope:
        delta = stream.delta(session, since)
        version = delta.version if delta else stream.version(session)
        return delta.message() if delta else announcement(stream.name, version), version
    version = stream.version(session)
    deltas = None if version == since else stream.deltas(session, since)
    if deltas is None:
        return announcement(stream.name, version), version
    change = Delta(stream.name, since, version, [], [])
    return {**change.message(), 'scopes': [delta.message() for delta in deltas]}, version
