"""Durable jobs: in a store that outlives the process, run by one of the processes that share it."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import orjson

from todosync.clock import clock
from todosync.database import dialect_of, explained, first_line, forbid_event_loop, unforeseen

from .failed import FailedExecutions
from .local import SAFETY_INTERVAL, LocalJobs
from .policy import name_of, policy_of
from .runner import RETRY_INTERVAL, Runner
from .store import JobStore
from .table import RECURRING, Recurring, RunningJob, jobs, read_any_text

OWNER_INTERVAL = 0.5
"""Seconds between two looks whether the durable jobs have lost their owner."""
TOPIC = 'todosync_jobs'
LOOK = 'look for due jobs'
NEXT_LOOK = 'look when the next job is due'
"""A look of its own: that the next job is due later must not put off a look that somebody has woken just now."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class QueueState:
    """The durable jobs of all processes.

    :param waiting: how many wait, for their time or for a thread
    :param running: how many run
    :param failed: how many have failed and are kept on record
    :param is_owner: whether this process is the one that runs them
    """

    waiting: int
    running: int
    failed: int
    is_owner: bool


class Jobs:
    """Runs durable jobs in threads, up to three of a function at a time.

    Any process can add a job, and the one that owns the store runs it. A job starts once, whatever happens to its
    process; one that was running when its process ended counts as failed with :class:`JobInterruptedError`, and is
    tried again only if it asks for that, see :func:`todosync.job`.

    APScheduler keeps the time and the threads, in memory. A local job looks for jobs that are due: when the next one
    is, when something was committed, and every ten seconds, because timers stand still while a machine sleeps. What
    is stored is a plain table, see ``JobStore``.

    No job is too late to run: what was due while no process ran, or while the machine slept, runs within ten seconds of
    its waking. A recurring job that has missed several of its times runs once.

    :param store_url: SQLAlchemy URL of the jobs and the failed executions; ``sqlite://`` is in memory
    :param poll_interval: seconds between two looks for jobs that other processes have added, where looking is needed
    """

    def __init__(self, store_url: str = 'sqlite://', poll_interval: float = 0.01) -> None:
        self._dialect = dialect_of(store_url)
        self.engine = self._dialect.make_engine()
        """The store's connections. A job is a row of the table ``todosync_jobs``, which anybody may look at."""
        read_any_text(self.engine)
        self._writing_engine = self._dialect.for_writing(self.engine)
        self._ownership = self._dialect.make_ownership()
        self._signal = self._dialect.commit_signal(TOPIC, poll_interval, self._wake)
        self._stopping = threading.Event()
        self._owner: threading.Thread | None = None
        self._is_owner = False
        self._looking = threading.Lock()
        self._about_to_look = threading.Lock()
        self._is_unsure = False
        """Whether a look has failed, so that it is not known what it has taken."""
        self.failed = FailedExecutions(self.engine, self._writing_engine)
        self._store = JobStore(self.engine, self._writing_engine, self.failed)
        self._runner = Runner(self._store, self._wake)
        self._looks = LocalJobs(self.failed)

    def start(self) -> None:
        """Open the store, and begin to run jobs as soon as no other process does; safe to call twice.

        :raises DatabaseUnavailableError: the store cannot be opened
        """
        if self._owner is not None:
            return
        with explained(), self._writing_engine.begin() as connection:
            self._store.create_table(connection)
            self.failed.create_table(connection)
            for statement in self._dialect.signal_ddl(TOPIC, jobs.name):
                connection.exec_driver_sql(statement)
        self._runner.start()
        self._looks.start()
        self._looks.add(LOOK, self._look)
        self._looks.add(NEXT_LOOK, self._look)
        self._stopping.clear()
        self._owner = threading.Thread(target=self._compete, name='own the jobs', daemon=True)
        self._owner.start()
        self._signal.start()

    def stop(self) -> None:
        """Wait for running jobs and stop; safe to call twice."""
        if self._owner is None:
            return
        self._stopping.set()
        self._signal.stop()
        self._owner.join()
        self._owner = None
        self._take_no_more()
        self._runner.stop()
        self._looks.stop()
        self._ownership.release()
        self.engine.dispose()

    def enqueue(
        self, run: Callable[..., Any], *arguments: Any, at: datetime | None = None, job_id: str | None = None
    ) -> str:
        """Have a durable job run in the process that owns the store. Blocks: call it in a thread.

        :param run: a function that is marked with ``@todosync.job`` and can be imported, since only its name is stored
        :param arguments: JSON values
        :param at: when, with a time zone (default: now)
        :param job_id: replaces what waits under this id, another attempt too (default: a new id)
        :return: the id
        :raises ValueError: the function cannot be imported by name, or the time has no zone
        :raises TypeError: it is not marked, it is a coroutine function, or an argument is no JSON value
        :raises DatabaseUnavailableError: the store cannot be written to; the job was not added
        :raises UnknownOutcomeError: it went away during the commit; the job may have been added, and runs then

        Example::

            jobs.enqueue(remind, todo.id, at=datetime.now(UTC) + timedelta(hours=1))
        """
        if inspect.iscoroutinefunction(run):
            raise TypeError(f'{run.__qualname__} is a coroutine function; jobs run in threads')
        function = name_of(run)
        policy_of(run)
        if at is not None and at.utcoffset() is None:
            raise ValueError(f'the time {at} has no time zone; give it one, as in datetime(2030, 1, 31, 9, tzinfo=UTC)')
        forbid_event_loop('Adding a job')
        assert self._owner is not None, 'start() first'
        new_id, array = job_id or uuid4().hex, orjson.dumps(arguments).decode()
        with explained():
            self._store.add(new_id, function, array, at or clock.now(), replace=job_id is not None)
        self._wake()
        return new_id

    def cancel(self, job_id: str) -> bool:
        """Remove a durable job that waits, for its time or for another attempt. Blocks.

        :return: whether there was one
        :raises DatabaseUnavailableError: the store cannot be written to; nothing was removed
        :raises UnknownOutcomeError: it went away during the commit; the job may have been removed
        """
        forbid_event_loop('Cancelling a job')
        assert self._owner is not None, 'start() first'
        with explained():
            return self._store.remove(job_id)

    def add_recurring(self, name: str, run: Callable[[], None], cron: str) -> None:
        """Have a durable job run again and again. Call it before :meth:`start`.

        :param run: a function that is marked with ``@todosync.job`` and can be imported
        :param cron: when, in the five fields of cron, in UTC; a run that no process was there for is made up for once
        :raises ValueError: the function cannot be imported by name, or ``cron`` is none
        :raises TypeError: the function is not marked
        """
        policy_of(run)
        recurring = Recurring(name_of(run), cron)
        recurring.next_run(clock.now())
        self._store.recurring[RECURRING + name] = recurring

    def queue(self) -> QueueState:
        """Return the state of the durable jobs. Blocks, but does not wait for writers."""
        return QueueState(*self._store.counts(), failed=self.failed.count(), is_owner=self._is_owner)

    def running(self) -> list[RunningJob]:
        """Return the durable jobs that run, in whichever process, the oldest first. Blocks, but not for writers.

        :raises DatabaseUnavailableError: the store cannot be read
        """
        with explained():
            return self._store.running()

    def _wake(self) -> None:
        """Have due jobs looked for. Returns at once, from any thread; never raises, not while stopping."""
        self._looks.wake(LOOK)

    def _compete(self) -> None:
        """Own the durable jobs whenever nobody else does."""
        while True:
            try:
                may_own = self._ownership.acquire()
                if may_own and not self._is_owner:
                    self._take_over()
                elif not may_own and self._is_owner:
                    log.warning('another process may own the durable jobs now')
                    self._take_no_more()
            except Exception as error:
                what = 'the durable jobs could not be taken over, trying again: %s'
                log.error(what, first_line(error), exc_info=unforeseen(error))
            if self._stopping.wait(OWNER_INTERVAL):
                return

    def _take_over(self) -> None:
        with self._looking:
            for execution in self._store.take_over(clock.now(), self._runner.running()):
                self._runner.begin(execution)
            self._is_owner = True
        self._wake()

    def _take_no_more(self) -> None:
        with self._looking:
            self._is_owner = False

    def _look(self) -> None:
        """Start the jobs that are due, and have the next look when the next one is. Never raises."""
        if not self._about_to_look.acquire(blocking=False):
            return  # another look is about to begin, and will see what this one would
        with self._looking:
            self._about_to_look.release()
            if not self._is_owner:
                return
            try:
                wait = self._start_due_jobs()
            except Exception as error:
                if not self._is_unsure:
                    what = 'due jobs cannot be taken, trying on: %s'
                    log.warning(what, first_line(error), exc_info=unforeseen(error))
                self._is_unsure = True
                wait = RETRY_INTERVAL
        if wait is not None and wait < SAFETY_INTERVAL:
            self._looks.wake(NEXT_LOOK, after=wait)

    def _start_due_jobs(self) -> float | None:
        """Start the due jobs whose functions have a thread free.

        :return: seconds until the next is due; ``None`` if none waits for its time: a job that ends wakes the look
        """
        if self._is_unsure:  # a commit that was answered by an error may have been made
            self._store.give_back(self._runner.running())
            self._is_unsure = False
        while (busy := self._runner.busy_functions()) is not None:
            now = clock.now()
            wait = self._store.seconds_until_due(now, busy)
            if wait is None or wait > 0:
                return wait
            if execution := self._store.take(now, busy):
                self._runner.begin(execution)
        return None
