"""The record of jobs that failed."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import BigInteger, Column, Connection, Engine, Integer, MetaData, String, Table, func, select

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
    """A job that raised, and was not to be tried again.

    :param failed_at: when, in ISO 8601, UTC
    :param error: the kind of error and its message

    Example::

        for failed in current_server().jobs.failed.newest():
            print(failed.failed_at, failed.error)
    """

    job_id: str
    failed_at: str
    error: str
    traceback: str


class FailedExecutions:
    """Keeps them in the store of the durable jobs. Every call blocks.

    :param engine: an engine for transactions that write
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create_table(self, connection: Connection) -> None:
        """Create the table unless it exists."""
        failed_executions.create(connection, checkfirst=True)

    def record(self, job_id: str, error: BaseException) -> None:
        """Keep a failure. Never raises: a job must go on even where its failure cannot be kept."""
        try:
            with self._engine.begin() as connection:
                connection.execute(
                    failed_executions.insert().values(
                        job_id=job_id,
                        failed_at=_as_text(datetime.now(UTC)),
                        error=f'{type(error).__name__}: {error}',
                        traceback=''.join(traceback.format_exception(error)),
                    )
                )
        except Exception:
            log.exception('could not record that job %s failed', job_id)

    def newest(self, limit: int = 100) -> list[FailedExecution]:
        """Return the latest failures, newest first."""
        columns = failed_executions.c
        query = select(columns.job_id, columns.failed_at, columns.error, columns.traceback)
        with self._engine.begin() as connection:
            return [FailedExecution(*row) for row in connection.execute(query.order_by(columns.id.desc()).limit(limit))]

    def count(self) -> int:
        """Return how many failures are kept."""
        with self._engine.begin() as connection:
            return int(connection.scalar(select(func.count()).select_from(failed_executions)) or 0)

    def prune(self, before: datetime) -> None:
        """Forget the failures from before a moment."""
        with self._engine.begin() as connection:
            connection.execute(failed_executions.delete().where(failed_executions.c.failed_at < _as_text(before)))


def _as_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec='microseconds')
