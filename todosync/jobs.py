"""APScheduler wiring: local jobs in memory, durable jobs in a file of their own, and a record of what failed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, delete, insert, select
from sqlalchemy.pool import StaticPool

THREADS = 3
SAFETY_INTERVAL = 10.0
"""Seconds between two runs of a local job that nobody woke; waking it is the normal way."""

log = logging.getLogger(__name__)
metadata = MetaData()
failed_executions = Table(
    'failed_executions',
    metadata,
    Column('id', Integer, primary_key=True),
    Column('job_id', String, nullable=False),
    Column('failed_at', String, nullable=False),
    Column('error', String, nullable=False),
    Column('traceback', String, nullable=False),
)


@dataclass(frozen=True)
class FailedExecution:
    """One run of a job that raised."""

    job_id: str
    failed_at: str
    error: str
    traceback: str


class Jobs:
    """Runs jobs in a pool of three threads.

    Local jobs live in this process's memory. Durable jobs live in a store that outlives the process. They have a
    scheduler each, because APScheduler holds one lock while it reads its stores: waking a local job from the event
    loop must not wait for a file.

    :param store_url: SQLAlchemy URL of the durable store and of the failed executions; ``sqlite://`` is in memory
    """

    def __init__(self, store_url: str = 'sqlite://') -> None:
        in_memory = store_url == 'sqlite://'
        # one shared connection is what keeps an in-memory database alive
        options: dict[str, Any] = (
            {'poolclass': StaticPool, 'connect_args': {'check_same_thread': False}} if in_memory else {}
        )
        self._engine = create_engine(store_url, **options)
        executors = {'default': ThreadPoolExecutor(THREADS)}
        # None: a job that is late, after a stop of the process, runs late instead of never
        defaults = {'coalesce': True, 'misfire_grace_time': None}
        self.local = BackgroundScheduler(executors=executors, job_defaults=defaults, timezone=UTC)
        self.durable = BackgroundScheduler(
            jobstores={'default': SQLAlchemyJobStore(engine=self._engine)},
            executors={'default': ThreadPoolExecutor(THREADS)},
            job_defaults=defaults,
            timezone=UTC,
        )
        for scheduler in (self.local, self.durable):
            scheduler.add_listener(self._record_failure, EVENT_JOB_ERROR)

    def start(self) -> None:
        """Start both schedulers. Blocks for the time it takes to open the store."""
        metadata.create_all(self._engine)
        self.local.start()
        self.durable.start()

    def stop(self) -> None:
        """Wait for running jobs and stop; safe to call twice."""
        for scheduler in (self.local, self.durable):
            if scheduler.running:
                scheduler.shutdown(wait=True)
        self._engine.dispose()

    def add_local(self, job_id: str, run: Callable[[], None]) -> None:
        """Add a job of this process that runs when woken, see :meth:`wake`.

        Two runs may overlap for an instant, when one is woken while another is ending.
        """
        self.local.add_job(run, 'interval', seconds=SAFETY_INTERVAL, id=job_id, max_instances=2)

    def wake(self, job_id: str) -> None:
        """Run a local job now. Returns at once; never raises, not even while the app is stopping."""
        try:
            self.local.modify_job(job_id, next_run_time=datetime.now(UTC))
        except JobLookupError:
            log.debug('job %s is gone, the app is stopping', job_id)

    def add_recurring(self, job_id: str, run: str, *, hours: float) -> None:
        """Add a durable job, or update the one with this id.

        :param run: where to find the function, as in ``'package.module:function'``; it has to be importable, since
            only this text is stored
        :param hours: time between two runs
        """
        self.durable.add_job(run, 'interval', hours=hours, id=job_id, replace_existing=True)

    def failures(self) -> list[FailedExecution]:
        """Return the failed executions, newest first. Blocks."""
        table = failed_executions
        query = select(table.c.job_id, table.c.failed_at, table.c.error, table.c.traceback).order_by(table.c.id.desc())
        with self._engine.connect() as connection:
            return [FailedExecution(*row) for row in connection.execute(query)]

    def record_failure(self, job_id: str, error: BaseException, traceback: str) -> None:
        """Keep a failed execution. Blocks; never raises, a job must go on even where its failure cannot be kept."""
        try:
            with self._engine.begin() as connection:
                connection.execute(
                    insert(failed_executions).values(
                        job_id=job_id,
                        failed_at=datetime.now(UTC).isoformat(),
                        error=f'{type(error).__name__}: {error}',
                        traceback=traceback,
                    )
                )
        except Exception:
            log.exception('could not record that job %s failed', job_id)

    def prune_failures(self, before: datetime) -> None:
        """Forget the executions that failed before a moment. Blocks."""
        with self._engine.begin() as connection:
            connection.execute(delete(failed_executions).where(failed_executions.c.failed_at < before.isoformat()))

    def _record_failure(self, event: JobExecutionEvent) -> None:
        self.record_failure(event.job_id, event.exception, event.traceback or '')
