"""The reports of all processes. Each process keeps them, so any can show them on a page and to Prometheus.

The reports travel over the cable. A process that receives its own reports knows that the cable works.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import orjson

from todosync.cable import Cable
from todosync.database import Outage

if TYPE_CHECKING:
    from todosync.assembly import SyncServer

TOPIC = 'todosync:status'
"""The name on the cable; no name of a table can be like it."""
REPORT_INTERVAL = 5.0
EXPIRY = 3 * REPORT_INTERVAL
"""A process that has not reported for this many seconds is taken to have ended."""
HISTORY_LENGTH = 120
PROCESS = f'{socket.gethostname()}:{os.getpid()}'

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProcessReport:
    """One process at one moment.

    :param process: its host and process id
    :param at: the time of the report, in seconds since 1970, by the process's own clock
    :param started_at: the time of the process's start, in seconds since 1970
    :param versions: the version of each stream that the process has, by name
    :param browsers: how many browser sessions have a tab in this process
    :param leaders: how many tabs hold a socket
    :param followers: how many tabs use the socket of another tab
    :param cache_hits: how often the cache had the value, since the start
    :param cache_misses: how often the cache did not have it, since the start
    :param jobs_waiting: how many durable jobs wait, in all processes
    :param jobs_running: how many durable jobs run, in all processes
    :param jobs_failed: how many failed executions are kept
    :param owns_jobs: whether this process runs the durable jobs
    :param broadcast_age: seconds since the last successful broadcast
    :param cpu_seconds: processor time since the start
    :param memory_bytes: resident memory
    :param open_files: open file descriptors, sockets included
    :param open_files_limit: how many the process may have
    :param refused_frames: frames that no browser sends, refused since the start

    Example::

        for report in reports:
            print(report.process)
    """

    process: str
    at: float
    started_at: float
    versions: dict[str, int]
    browsers: int
    leaders: int
    followers: int
    cache_hits: int
    cache_misses: int
    jobs_waiting: int
    jobs_running: int
    jobs_failed: int
    owns_jobs: bool
    broadcast_age: float
    cpu_seconds: float
    memory_bytes: int
    open_files: int
    open_files_limit: int
    refused_frames: int

    @property
    def tabs(self) -> int:
        """How many tabs are connected, with a socket of their own or without."""
        return self.leaders + self.followers


def take_report(server: SyncServer) -> ProcessReport:
    """Return a report on a server. Blocks.

    :raises sqlalchemy.exc.OperationalError: the store of the jobs cannot be read
    """
    from prometheus_client import ProcessCollector

    queue = server.jobs.queue()
    system = {metric.name: metric.samples[0].value for metric in ProcessCollector(registry=None).collect()}
    return ProcessReport(
        process=PROCESS,
        at=time.time(),
        started_at=system.get('process_start_time_seconds', 0.0),
        versions={channel.stream.name: channel.replica.version.number for channel in server.channels},
        browsers=server.tabs.browser_count,
        leaders=server.tabs.socket_count,
        followers=server.tabs.carried_count,
        cache_hits=server.cache.usage.hits,
        cache_misses=server.cache.usage.misses,
        jobs_waiting=queue.waiting,
        jobs_running=queue.running,
        jobs_failed=queue.failed,
        owns_jobs=queue.is_owner,
        broadcast_age=server.broadcaster.seconds_since_success(),
        cpu_seconds=system.get('process_cpu_seconds', 0.0),
        memory_bytes=int(system.get('process_resident_memory_bytes', 0)),
        open_files=int(system.get('process_open_fds', 0)),
        open_files_limit=int(system.get('process_max_fds', 0)),
        refused_frames=server.refused_frames,
    )


class StatusBoard:
    """Publishes the reports of this process at an interval, and keeps those of all processes for a while.

    :param cable: carries the reports
    :param take: returns a report; it is called in the board's own thread, so it may block
    :param clock: returns the time in seconds; it tells the age of the received reports
    """

    def __init__(
        self, cable: Cable, take: Callable[[], ProcessReport], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._cable = cable
        self._take = take
        self._clock = clock
        self._reporting = threading.Lock()
        self._lock = threading.Lock()
        self._heard: dict[str, tuple[float, deque[ProcessReport]]] = {}
        self._outage = Outage(log, 'reporting the status')
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._listening_since = clock()

    def start(self) -> None:
        """Begin to report and to listen; safe to call twice."""
        if self._thread is None:
            self._listening_since = self._clock()
            self._unsubscribe = self._cable.subscribe(TOPIC, self._hear)
            self._stopping.clear()
            self._thread = threading.Thread(target=self._report_regularly, name='status', daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End both; safe to call twice."""
        if self._thread is not None:
            self._stopping.set()
            self._thread.join()
            self._thread = None
            self._unsubscribe()

    def reports(self) -> list[ProcessReport]:
        """Return the newest report of each process that lives, by name."""
        return [history[-1] for history in self.histories()]

    def histories(self) -> list[list[ProcessReport]]:
        """Return the last reports of each process that lives, oldest first; the processes by name."""
        with self._lock:
            return [list(history) for _, (at, history) in sorted(self._heard.items()) if self._clock() - at < EXPIRY]

    def seconds_since_echo(self) -> float:
        """Return how long ago this process last heard itself over the cable."""
        with self._lock:
            at, _ = self._heard.get(PROCESS, (self._listening_since, None))
        return self._clock() - at

    def report(self) -> None:
        """Publish a report now. Blocks; never raises."""
        with self._reporting:  # one at a time, so that reports arrive in the order in which they were made
            try:
                self._cable.publish(TOPIC, orjson.dumps(asdict(self._take())))
            except Exception as error:  # the store of the jobs, or the cable
                self._outage.note(error)
            else:
                self._outage.end()

    def _report_regularly(self) -> None:
        self.report()
        while not self._stopping.wait(REPORT_INTERVAL):
            self.report()

    def _hear(self, message: bytes) -> None:
        report = _parse(orjson.loads(message))
        if report is None:
            return
        with self._lock:
            for process in [name for name, (at, _) in self._heard.items() if self._clock() - at > EXPIRY]:
                del self._heard[process]
            _, history = self._heard.get(report.process, (0.0, deque(maxlen=HISTORY_LENGTH)))
            history.append(report)
            self._heard[report.process] = (self._clock(), history)


def _parse(message: dict[str, Any]) -> ProcessReport | None:
    known = {field.name for field in fields(ProcessReport)}
    if not known <= message.keys():
        return None  # its process still runs the release before this one
    return ProcessReport(**{name: message[name] for name in known})
