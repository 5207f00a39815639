"""Jobs of this process, in memory. They run when they are woken, and at intervals by themselves."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.events import EVENT_JOB_ERROR
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from todosync.clock import clock

from .failed import FailedExecutions

THREADS = 3
SAFETY_INTERVAL = 10.0
"""Seconds between two runs of a job that was not woken. Normally it is woken."""

log = logging.getLogger(__name__)


class LocalJobs:
    """Runs jobs in a pool of three threads.

    They are kept in memory, so that the event loop can wake one without waiting for a file or a database.

    :param failed: where the errors of jobs are recorded
    """

    def __init__(self, failed: FailedExecutions) -> None:
        self._failed = failed
        self._scheduler: BackgroundScheduler | None = None
        self._stop_listening: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin to run jobs; safe to call twice."""
        if self._scheduler is None:
            self._scheduler = make_scheduler(THREADS)
            self._scheduler.add_listener(
                lambda event: self._failed.record(event.job_id, event.exception), EVENT_JOB_ERROR
            )
            self._scheduler.start()
            self._stop_listening = clock.on_advance(self._run_ahead)

    def stop(self) -> None:
        """Wait for running jobs, and remove all jobs; safe to call twice."""
        self._stop_listening()
        if self._scheduler is not None:
            self._scheduler.pause()
            self._scheduler.get_jobs()  # answers when it is not in the middle of starting some
            self._scheduler.shutdown(wait=True)
            self._scheduler = None

    def add(self, job_id: str, run: Callable[[], None]) -> None:
        """Add a job that runs when woken, and every 10 s by itself. Call it after :meth:`start`.

        Runs may overlap for an instant, when one is woken while another is ending.
        """
        assert self._scheduler is not None, 'start() first'
        # a run counts until its thread has said that it returned, so there must be no limit of runs at a time
        self._scheduler.add_job(run, 'interval', seconds=SAFETY_INTERVAL, id=job_id, max_instances=1000)

    def wake(self, job_id: str, *, after: float = 0.0) -> None:
        """Run a job now, or after some seconds. Returns at once, from any thread; never raises, not while stopping."""
        scheduler = self._scheduler
        try:
            if scheduler is not None:
                scheduler.modify_job(job_id, next_run_time=datetime.now(UTC) + timedelta(seconds=after))
        except JobLookupError:
            log.debug('job %s is gone, the app is stopping', job_id)

    def _run_ahead(self, seconds: float) -> None:
        """Run now what is due within some seconds."""
        due = datetime.now(UTC) + timedelta(seconds=seconds)
        for job in self._scheduler.get_jobs() if self._scheduler else ():
            if job.next_run_time <= due:
                self.wake(job.id)


def make_scheduler(threads: int) -> BackgroundScheduler:
    """Return a scheduler that does not log each run. It runs a late job once, instead of leaving it out.

    :param threads: how many jobs run at a time
    """
    for chatty in ('apscheduler.scheduler', 'apscheduler.executors.default'):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return BackgroundScheduler(
        executors={'default': ThreadPoolExecutor(threads)},
        job_defaults={'coalesce': True, 'misfire_grace_time': None},
        timezone=UTC,
    )
