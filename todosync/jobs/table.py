"""The table of the durable jobs. It has a row for each job that waits or runs, of texts and numbers only."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from apscheduler.triggers.cron import CronTrigger
from sqlalchemy import BigInteger, Column, Connection, Engine, Integer, MetaData, Table, Text, event, select

RECURRING = 'recurring:'
"""The ids of recurring jobs begin with this, in logs and in the records of failures."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
jobs = Table(
    'todosync_jobs',
    MetaData(),
    # each attempt has a key of its own, because several attempts may have the same job_id
    Column('execution_id', Text, primary_key=True),
    Column('job_id', Text, nullable=False, index=True),
    Column('function', Text, nullable=False),
    Column('arguments', Text, nullable=False),
    Column('attempt', Integer, nullable=False),
    Column('run_at', BigInteger().with_variant(Integer, 'sqlite'), nullable=False, index=True),
    Column('cron', Text),
    Column('started_at', Text),
    Column('started_by', Text),
    sqlite_strict=True,  # as on PostgreSQL, no program can put a value of another type into a column
)
IS_WAITING = jobs.c.started_by.is_(None)
IS_RECURRING = jobs.c.cron.is_not(None)
_running = jobs.alias('running')
IS_READY = IS_WAITING & jobs.c.job_id.not_in(select(_running.c.job_id).where(_running.c.started_by.is_not(None)))
"""The job waits for its time only. It is not ready while another job of its id runs."""


@dataclass(frozen=True)
class Execution:
    """A run of a durable job.

    :param function: the module and name of the function, as in ``'package.module:function'``
    :param arguments: a JSON array
    :param attempt: the number of the attempt, from 1
    :param is_interrupted: whether another process started it, and ended before the job did
    """

    execution_id: str
    job_id: str
    function: str
    arguments: str
    attempt: int
    is_interrupted: bool = False


@dataclass(frozen=True)
class RunningJob:
    """A durable job that runs now.

    :param job_id: the id under which it was enqueued
    :param function: the module and name of its function
    :param started_at: the time of its start, in ISO 8601, UTC
    """

    job_id: str
    function: str
    started_at: str


@dataclass(frozen=True)
class Recurring:
    """A job that runs again and again.

    :param function: the module and name of the function
    :param cron: its times, in the five fields of cron, in UTC
    """

    function: str
    cron: str

    def next_run(self, now: datetime) -> datetime | None:
        """Return the next time after ``now`` at which it is due; ``None`` for never.

        :raises ValueError: ``cron`` is none
        """
        trigger = CronTrigger.from_crontab(self.cron, timezone=UTC)
        next_run: datetime | None = trigger.get_next_fire_time(None, now + MICROSECOND)
        return next_run


def read_any_text(engine: Engine) -> None:
    """Let texts of SQLite be read that are no UTF-8: their odd bytes become backslash escapes.

    Otherwise one such row, written by another program, would keep all jobs from being read.
    """

    def configure(connection: Any, _: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.text_factory = _decoded

    event.listen(engine, 'connect', configure)


def insert(connection: Connection, **values: Any) -> None:
    """Add a row, with an execution id of its own."""
    defaults = {'execution_id': uuid4().hex, 'arguments': '[]', 'attempt': 1}
    connection.execute(jobs.insert().values({**defaults, **values}))


def as_number(moment: datetime) -> int:
    """Return a time as microseconds since 1970, in UTC. A whole number is exact, and can be ordered."""
    return (moment - EPOCH) // MICROSECOND


def _decoded(stored: bytes) -> str:
    return stored.decode(errors='backslashreplace')
