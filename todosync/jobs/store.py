"""The store of the durable jobs: a table with a row for each job that waits or runs."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, Row, func, select

from todosync.database import write_transaction

from .convert import (
    UnreadableJobError,
    convert_former_executions,
    convert_former_jobs,
    has_former_jobs,
    has_former_tables,
)
from .failed import FailedExecutions
from .table import IS_READY, IS_RECURRING, IS_WAITING, Execution, Recurring, RunningJob, as_number, insert, jobs

log = logging.getLogger(__name__)


class JobStore:
    """Keeps the durable jobs. Every call blocks.

    A job is marked as started in one transaction, before it starts, and its row stays until it has ended. So it starts
    at most once, and a row that an ended process has marked tells that the job was interrupted.

    :param reading: an engine for transactions that read, which do not wait for writers
    :param writing: an engine for transactions that write, of which only one runs at a time
    :param failed: where failures are recorded, in the same transactions
    """

    def __init__(self, reading: Engine, writing: Engine, failed: FailedExecutions) -> None:
        self._reading = reading
        self._writing = writing
        self._failed = failed
        self._name = uuid4().hex
        self.recurring: dict[str, Recurring] = {}
        """The recurring jobs that are declared, by id."""
        self._has_former_tables = False

    def create_table(self, connection: Connection) -> None:
        """Create the table unless it exists."""
        jobs.create(connection, checkfirst=True)

    def add(self, job_id: str, function: str, arguments: str, at: datetime, *, replace: bool) -> None:
        """Add a job that waits for its time.

        :param replace: first remove the jobs that wait under the same id, also those that wait for another attempt
        """
        with write_transaction(self._writing) as connection:
            if replace:
                _remove(connection, job_id)
            insert(connection, job_id=job_id, function=function, arguments=arguments, run_at=as_number(at))

    def remove(self, job_id: str) -> bool:
        """Remove the jobs that wait under an id, also for another attempt, and return whether there were any."""
        with write_transaction(self._writing) as connection:
            return _remove(connection, job_id)

    def counts(self) -> tuple[int, int]:
        """Return how many jobs wait, and how many run, in all processes."""
        with self._reading.begin() as connection:
            row = connection.execute(select(func.count(), func.count(jobs.c.started_by))).one()
        return row[0] - row[1], row[1]

    def running(self) -> list[RunningJob]:
        """Return the jobs that have started, in all processes, the oldest first."""
        columns = select(jobs.c.job_id, jobs.c.function, jobs.c.started_at)
        query = columns.where(jobs.c.started_by.is_not(None)).order_by(jobs.c.started_at)
        with self._reading.begin() as connection:
            return [RunningJob(*row) for row in connection.execute(query)]

    def seconds_until_due(self, now: datetime, busy: Collection[str] = ()) -> float | None:
        """Return the time until the next job is due, ``None`` if none waits. A job to be converted counts as due.

        :param busy: the functions whose jobs do not count
        """
        with self._reading.begin() as connection:
            if self._has_former_tables and has_former_jobs(connection):
                return 0.0
            run_at = connection.scalar(select(func.min(jobs.c.run_at)).where(IS_READY & jobs.c.function.not_in(busy)))
        return None if run_at is None else max((run_at - as_number(now)) / 1e6, 0.0)

    def take(self, now: datetime, busy: Collection[str] = ()) -> Execution | None:
        """Mark the job that is due first as started by this process, and return it, to be started.

        :param busy: the functions whose jobs have to wait; they do so in the store, where another owner can find them
        :return: ``None`` if none is due
        """
        is_due = IS_READY & (jobs.c.run_at <= as_number(now)) & jobs.c.function.not_in(busy)
        first = select(jobs).where(is_due).order_by(jobs.c.run_at, jobs.c.execution_id).limit(1)
        with self._writing.begin() as connection:
            if self._has_former_tables:  # a process of the version before may have added some since the take-over
                convert_former_jobs(connection, self.recurring, self._failed, now)
            while row := connection.execute(first).first():
                values = {'started_at': now.isoformat(), 'started_by': self._name, 'cron': None}
                this = jobs.c.execution_id == row.execution_id
                if connection.execute(jobs.update().where(this).values(values)).rowcount == 0:
                    first_id = first.with_only_columns(jobs.c.execution_id).scalar_subquery()
                    connection.execute(jobs.delete().where(jobs.c.execution_id == first_id))
                    error = UnreadableJobError(f'the key of its row, {row.execution_id}, is no UTF-8')
                    self._failed.add(connection, row.job_id, error)
                    continue
                if row.cron is not None:
                    self._insert_next(connection, row, now)
                return _execution(row)
        return None

    def give_back(self, running: Collection[str]) -> None:
        """Let jobs wait again that this process has taken and not started. It did not know that it had taken them.

        :param running: the ids of the executions that were started
        """
        lost = (jobs.c.started_by == self._name) & jobs.c.execution_id.not_in(running)
        with self._writing.begin() as connection:
            connection.execute(jobs.update().where(lost).values(started_at=None, started_by=None))

    def end(self, execution: Execution, error: BaseException | None = None) -> None:
        """Delete the row of an execution that has ended.

        :param error: the failure to record
        """
        with self._writing.begin() as connection:
            is_ours = connection.execute(jobs.delete().where(self._is(execution))).rowcount > 0
            if is_ours and error is not None:  # otherwise another owner has already ended it as interrupted
                self._failed.add(connection, execution.job_id, error)

    def retry(self, execution: Execution, at: datetime) -> None:
        """End an execution, and have the job wait for another attempt."""
        values = {
            'execution_id': uuid4().hex,
            'attempt': execution.attempt + 1,
            'run_at': as_number(at),
            'started_at': None,
            'started_by': None,
        }
        with self._writing.begin() as connection:
            connection.execute(jobs.update().where(self._is(execution)).values(values))

    def take_over(self, now: datetime, running: Collection[str] = ()) -> list[Execution]:
        """Bring the store up to date for a new owner.

        :param running: the ids of the executions that run in this process
        :return: the executions that were started and do not run; they are this process's now, which must end them
        """
        with self._writing.begin() as connection:
            self._has_former_tables = has_former_tables(connection)
            if self._has_former_tables:
                convert_former_executions(connection, now)
                convert_former_jobs(connection, self.recurring, self._failed, now)
            self._schedule(connection, now)
            interrupted = jobs.c.started_by.is_not(None) & jobs.c.execution_id.not_in(running)
            rows = connection.execute(select(jobs).where(interrupted)).all()
            connection.execute(jobs.update().where(interrupted).values(started_by=self._name))
        return [_execution(row, is_interrupted=True) for row in rows]

    def _schedule(self, connection: Connection, now: datetime) -> None:
        """Schedule the declared jobs. A job that is already scheduled keeps its time."""
        scheduled: set[str] = set()
        for row in connection.execute(select(jobs).where(IS_WAITING & IS_RECURRING)).all():
            if self.recurring.get(row.job_id) == Recurring(row.function, row.cron) and row.job_id not in scheduled:
                scheduled.add(row.job_id)
            else:
                connection.execute(jobs.delete().where(jobs.c.execution_id == row.execution_id))
        for job_id in self.recurring.keys() - scheduled:
            self._insert_recurring(connection, job_id, self.recurring[job_id], now)

    def _insert_next(self, connection: Connection, row: Row[Any], now: datetime) -> None:
        try:
            self._insert_recurring(connection, row.job_id, Recurring(row.function, row.cron), now)
        except ValueError:  # another program has changed the row; the next start schedules the job again
            log.exception('job %s does not run again: its times cannot be read', row.job_id)

    def _insert_recurring(self, connection: Connection, job_id: str, declared: Recurring, now: datetime) -> None:
        if (next_run := declared.next_run(now)) is not None:
            values = {'function': declared.function, 'cron': declared.cron, 'run_at': as_number(next_run)}
            insert(connection, job_id=job_id, **values)

    def _is(self, execution: Execution) -> Any:
        return (jobs.c.execution_id == execution.execution_id) & (jobs.c.started_by == self._name)


def _remove(connection: Connection, job_id: str) -> bool:
    this = IS_WAITING & ~IS_RECURRING & (jobs.c.job_id == job_id)
    return connection.execute(jobs.delete().where(this)).rowcount > 0


def _execution(row: Row[Any], *, is_interrupted: bool = False) -> Execution:
    return Execution(row.execution_id, row.job_id, row.function, row.arguments, row.attempt, is_interrupted)
