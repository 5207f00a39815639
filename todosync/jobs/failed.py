"""The record of jobs that have failed."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import BigInteger, Column, Connection, Engine, Integer, MetaData, String, Table, func, select

from todosync.database import Outage, explained, first_line, unforeseen

MAX_LENGTH = 100_000
"""The largest number of characters that are kept of an error's message, and of its traceback."""

log = logging.getLogger(__name__)
failed_executions = Table(
    'failed_executions',
    MetaData(),
    Column('id', BigInteger().with_variant(Integer, 'sqlite'), primary_key=True),
    Column('job_id', String, nullable=False),
    Column('failed_at', String, nullable=False, index=True),
    Column('error', String, nullable=False),
    Column('traceback', String, nullable=False),
)


@dataclass(frozen=True)
class FailedExecution:
    """A job that has raised an error and will not be tried again.

    :param job_id: the id under which the job was enqueued
    :param failed_at: the time of the failure, in ISO 8601, UTC
    :param error: the class of the error and its message
    :param traceback: Python's traceback

    Example::

        for failed in current_server().jobs.failed.newest():
            print(failed.failed_at, failed.error)
    """

    job_id: str
    failed_at: str
    error: str
    traceback: str


class FailedExecutions:
    """Keeps the failed executions in the store of the durable jobs. Every call blocks.

    :param reading: an engine for transactions that read, which do not wait for writers
    :param writing: an engine for transactions that write
    """

    def __init__(self, reading: Engine, writing: Engine) -> None:
        self._reading = reading
        self._writing = writing
        self._outage = Outage(log, 'recording failed jobs')

    def create_table(self, connection: Connection) -> None:
        """Create the table unless it exists."""
        failed_executions.create(connection, checkfirst=True)

    def record(self, job_id: str, error: BaseException) -> None:
        """Keep a failure. Never raises, because a failure that cannot be kept must not stop other jobs."""
        try:
            with self._writing.begin() as connection:
                self.add(connection, job_id, error)
        except Exception as problem:
            self._outage.note(problem)
            what = 'job %s failed, which could not be recorded: %s'
            log.error(what, job_id, first_line(error), exc_info=unforeseen(error))
        else:
            self._outage.end()

    def add(self, connection: Connection, job_id: str, error: BaseException) -> None:
        """Keep a failure, as part of a transaction."""
        connection.execute(
            failed_executions.insert().values(
                job_id=job_id,
                failed_at=_as_text(datetime.now(UTC)),
                error=_storable(f'{type(error).__name__}: {_message(error)}')[:MAX_LENGTH],
                traceback=_storable(''.join(traceback.format_exception(error)))[-MAX_LENGTH:],
            )
        )

    def newest(self, limit: int = 100) -> list[FailedExecution]:
        """Return the latest failures, newest first."""
        columns = failed_executions.c
        query = select(columns.job_id, columns.failed_at, columns.error, columns.traceback)
        with explained(), self._reading.begin() as connection:
            return [FailedExecution(*row) for row in connection.execute(query.order_by(columns.id.desc()).limit(limit))]

    def count(self) -> int:
        """Return how many failures are kept."""
        with self._reading.begin() as connection:
            return int(connection.scalar(select(func.count()).select_from(failed_executions)) or 0)

    def prune(self, before: datetime) -> None:
        """Delete the failures from before a time."""
        with self._writing.begin() as connection:
            connection.execute(failed_executions.delete().where(failed_executions.c.failed_at < _as_text(before)))


def _as_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec='microseconds')


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an error's own __str__ may be wrong, too
        return '(its message cannot be shown)'


def _storable(text: str) -> str:
    """Return the text without what a database may refuse: a zero byte, half a surrogate pair."""
    return text.replace('\0', '\\x00').encode(errors='backslashreplace').decode()
