"""Where durable jobs are kept: APScheduler's store, made safe against a process that ends while it starts a job."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from apscheduler.job import Job
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.util import datetime_to_utc_timestamp
from sqlalchemy import Column, Connection, Engine, Integer, MetaData, String, Table, func, select
from sqlalchemy.exc import DBAPIError

RETRY_INTERVAL = 1.0
"""Seconds between two attempts to use a store that cannot be used."""

log = logging.getLogger(__name__)
executions = Table(
    'executions',
    MetaData(),
    Column('job_id', String, primary_key=True),
    Column('run', String, nullable=False),
    Column('arguments', String, nullable=False),
    Column('attempt', Integer, nullable=False),
    Column('started_at', String, nullable=False),
    Column('started_by', String, nullable=False),
)


@dataclass(frozen=True)
class Execution:
    """A run of a durable job.

    :param run: where the function is, as in ``'package.module:function'``
    :param arguments: a JSON array
    :param attempt: 1 for the first
    :param started_by: the store's name in the process that runs it
    """

    job_id: str
    run: str
    arguments: str
    attempt: int = 1
    started_by: str = ''


class DurableJobStore(SQLAlchemyJobStore):  # type: ignore[misc]
    """Moves a due job to the executions in one transaction, before it starts, and keeps it there until it has ended.

    APScheduler by itself removes a job from the store after it was started: a process that ends between the two runs
    it twice, and one that ends while the job runs has lost it without a trace. Here it starts at most once, and
    what an ended process left among the executions is known to have been interrupted.

    :param engine: an engine for transactions that write
    :param threads: how many jobs run at a time; further ones stay in the store, where other processes see them
    """

    def __init__(self, engine: Engine, threads: int) -> None:
        super().__init__(engine=engine)
        self._threads = threads
        self._name = uuid4().hex
        self._taken: set[str] = set()
        self.is_open = False
        """Whether this process may take jobs."""
        self.running: dict[str, Execution] = {}

    def create_tables(self, connection: Connection) -> None:
        """Create the tables that are missing."""
        executions.create(connection, checkfirst=True)
        self.jobs_t.create(connection, checkfirst=True)

    def counts(self) -> tuple[int, int]:
        """Return how many jobs wait, and how many run, in all processes."""
        with self.engine.begin() as connection:
            waiting, running = (
                int(connection.scalar(select(func.count()).select_from(table)) or 0)
                for table in (self.jobs_t, executions)
            )
        return waiting, running

    def get_due_jobs(self, now: datetime) -> list[Job]:
        """Take the due jobs that there are threads for, so that nobody else does."""
        if not self.is_open:
            return []
        due = (
            select(self.jobs_t.c.job_state)
            .where(self.jobs_t.c.next_run_time <= datetime_to_utc_timestamp(now), self._is_at_rest)
            .order_by(self.jobs_t.c.next_run_time)
            .limit(self._threads - len(self.running))
        )
        with self.engine.begin() as connection:
            jobs = [self._reconstitute_job(state) for (state,) in connection.execute(due)]
            taken = [job for job in jobs if self._take(connection, job, now)]
        self._taken = {job.id for job in taken}
        self.running |= {job.id: self._execution(job) for job in taken}
        return taken

    def get_next_run_time(self) -> datetime | None:
        """Return when the next job is due; ``None`` while no thread is free, a job that ends wakes the scheduler."""
        if not self.is_open or len(self.running) >= self._threads:
            return None
        query = select(func.min(self.jobs_t.c.next_run_time)).where(self._is_at_rest)
        try:
            with self.engine.begin() as connection:
                timestamp = connection.scalar(query)
        except DBAPIError as error:  # APScheduler's thread would end
            log.warning('the store of the jobs cannot be read, trying on: %s', error.orig)
            return datetime.now(UTC) + timedelta(seconds=RETRY_INTERVAL)
        return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)

    def update_job(self, job: Job) -> None:
        """Store a changed job, unless it is the scheduler moving one on that was moved on when it was taken."""
        if not self._was_taken(job.id):
            super().update_job(job)

    def remove_job(self, job_id: str) -> None:
        """Remove a job, unless it is the scheduler removing one that was removed when it was taken."""
        if not self._was_taken(job_id):
            super().remove_job(job_id)

    def shutdown(self) -> None:
        """Leave the engine to who made it: the scheduler's thread may be in the middle of using it."""

    def end(self, execution: Execution) -> None:
        """Forget an execution: it has ended."""
        job_id, started_by = executions.c.job_id, executions.c.started_by
        this = (job_id == execution.job_id) & (started_by == execution.started_by)  # not one that came after it
        with self.engine.begin() as connection:
            connection.execute(executions.delete().where(this))
        if self.running.get(execution.job_id) == execution:
            del self.running[execution.job_id]

    def interrupted(self) -> Iterable[Execution]:
        """Return the executions that another process has started and not ended. Meant for the owner, so it is gone."""
        columns = executions.c
        query = select(columns.job_id, columns.run, columns.arguments, columns.attempt, columns.started_by)
        with self.engine.begin() as connection:
            return [Execution(*row) for row in connection.execute(query.where(columns.started_by != self._name))]

    @property
    def _is_at_rest(self) -> Any:
        return self.jobs_t.c.id.not_in(select(executions.c.job_id))

    def _execution(self, job: Job) -> Execution:
        run, arguments, attempt = job.args
        return Execution(job.id, run, arguments, attempt, self._name)

    def _take(self, connection: Connection, job: Job, now: datetime) -> bool:
        jobs = self.jobs_t
        # who else takes or changes the job at the same time finds that it is no longer due at this moment, or we do
        as_read = (jobs.c.id == job.id) & (jobs.c.next_run_time == datetime_to_utc_timestamp(job.next_run_time))
        next_run_time = job.trigger.get_next_fire_time(job._get_run_times(now)[-1], now)
        if next_run_time is None:
            change: Any = jobs.delete().where(as_read)
        else:
            state = {**job.__getstate__(), 'next_run_time': next_run_time}
            change = (
                jobs.update()
                .where(as_read)
                .values(
                    next_run_time=datetime_to_utc_timestamp(next_run_time),
                    job_state=pickle.dumps(state, self.pickle_protocol),
                )
            )
        if connection.execute(change).rowcount == 0:
            return False
        connection.execute(executions.insert().values(**asdict(self._execution(job)), started_at=now.isoformat()))
        return True

    def _was_taken(self, job_id: str) -> bool:
        if job_id in self._taken:
            self._taken.discard(job_id)
            return True
        return False
