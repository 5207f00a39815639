"""The jobs of the version before, which were pickled: each is taken over once, and no pickle runs a program."""

from __future__ import annotations

import importlib
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from sqlalchemy import create_engine, select, text

from tests.jobs.functions import lines, owned
from tests.waiting import wait_until
from todosync.jobs import Jobs
from todosync.jobs.convert import former_executions, former_jobs
from todosync.jobs.failed import failed_executions
from todosync.jobs.table import Recurring

FIXTURES = Path(__file__).parent / 'fixtures'
WRITE_LINE = 'tests.jobs.functions:write_line'


@pytest.fixture
def chores(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What the stored jobs refer to."""
    monkeypatch.syspath_prepend(FIXTURES)
    module = importlib.import_module('chores')
    module.done.clear()
    return module


@pytest.fixture(params=['sqlite', 'postgresql'])
def former_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The store that a killed process of the version before has left, on each kind of database."""
    file = tmp_path / 'queue.sqlite3'
    shutil.copyfile(FIXTURES / 'former_queue.sqlite3', file)
    if request.param == 'sqlite':
        return f'sqlite:///{file}'
    url = str(request.getfixturevalue('postgres_url'))
    source, target = create_engine(f'sqlite:///{file}'), create_engine(url)
    with source.begin() as read, target.begin() as write:
        for table in (former_jobs, former_executions, failed_executions):
            table.create(write)
            write.execute(table.insert(), [row._asdict() for row in read.execute(select(table))])
    source.dispose()
    target.dispose()
    return url


@pytest.fixture
def start(store_url: str) -> Iterator[Callable[..., Jobs]]:
    """Starts jobs that are stopped at the end."""
    started: list[Jobs] = []

    def start(url: str = store_url, **recurring: str) -> Jobs:
        jobs = Jobs(url)
        for name, cron in recurring.items():
            jobs.add_recurring(name, importlib.import_module('chores').tidy, cron)
        jobs.start()
        started.append(jobs)
        wait_until(lambda: owned(jobs))
        return jobs

    yield start
    for jobs in started:
        jobs.stop()


def rows(jobs: Jobs) -> dict[str, dict[str, Any]]:
    """Return what waits or runs, by id."""
    with jobs.engine.begin() as connection:
        return {row['job_id']: dict(row) for row in connection.execute(text('SELECT * FROM todosync_jobs')).mappings()}


def former_count(jobs: Jobs) -> int:
    with jobs.engine.begin() as connection:
        return len(connection.execute(select(former_jobs.c.id)).all()) + len(
            connection.execute(select(former_executions.c.job_id)).all()
        )


def pickled(job_id: str, trigger: object, *args: object, **changes: object) -> bytes:
    """Return a row's state as APScheduler writes it."""
    state = {
        'version': 1,
        'id': job_id,
        'func': 'todosync.jobs:perform',
        'trigger': trigger,
        'executor': 'default',
        'args': args,
        'kwargs': {},
        'name': 'perform',
        'misfire_grace_time': None,
        'coalesce': True,
        'max_instances': 1,
        'next_run_time': datetime.now(UTC),
    }
    return pickle.dumps({**state, **changes}, pickle.HIGHEST_PROTOCOL)


def add_former(url: str, *states: tuple[str, bytes], at: float = 1e9) -> None:
    """Add jobs as a process of the version before does."""
    engine = create_engine(url)
    with engine.begin() as connection:
        former_jobs.create(connection, checkfirst=True)
        former_executions.create(connection, checkfirst=True)
        for job_id, state in states:
            connection.execute(former_jobs.insert().values(id=job_id, next_run_time=at, job_state=state))
    engine.dispose()


between_processes = pytest.mark.parametrize('store_url', ['sqlite', 'postgresql'], indirect=True)
only_once = pytest.mark.parametrize('store_url', ['memory'], indirect=True)


@only_once
def test_what_the_version_before_has_left_runs_waits_and_is_shown(
    former_url: str, start: Callable[..., Jobs], chores: ModuleType
) -> None:
    jobs = start(former_url, tidy='47 2 * * *')
    wait_until(lambda: {'was due', 'tidied', 'interrupted, and again'} <= set(chores.done))
    wait_until(lambda: jobs.queue().running == 0 and jobs.failed.count() == 3)
    assert sorted(chores.done) == ['interrupted, and again', 'tidied', 'was due']
    assert {failure.job_id: failure.error for failure in jobs.failed.newest()} == {
        'failed': 'ValueError: long ago',
        'hung': 'JobInterruptedError: the process that ran it has ended',
        'unmarked': 'TypeError: unmarked is not marked as a job; mark it with @todosync.job',
    }
    waiting = rows(jobs)
    assert set(waiting) == {'later', 'berlin', 'room#2', 'flaky', 'recurring:tidy'}
    future = datetime(2100, 1, 1, tzinfo=UTC).timestamp() * 1e6
    assert {waiting[job_id]['run_at'] for job_id in ('later', 'berlin', 'room#2', 'flaky')} == {future}
    assert waiting['flaky']['attempt'] == 2
    assert (waiting['room#2']['attempt'], waiting['room#2']['arguments']) == (1, '["with a sign"]')
    assert waiting['recurring:tidy']['cron'] == '47 2 * * *'
    assert former_count(jobs) == 0


@only_once
def test_it_is_taken_over_once(former_url: str, start: Callable[..., Jobs], chores: ModuleType) -> None:
    first = start(former_url)
    wait_until(lambda: {'was due', 'interrupted, and again'} <= set(chores.done) and first.queue().running == 0)
    first.stop()
    second = start(former_url)
    assert (second.queue().waiting, second.failed.count()) == (4, 3)
    assert sorted(chores.done) == ['interrupted, and again', 'was due']  # the recurring one is declared no more


@between_processes
def test_what_a_process_of_the_version_before_adds_later_runs_too(
    store_url: str, start: Callable[..., Jobs], tmp_path: Path
) -> None:
    path = str(tmp_path / 'lines')
    add_former(store_url)
    jobs = start()
    for line in ('milk', 'bread'):
        state = pickled(line, DateTrigger(datetime.now(UTC)), WRITE_LINE, f'["{path}", "{line}"]', 1)
        add_former(store_url, (line, state))
        wait_until(lambda line=line: lines(path)[-1:] == [line])  # type: ignore[misc]
    assert former_count(jobs) == 0


@only_once
def test_a_recurring_job_that_the_version_before_has_run_meanwhile_does_not_run_again(
    former_url: str, start: Callable[..., Jobs], chores: ModuleType
) -> None:
    first = start(former_url, tidy='47 2 * * *')
    wait_until(lambda: 'tidied' in chores.done and first.queue().running == 0)
    first.stop()
    chores.done.clear()
    engine = create_engine(former_url)
    with engine.begin() as connection:  # as if this version had stood still for long
        connection.execute(text('UPDATE todosync_jobs SET run_at = 0 WHERE cron IS NOT NULL'))
    engine.dispose()
    tomorrow = datetime.now(UTC) + timedelta(hours=1)
    trigger = CronTrigger.from_crontab('47 2 * * *', timezone=UTC)
    state = pickled('recurring:tidy', trigger, 'chores:tidy', '[]', 1)
    add_former(former_url, ('recurring:tidy', state), at=tomorrow.timestamp())
    second = start(former_url, tidy='47 2 * * *')
    next_run = Recurring('chores:tidy', '47 2 * * *').next_run(datetime.now(UTC))
    assert next_run is not None
    assert rows(second)['recurring:tidy']['run_at'] == pytest.approx(min(next_run, tomorrow).timestamp() * 1e6, abs=9)
    assert chores.done == []


class Attack:
    """A pickle that runs a program when it is loaded."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> Any:
        return self.reduced


@between_processes
def test_no_pickle_runs_a_program_and_each_that_cannot_be_read_is_recorded(
    store_url: str, start: Callable[..., Jobs], tmp_path: Path
) -> None:
    path, marker = str(tmp_path / 'lines'), tmp_path / 'attacked'
    attack, trigger = Attack(os.system, f'touch {marker}'), DateTrigger(datetime.now(UTC))
    arguments = f'["{path}", "good"]'
    unreadable = {
        'alone': pickle.dumps(attack),
        'as a trigger': pickled('as a trigger', attack, WRITE_LINE, arguments, 1),
        'as a setting': pickled('as a setting', trigger, WRITE_LINE, arguments, 1, misfire_grace_time=attack),
        'as an argument': pickled('as an argument', trigger, WRITE_LINE, attack, 1),
        'by eval': pickle.dumps(Attack(eval, f'open({str(marker)!r}, "w")')),
        'by getattr': b'cbuiltins\ngetattr\n(cos\nsystem\nVx\ntR.',
        'half': pickled('half', trigger, WRITE_LINE, arguments, 1)[:-20],
        'nothing': b'',
        'no job': pickle.dumps({'version': 1}),
        'a trigger alone': pickle.dumps(trigger),
        'two arguments': pickled('two arguments', trigger, WRITE_LINE, arguments),
        'a wrong attempt': pickled('a wrong attempt', trigger, WRITE_LINE, arguments, 2**70),
        'a zero byte': pickled('a zero byte', trigger, WRITE_LINE, '["\0"]', 1),
        'half a pair': pickled('half a pair', trigger, WRITE_LINE, '["\ud800"]', 1),
    }
    add_former(store_url, *unreadable.items(), ('good', pickled('good', trigger, WRITE_LINE, arguments, 1)))
    jobs = start()
    wait_until(lambda: lines(path) == ['good'] and jobs.queue().running == 0)
    failures = jobs.failed.newest()
    assert {failure.job_id for failure in failures} == set(unreadable)
    assert {failure.error.partition(':')[0] for failure in failures} == {'UnreadableJobError'}
    assert (former_count(jobs), jobs.queue().waiting) == (0, 0)
    assert not marker.exists()


@only_once
@pytest.mark.parametrize('zone', [UTC, timezone(timedelta(hours=2), 'summer')])
def test_a_job_of_any_time_zone_is_read(tmp_path: Path, start: Callable[..., Jobs], zone: timezone) -> None:
    url, path = f'sqlite:///{tmp_path}/queue.sqlite3', str(tmp_path / 'lines')
    trigger = DateTrigger(datetime.now(zone))
    state = pickled('zone', trigger, WRITE_LINE, f'["{path}", "ran"]', 1, next_run_time=datetime.now(zone))
    add_former(url, ('zone', state))
    start(url)
    wait_until(lambda: lines(path) == ['ran'])
