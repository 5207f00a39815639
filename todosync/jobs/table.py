"""The table of the durable jobs: a row for each that waits or runs, with nothing in it but text and numbers."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from apscheduler.triggers.cron import CronTrigger
from sqlalchemy import BigInteger, Column, Connection, Engine, Integer, MetaData, Table, Text, event, select

RECURRING = 'recurring:'
"""What the ids of recurring jobs begin with, in logs and among failures."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
jobs = Table(
    'todosync_jobs',
    MetaData(),
    # each attempt has a key of its own; several may have the same job_id, and none is part of another's name
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
"""It waits for its time only: attempts and runs of one id come one after the other."""


@dataclass(frozen=True)
class Execution:
    """A run of a durable job.

    :param function: where the function is, as in ``'package.module:function'``
    :param arguments: a JSON array
    :param attempt: 1 for the first
    :param is_interrupted: whether another process has started it, and has ended before it did
    """

    execution_id: str
    job_id: str
    function: str
    arguments: str
    attempt: int
    is_interrupted: bool = False


@dataclass(frozen=True)
class Recurring:
    """A job that runs again and again.

    :param function: where the function is
    :param cron: when, in the five fields of cron, in UTC
    """

    function: str
    cron: str

    def next_run(self, now: datetime) -> datetime | None:
        """Return when it is due next, after a moment; ``None`` for never.

        :raises ValueError: ``cron`` is none
        """
        trigger = CronTrigger.from_crontab(self.cron, timezone=UTC)
        next_run: datetime | None = trigger.get_next_fire_time(None, now + MICROSECOND)
        return next_run


def read_any_text(engine: Engine) -> None:
    """Have SQLite's text read whatever its bytes are: what is no UTF-8 comes with backslashes, and is no job's name.

    Otherwise one row that another program has written would keep all others from being read.
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
    """Return a moment as microseconds since 1970, in UTC: a number keeps its order, and is exact."""
    return (moment - EPOCH) // MICROSECOND


def _decoded(stored: bytes) -> str:
    return stored.decode(errors='backslashreplace')
