"""Reads the durable jobs of the version before, which were pickled; delete this module with the next major version.

While a deployment is upgraded, processes of both versions share a store. That is safe: all of them compete for the
same ownership, and only the owner runs jobs. Processes of the version before know ``apscheduler_jobs`` only, those of
this version take jobs from their own table only. The owner, when it is of this version, moves what it finds in
``apscheduler_jobs`` to its own table, at its take-over and whenever a process of the version before has added a job.
The emptied tables stay, because such a process may still use them.
"""

from __future__ import annotations

import io
import logging
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Connection, Float, Integer, LargeBinary, MetaData, String, Table, func, inspect, select

from .failed import FailedExecutions
from .table import IS_RECURRING, IS_WAITING, Recurring, as_number, insert, jobs

ADMITTED = frozenset(
    {
        'apscheduler.triggers.cron',
        'apscheduler.triggers.cron.expressions',
        'apscheduler.triggers.cron.fields',
        'apscheduler.triggers.date',
        'datetime',
        'dateutil.tz.tz',
        'pytz',
        'zoneinfo',
    }
)
"""The modules that the pickles of the version before name: of triggers, times and time zones."""
MAX_ATTEMPT = 2**31 - 1

log = logging.getLogger(__name__)
_metadata = MetaData()
former_jobs = Table(
    'apscheduler_jobs',
    _metadata,
    Column('id', String, primary_key=True),
    Column('next_run_time', Float),
    Column('job_state', LargeBinary, nullable=False),
)
former_executions = Table(
    'executions',
    _metadata,
    Column('job_id', String, primary_key=True),
    Column('run', String, nullable=False),
    Column('arguments', String, nullable=False),
    Column('attempt', Integer, nullable=False),
    Column('started_at', String, nullable=False),
    Column('started_by', String, nullable=False),
)


class UnreadableJobError(Exception):
    """A job in the store cannot be read; it was not run."""


@dataclass(frozen=True)
class FormerJob:
    """A job of the version before.

    :param function: the module and name of the function, as in ``'package.module:function'``
    :param arguments: a JSON array
    :param attempt: the number of the attempt, from 1
    :param at: the time at which it is due
    :param is_recurring: whether it is a recurring job
    """

    job_id: str
    function: str
    arguments: str
    attempt: int
    at: datetime
    is_recurring: bool = False


def has_former_tables(connection: Connection) -> bool:
    """Return whether the version before has used this store."""
    inspector = inspect(connection)
    return all(inspector.has_table(table.name) for table in _metadata.tables.values())


def has_former_jobs(connection: Connection) -> bool:
    """Return whether there is a job to move. The tables have to exist."""
    return connection.execute(select(former_jobs.c.id).limit(1)).first() is not None


def convert_former_jobs(
    connection: Connection, recurring: Mapping[str, Recurring], failed: FailedExecutions, now: datetime
) -> None:
    """Move the jobs that wait to this version's table, as part of a transaction.

    :param recurring: the recurring jobs that are declared, by id
    :param failed: where a job is recorded that cannot be read
    """
    for row in connection.execute(select(former_jobs).order_by(former_jobs.c.next_run_time)).all():
        connection.execute(former_jobs.delete().where(former_jobs.c.id == row.id))
        try:
            former = _read(row.id, row.next_run_time, row.job_state)
        except Exception as error:
            log.error('job %s of the version before cannot be read, and is not run: %s', row.id, error)
            failed.add(
                connection, row.id, UnreadableJobError(f'this job of the version before cannot be read: {error}')
            )
            continue
        if not former.is_recurring:
            insert(connection, **_columns(former))
        elif former.job_id in recurring:
            _convert_recurring(connection, former, recurring[former.job_id], now)


def convert_former_executions(connection: Connection, now: datetime) -> None:
    """Move the jobs that were running when their process ended, as part of a transaction.

    They then count as interrupted, like all jobs that another process has started.
    """
    started = {'started_at': now.isoformat(), 'started_by': 'the version before'}
    for row in connection.execute(select(former_executions)).all():
        job_id = _without_attempt(row.job_id, row.attempt)
        insert(connection, **_columns(FormerJob(job_id, row.run, row.arguments, row.attempt, now)), **started)
    connection.execute(former_executions.delete())


def _convert_recurring(connection: Connection, former: FormerJob, declared: Recurring, now: datetime) -> None:
    """Keep the time of a recurring job, so that a missed run is made up for after the restart."""
    next_run = declared.next_run(now)
    if next_run is None:
        return
    run_at = as_number(min(former.at, next_run))  # the latter where it is declared for other times now
    this = IS_WAITING & IS_RECURRING & (jobs.c.job_id == former.job_id)
    known = connection.scalar(select(func.max(jobs.c.run_at)).where(this))
    if known is None:
        values = {'function': declared.function, 'cron': declared.cron, 'run_at': run_at}
        insert(connection, job_id=former.job_id, **values)
    elif run_at > known:  # a process of the version before has owned the jobs for a while, and has run it
        connection.execute(jobs.update().where(this).values(run_at=run_at))


def _columns(former: FormerJob) -> dict[str, Any]:
    return {
        'job_id': former.job_id,
        'function': former.function,
        'arguments': former.arguments,
        'attempt': former.attempt,
        'run_at': as_number(former.at),
    }


def _read(row_id: str, next_run_time: float, job_state: bytes) -> FormerJob:
    state = _Unpickler(io.BytesIO(job_state)).load()
    function, arguments, attempt = state['args']
    if not (_is_text(function) and _is_text(arguments) and isinstance(attempt, int) and 0 < attempt <= MAX_ATTEMPT):
        raise ValueError(f'its arguments are {state["args"]!r}')
    is_recurring = type(state['trigger']).__name__ == 'CronTrigger'
    at = datetime.fromtimestamp(next_run_time, UTC)
    return FormerJob(_without_attempt(row_id, attempt), function, arguments, attempt, at, is_recurring)


def _without_attempt(row_id: str, attempt: int) -> str:
    """Return the job's own id, without the number that the version before added for later attempts."""
    return row_id.removesuffix(f'#{attempt}') if attempt > 1 else row_id


def _is_text(value: object) -> bool:
    """Return whether a value can be stored as text. Otherwise it would keep all jobs from being moved."""
    return isinstance(value, str) and '\0' not in value and value.encode(errors='ignore').decode() == value


class _StandIn:
    """Replaces any object in a pickle, and does nothing. The time of a job is in a column of its own."""

    def __init__(self, *_: Any) -> None: ...

    def __call__(self, *_: Any) -> _StandIn:
        return self

    def __setstate__(self, state: Any) -> None: ...


class _Unpickler(pickle.Unpickler):
    """Imports nothing and calls nothing that a pickle names, so that no pickle can run a program.

    Strings, numbers, lists and dictionaries are read. An object of an admitted module becomes a stand-in; a pickle that
    names anything else is refused, because it is none of the version before.
    """

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for a name."""
        if module in ADMITTED or (module, name) == ('builtins', 'getattr'):  # the latter finds ZoneInfo._unpickle
            return type(name, (_StandIn,), {})
        raise pickle.UnpicklingError(f'it names {module}.{name}')
