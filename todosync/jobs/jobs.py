"""Durable jobs: in a store that outlives the process, run by one of the processes that share it."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.jobstores.base import ConflictingIdError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.util import obj_to_ref, ref_to_obj

from todosync.database import dialect_of, explained, forbid_event_loop

from .failed_executions import FailedExecutions
from .local_jobs import make_scheduler
from .policy import JobInterruptedError, policy_of
from .store import RETRY_INTERVAL, DurableJobStore, Execution

THREADS = 3
OWNER_INTERVAL = 0.5
"""Seconds between two looks whether the durable jobs have lost their owner."""
TOPIC = 'todosync_jobs'
RECURRING = 'recurring:'
ATTEMPT = '#'
"""What separates a job's id from the number of its attempt, from the second on."""

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
    """Runs durable jobs in a pool of three threads.

    Any process can add a job, and the one that owns the store runs it. A job starts once, whatever happens to its
    process; one that was running when its process ended counts as failed with :class:`JobInterruptedError`, and is
    tried again only if it asks for that, see :func:`todosync.job_policy.job`.

    :param store_url: SQLAlchemy URL of the jobs and the failed executions; ``sqlite://`` is in memory
    :param poll_interval: seconds between two looks for jobs that other processes have added, where looking is needed
    """

    def __init__(self, store_url: str = 'sqlite://', poll_interval: float = 0.01) -> None:
        self._dialect = dialect_of(store_url)
        self._engine = self._dialect.for_writing(self._dialect.make_engine())
        self._ownership = self._dialect.make_ownership()
        self._signal = self._dialect.commit_signal(TOPIC, poll_interval, self._wake)
        self._recurring: dict[str, tuple[str, CronTrigger]] = {}
        self._stopping = threading.Event()
        self._owner: threading.Thread | None = None
        self._scheduler: BackgroundScheduler | None = None
        self._store = DurableJobStore(self._engine, THREADS)
        self.failed = FailedExecutions(self._engine)

    def start(self) -> None:
        """Open the store, and begin to run jobs as soon as no other process does; safe to call twice.

        :raises DatabaseUnavailableError: the store cannot be opened
        """
        if self._owner is not None:
            return
        with explained(), self._engine.begin() as connection:
            self._store.create_tables(connection)
            self.failed.create_table(connection)
            for statement in self._dialect.signal_ddl(TOPIC, self._store.jobs_t.name):
                connection.exec_driver_sql(statement)
        self._scheduler = make_scheduler(
            THREADS, jobstores={'default': self._store}, jobstore_retry_interval=RETRY_INTERVAL
        )
        self._scheduler.add_listener(self._end, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
        self._scheduler.start()
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
        if self._scheduler is not None:
            self._close_store(self._scheduler)
            self._scheduler.shutdown(wait=True)
            self._scheduler = None
        self._ownership.release()
        self._engine.dispose()

    def enqueue(
        self, run: Callable[..., Any], *arguments: Any, at: datetime | None = None, job_id: str | None = None
    ) -> str:
        """Have a durable job run in the process that owns the store. Blocks: call it in a thread.

        :param run: a function that can be imported, since only its name is stored
        :param arguments: JSON values
        :param at: when (default: now)
        :param job_id: replaces the job that waits under this id (default: a new id)
        :return: the id
        :raises ValueError: the function cannot be imported by name
        :raises TypeError: it is a coroutine function, or an argument is no JSON value
        :raises DatabaseUnavailableError: the store cannot be written to; the job was not added

        Example::

            jobs.enqueue(remind, todo.id, at=datetime.now(UTC) + timedelta(hours=1))
        """
        if inspect.iscoroutinefunction(run):
            raise TypeError(f'{run.__qualname__} is a coroutine function; jobs run in threads')
        execution = Execution(job_id or uuid4().hex, obj_to_ref(run), orjson.dumps(arguments).decode())
        self._add(execution, at or datetime.now(UTC), replace=job_id is not None)
        return execution.job_id

    def cancel(self, job_id: str) -> bool:
        """Remove a durable job that waits, for its time or for another attempt. Blocks.

        :return: whether there was one
        """
        forbid_event_loop('Cancelling a job')
        assert self._scheduler is not None, 'start() first'
        found = [waiting.id for waiting in self._scheduler.get_jobs() if waiting.id.partition(ATTEMPT)[0] == job_id]
        for waiting_id in found:
            self._scheduler.remove_job(waiting_id)
        return bool(found)

    def add_recurring(self, name: str, run: Callable[[], None], cron: str) -> None:
        """Have a durable job run again and again. Call it before :meth:`start`.

        :param run: a function that can be imported
        :param cron: when, in the five fields of cron, in UTC; a run that no process was there for is made up for once
        """
        self._recurring[RECURRING + name] = (obj_to_ref(run), CronTrigger.from_crontab(cron, timezone=UTC))

    def queue(self) -> QueueState:
        """Return the state of the durable jobs. Blocks."""
        return QueueState(*self._store.counts(), failed=self.failed.count(), is_owner=self._store.is_open)

    def _wake(self) -> None:
        if self._scheduler is not None:
            self._scheduler.wakeup()

    def _compete(self) -> None:
        """Own the durable jobs whenever nobody else does."""
        while True:
            try:
                may_own = self._ownership.acquire()
                if may_own and not self._store.is_open:
                    self._take_over()
                elif not may_own and self._store.is_open:
                    self._step_down()
            except Exception:
                log.exception('the durable jobs could not be taken over, trying again')
            if self._stopping.wait(OWNER_INTERVAL):
                return

    def _take_over(self) -> None:
        assert self._scheduler is not None
        for execution in self._store.interrupted():
            self._fail(execution, JobInterruptedError('the process that ran it has ended'))
            self._store.end(execution)
        self._schedule_recurring(self._scheduler)
        self._store.is_open = True
        self._wake()

    def _step_down(self) -> None:
        assert self._scheduler is not None
        log.warning('another process may own the durable jobs now')
        self._close_store(self._scheduler)

    def _close_store(self, scheduler: BackgroundScheduler) -> None:
        self._store.is_open = False
        with suppress(Exception):  # whatever it answers, then the scheduler is not in the middle of taking jobs
            scheduler.get_job('')

    def _schedule_recurring(self, scheduler: BackgroundScheduler) -> None:
        """Schedule what is declared; a job that is already in the store keeps its time, or no restart would run it."""
        waiting = [job for job in scheduler.get_jobs() if job.id.startswith(RECURRING) and ATTEMPT not in job.id]
        stored = {job.id: job for job in waiting}
        for job_id in stored.keys() - self._recurring.keys():
            scheduler.remove_job(job_id)
        for job_id, (run, trigger) in self._recurring.items():
            arguments = [run, '[]', 1]
            known = stored.get(job_id)
            if known is None or list(known.args) != arguments or str(known.trigger) != str(trigger):
                scheduler.add_job(perform, trigger, args=arguments, id=job_id, replace_existing=True)

    def _add(self, execution: Execution, at: datetime, *, replace: bool = False) -> None:
        forbid_event_loop('Adding a job')
        assert self._scheduler is not None, 'start() first'
        arguments = [execution.run, execution.arguments, execution.attempt]
        job_id = execution.job_id
        with explained():
            self._scheduler.add_job(perform, DateTrigger(at), args=arguments, id=job_id, replace_existing=replace)

    def _end(self, event: JobExecutionEvent) -> None:
        """Take note that a durable job has ended; as long as that cannot be stored, its thread is not free."""
        execution = self._store.running[event.job_id]
        while True:
            try:
                if event.exception is not None:
                    self._fail(execution, event.exception)
                self._store.end(execution)
                break
            except Exception:
                log.exception('could not store that job %s has ended, trying again', execution.job_id)
                if self._stopping.wait(RETRY_INTERVAL):
                    return
        self._wake()

    def _fail(self, execution: Execution, error: BaseException) -> None:
        policy = policy_of(_resolve(execution.run))
        if isinstance(error, policy.discard_on):
            log.info('job %s is discarded: %s', execution.job_id, error)
            return
        wait = policy.seconds_until_retry(error, execution.attempt)
        if wait is None:
            self.failed.record(execution.job_id, error)
            return
        attempt = execution.attempt + 1
        job_id = f'{execution.job_id.partition(ATTEMPT)[0]}{ATTEMPT}{attempt}'
        log.warning('job %s failed and is tried again in %g s: %r', execution.job_id, wait, error)
        with suppress(ConflictingIdError):  # the process ended after this and before the end of the attempt was stored
            self._add(replace(execution, job_id=job_id, attempt=attempt), datetime.now(UTC) + timedelta(seconds=wait))


def perform(run: str, arguments: str, attempt: int) -> None:
    """Run a durable job; what the store holds refers to this function.

    :param run: where to find the job's own function
    :param arguments: a JSON array
    :param attempt: 1 for the first
    """
    ref_to_obj(run)(*orjson.loads(arguments))


def _resolve(run: str) -> Callable[..., Any]:
    try:
        function: Callable[..., Any] = ref_to_obj(run)
    except LookupError:
        return perform  # the program no longer has the function: nothing says how its failures are to be met
    return function
