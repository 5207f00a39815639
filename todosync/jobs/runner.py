"""Runs the executions of durable jobs in threads, and stores the end of each."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import orjson
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.util import ref_to_obj

from todosync.clock import clock

from .local import make_scheduler
from .policy import JobInterruptedError, Policy, policy_of
from .store import JobStore
from .table import Execution

THREADS_PER_FUNCTION = 3
MOST_THREADS = 100
"""The threads of all functions together. They are used up only when more than thirty functions hang."""
RETRY_INTERVAL = 1.0
"""Seconds between two attempts to write to a store that refuses writes."""

log = logging.getLogger(__name__)


class Runner:
    """Runs executions that were taken from the store.

    A job imports and calls its function in its own thread. Whatever the module does when it is imported, and whatever
    the function raises, other jobs go on. They also go on if the end of a job cannot be stored: that is tried again
    until it works. Nobody can end a thread, so a function that hangs keeps its threads. Other functions have others.

    :param store: where an execution ends
    :param on_end: called when a thread is free again; must not raise
    """

    def __init__(self, store: JobStore, on_end: Callable[[], None]) -> None:
        self._store = store
        self._on_end = on_end
        self._scheduler: BackgroundScheduler | None = None
        self._storing: threading.Thread  # from start to stop
        self._stopping = threading.Event()
        self._running: dict[str, str] = {}
        """The functions of the executions that have begun, by the id of the execution."""
        self._unstored: dict[str, Callable[[], None]] = {}
        """Executions that have ended and whose end is not stored yet: what to write, by id. They count as running."""
        self._ended = threading.Condition()

    def busy_functions(self) -> list[str] | None:
        """Return the functions that have no thread free; ``None`` if nobody has one."""
        with self._ended:
            threads = Counter(self._running[execution_id] for execution_id in self._in_threads())
        if threads.total() >= MOST_THREADS:
            return None
        return [function for function, count in threads.items() if count >= THREADS_PER_FUNCTION]

    def start(self) -> None:
        """Open the threads; safe to call twice."""
        if self._scheduler is None:
            self._stopping.clear()
            self._scheduler = make_scheduler(MOST_THREADS)
            self._scheduler.start()
            self._storing = threading.Thread(target=self._store_ends, name='store ends of jobs', daemon=True)
            self._storing.start()

    def stop(self) -> None:
        """Wait until all executions have ended; safe to call twice. No execution may begin meanwhile.

        If the end of an execution could not be stored by then, the next owner takes it for interrupted.
        """
        if self._scheduler is not None:
            with self._ended:
                self._ended.wait_for(lambda: not self._in_threads())
                self._stopping.set()
                self._ended.notify_all()
            self._storing.join()
            self._scheduler.shutdown(wait=True)
            self._scheduler = None
            self._running.clear()
            self._unstored.clear()

    def running(self) -> set[str]:
        """Return the ids of the executions that have begun, and whose end is not stored."""
        with self._ended:
            return set(self._running)

    def begin(self, execution: Execution) -> None:
        """Have an execution run. Returns at once."""
        assert self._scheduler is not None, 'start() first'
        with self._ended:
            self._running[execution.execution_id] = execution.function
        self._scheduler.add_job(self._perform, args=[execution], id=execution.execution_id)

    def _perform(self, execution: Execution) -> None:
        """Run a job in the current thread, to its end. Never raises, whatever the job does."""
        policy = Policy()
        try:
            function = ref_to_obj(execution.function)
            policy = policy_of(function)
            if execution.is_interrupted:
                raise JobInterruptedError('the process that ran it has ended')
            function(*orjson.loads(execution.arguments))
        except BaseException as error:  # also SystemExit, which ends only the job in this thread
            self._end(execution, self._after_failure(execution, policy, error))
        else:
            self._end(execution, partial(self._store.end, execution))

    def _after_failure(self, execution: Execution, policy: Policy, error: BaseException) -> Callable[[], None]:
        """Return the function that stores the failure of a job, as the job's policy says."""
        try:
            if isinstance(error, policy.discard_on):
                log.info('job %s is discarded: %s', execution.job_id, error)
                return partial(self._store.end, execution)
            if (wait := policy.seconds_until_retry(error, execution.attempt)) is not None:
                at = clock.now() + timedelta(seconds=wait)
                log.warning('job %s failed and is tried again in %g s: %r', execution.job_id, wait, error)
                return partial(self._store.retry, execution, at)
        except Exception:  # for example if the wait is longer than the calendar
            log.exception('job %s cannot be tried again as it asks for', execution.job_id)
        return partial(self._store.end, execution, error)

    def _end(self, execution: Execution, store_end: Callable[[], None]) -> None:
        """Store that a job has ended, now or as soon as that is possible."""
        try:
            store_end()
        except Exception as error:  # mostly an outage of the database, which a traceback would not explain
            problem = str(error).partition('\n')[0]
            log.warning('could not store that job %s has ended, trying on: %s', execution.job_id, problem)
            with self._ended:
                self._unstored[execution.execution_id] = store_end
                self._ended.notify_all()
        else:
            self._forget(execution.execution_id)
        self._on_end()

    def _store_ends(self) -> None:
        """Try again to store ends that could not be stored, each in a transaction of its own. Runs in a thread."""
        while True:
            with self._ended:
                self._ended.wait_for(lambda: self._unstored or self._stopping.is_set())
                unstored = dict(self._unstored)
            if self._stopping.wait(RETRY_INTERVAL):
                return
            for execution_id, store_end in unstored.items():
                try:
                    store_end()
                except Exception as error:
                    log.debug('the end of execution %s can still not be stored: %s', execution_id, error)
                else:
                    self._forget(execution_id)
                    self._on_end()

    def _in_threads(self) -> set[str]:
        return self._running.keys() - self._unstored.keys()

    def _forget(self, execution_id: str) -> None:
        with self._ended:
            self._running.pop(execution_id, None)
            self._unstored.pop(execution_id, None)
            self._ended.notify_all()
