"""Durable jobs: kept in SQLite and PostgreSQL, run by one of several processes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.jobs import functions
from tests.jobs.functions import details, lines, owned, run_nothing, settled
from tests.postgres import PostgresServer
from tests.processes import start_python
from tests.waiting import wait_until
from todosync.jobs import SAFETY_INTERVAL, Jobs
from todosync.jobs.store import JobStore

PROCESS = """
import sys
from todosync.jobs import Jobs
jobs = Jobs(sys.argv[1])
jobs.start()
print('ready', flush=True)
sys.stdin.read()
jobs.stop()
"""
LATER = timedelta(hours=1)


between_processes = pytest.mark.parametrize('store_url', ['sqlite', 'postgresql'], indirect=True)


def test_a_job_runs_with_its_arguments_in_another_thread(jobs: Jobs, path: str) -> None:
    jobs.enqueue(functions.write_line, path, 'milk')
    wait_until(lambda: lines(path) == ['milk'])
    wait_until(lambda: settled(jobs))
    assert jobs.failed.count() == 0


def test_a_job_of_the_future_waits_for_its_time(jobs: Jobs, path: str) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.5)
    jobs.enqueue(functions.write_line, path, 'later', at=soon + LATER)
    jobs.enqueue(functions.write_line, path, 'soon', at=soon)
    wait_until(lambda: lines(path))
    (what, _, at) = details(path)[0]
    assert (what, at >= soon.timestamp()) == ('soon', True)
    wait_until(lambda: jobs.queue().running == 0)
    assert jobs.queue().waiting == 1


def test_a_job_whose_time_has_passed_runs_at_once(jobs: Jobs, path: str) -> None:
    jobs.enqueue(functions.write_line, path, 'late', at=datetime.now(UTC) - LATER)
    wait_until(lambda: lines(path) == ['late'])


def test_a_job_can_be_replaced_and_cancelled_by_its_id(jobs: Jobs, path: str) -> None:
    later = datetime.now(UTC) + LATER
    for line in ('first', 'second'):
        assert jobs.enqueue(functions.write_line, path, line, at=later, job_id='remind 1') == 'remind 1'
    assert jobs.queue().waiting == 1
    jobs.enqueue(functions.write_line, path, 'third', job_id='remind 1')
    wait_until(lambda: lines(path) == ['third'])
    jobs.enqueue(functions.write_line, path, 'never', at=later, job_id='remind 1')
    assert jobs.cancel('remind 1')
    assert not jobs.cancel('remind 1')
    assert jobs.queue().waiting == 0


def test_no_more_than_three_jobs_of_a_function_run_at_a_time_and_all_do_in_the_end(jobs: Jobs, path: str) -> None:
    for number in range(7):
        jobs.enqueue(functions.write_and_hang, path, str(number))
    wait_until(lambda: len(lines(path)) == 3)
    assert (jobs.queue().running, jobs.queue().waiting) == (3, 4)
    Path(f'{path}.release').touch()
    wait_until(lambda: settled(jobs))
    assert sorted(lines(path)) == [str(number) for number in range(7)]


def test_a_job_that_raises_is_recorded_with_its_traceback(jobs: Jobs, path: str) -> None:
    job_id = jobs.enqueue(functions.fail, path)
    wait_until(lambda: jobs.failed.count() == 1 and settled(jobs))
    failure = jobs.failed.newest()[0]
    assert (failure.job_id, failure.error) == (job_id, 'ZeroDivisionError: this job divides by zero')
    assert 'in fail\n' in failure.traceback
    assert lines(path) == ['failed']


def test_a_job_that_asks_for_it_is_tried_again_until_it_succeeds(jobs: Jobs, path: str) -> None:
    jobs.enqueue(functions.fail_twice, path)
    wait_until(lambda: lines(path) == ['tried'] * 3 and settled(jobs))
    assert jobs.failed.count() == 0


def test_after_an_error_that_it_does_not_name_it_is_not_tried_again(jobs: Jobs, path: str) -> None:
    jobs.enqueue(functions.fail_in_another_way, path)
    wait_until(lambda: jobs.failed.count() == 1 and settled(jobs))
    assert lines(path) == ['tried']


def test_a_job_that_asks_for_it_is_discarded_without_a_record(jobs: Jobs, path: str) -> None:
    jobs.enqueue(functions.find_nothing, path)
    wait_until(lambda: lines(path) == ['looked'] and settled(jobs))
    assert jobs.failed.count() == 0


def test_what_cannot_be_a_job_is_refused(jobs: Jobs) -> None:
    with pytest.raises(ValueError, match='lambda'):
        jobs.enqueue(lambda: None)
    with pytest.raises(TypeError, match='coroutine'):
        jobs.enqueue(functions.coroutine_function)
    with pytest.raises(TypeError, match='not JSON serializable'):
        jobs.enqueue(functions.write_line, object())
    with pytest.raises(TypeError, match=r'unmarked is not marked as a job; mark it with @todosync.job'):
        jobs.enqueue(functions.unmarked)
    with pytest.raises(ValueError, match='the time 2030-01-31 09:00:00 has no time zone'):
        jobs.enqueue(run_nothing, at=datetime(2030, 1, 31, 9))
    assert jobs.queue().waiting == 0


def test_adding_a_job_does_not_block_an_event_loop(jobs: Jobs, path: str) -> None:
    async def misuse() -> None:
        with pytest.raises(RuntimeError, match='would block the event loop'):
            jobs.enqueue(functions.write_line, path, 'milk')

    asyncio.run(misuse())


def test_failures_are_kept_newest_first_and_pruned_by_age(jobs: Jobs) -> None:
    for number in range(3):
        jobs.failed.record(f'job {number}', ValueError(number))
    assert [failure.job_id for failure in jobs.failed.newest(2)] == ['job 2', 'job 1']
    jobs.failed.prune(datetime.now(UTC) - LATER)
    assert jobs.failed.count() == 3
    jobs.failed.prune(datetime.now(UTC))
    assert jobs.failed.count() == 0


def test_starting_and_stopping_can_be_repeated(store_url: str, path: str) -> None:
    jobs = Jobs(store_url)
    for number in range(2):
        jobs.start()
        jobs.start()
        jobs.enqueue(functions.write_line, path, str(number))
        wait_until(lambda number=number: lines(path)[-1:] == [str(number)])  # type: ignore[misc]
        jobs.stop()
        jobs.stop()


@between_processes
def test_a_job_waits_for_the_next_start(store_url: str, path: str) -> None:
    before = Jobs(store_url)
    before.start()
    wait_until(lambda: owned(before))
    before.enqueue(functions.write_line, path, 'future', at=datetime.now(UTC) + timedelta(seconds=1))
    before.stop()
    assert lines(path) == []
    after = Jobs(store_url)
    after.start()
    wait_until(lambda: lines(path) == ['future'])
    after.stop()


@between_processes
def test_stopping_in_the_middle_of_many_jobs_loses_and_doubles_none(store_url: str, path: str) -> None:
    for _ in range(4):
        jobs = Jobs(store_url)
        jobs.start()
        wait_until(lambda: jobs.queue().is_owner)  # noqa: B023
        for _ in range(10):
            jobs.enqueue(functions.write_line, path, 'ran')
        jobs.stop()
    last = Jobs(store_url)
    last.start()
    wait_until(lambda: settled(last))
    assert (len(lines(path)), last.failed.newest()) == (40, [])
    last.stop()


@pytest.mark.parametrize('store_url', ['memory'], indirect=True)  # no commit of another program wakes this one
def test_a_store_that_cannot_be_read_is_tried_again_soon(
    jobs: Jobs, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    wait_until(lambda: owned(jobs))
    jobs.enqueue(functions.write_line, path, 'milk', at=datetime.now(UTC) + timedelta(seconds=0.5))
    with jobs.engine.begin() as connection:
        connection.execute(text('ALTER TABLE todosync_jobs RENAME TO away'))
    wait_until(lambda: 'due jobs cannot be taken, trying on: no such table: todosync_jobs' in caplog.messages)
    with jobs.engine.begin() as connection:
        connection.execute(text('ALTER TABLE away RENAME TO todosync_jobs'))
    wait_until(lambda: lines(path) == ['milk'], timeout=5)


@between_processes
def test_a_store_that_cannot_be_read_by_a_new_owner_makes_no_traceback(
    store_url: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    owner, heir = Jobs(store_url), Jobs(store_url)
    owner.start()
    wait_until(lambda: owned(owner))
    heir.start()
    with heir.engine.begin() as connection:
        connection.execute(text('ALTER TABLE todosync_jobs RENAME TO away'))
    owner.stop()
    wait_until(lambda: any('could not be taken over, trying again' in message for message in caplog.messages))
    with heir.engine.begin() as connection:
        connection.execute(text('ALTER TABLE away RENAME TO todosync_jobs'))
    wait_until(lambda: owned(heir))
    heir.stop()
    assert [record.message for record in caplog.records if record.exc_info] == []
    caplog.clear()


@between_processes
def test_only_the_owner_runs_jobs_whoever_adds_them(store_url: str, path: str) -> None:
    owner = Jobs(store_url)
    owner.start()
    wait_until(lambda: owned(owner))
    other = start_python(PROCESS, store_url)
    assert other.stdout is not None
    assert other.stdout.readline() == 'ready\n'
    guest = Jobs(store_url)
    guest.start()
    for number in range(5):
        guest.enqueue(functions.write_line, path, str(number))
    wait_until(lambda: len(lines(path)) == 5)
    assert {pid for _, pid, _ in details(path)} != {other.pid}
    assert (owned(owner), owned(guest)) == (True, False)
    owner.stop()
    other.communicate(timeout=60)
    wait_until(lambda: owned(guest))
    guest.enqueue(functions.write_line, path, 'after')
    wait_until(lambda: lines(path)[-1] == 'after')
    guest.stop()


@between_processes
def test_a_killed_owner_is_replaced_and_no_job_is_lost_or_doubled(store_url: str, path: str) -> None:
    owner = start_python(PROCESS, store_url)
    assert owner.stdout is not None
    assert owner.stdout.readline() == 'ready\n'
    heir = Jobs(store_url)
    heir.start()
    for number in range(3):
        heir.enqueue(functions.write_and_hang, path, f'hung{number}')
    wait_until(lambda: len(lines(path)) == 3)
    for number in range(5):  # no thread is free for these
        heir.enqueue(functions.write_and_hang, path, f'waited{number}')
    owner.kill()
    owner.wait()
    Path(f'{path}.release').touch()
    wait_until(lambda: owned(heir) and settled(heir))
    assert sorted(lines(path)) == [*(f'hung{n}' for n in range(3)), *(f'waited{n}' for n in range(5))]
    assert [failure.error.partition(':')[0] for failure in heir.failed.newest()] == ['JobInterruptedError'] * 3
    heir.stop()


@between_processes
def test_a_job_that_asks_for_it_is_tried_again_after_its_process_was_killed(store_url: str, path: str) -> None:
    owner = start_python(PROCESS, store_url)
    assert owner.stdout is not None
    assert owner.stdout.readline() == 'ready\n'
    heir = Jobs(store_url)
    heir.start()
    heir.enqueue(functions.write_and_hang_once, path, 'tried')
    wait_until(lambda: len(lines(path)) == 1)
    owner.kill()
    owner.wait()
    wait_until(lambda: lines(path) == ['tried'] * 2)
    wait_until(lambda: settled(heir))
    assert heir.failed.count() == 0
    heir.stop()


def test_a_recurring_job_keeps_its_time_over_restarts_and_goes_when_it_is_no_longer_declared(tmp_path: Path) -> None:
    url = f'sqlite:///{tmp_path}/queue.sqlite3'

    def next_runs(*crons: str) -> list[float]:
        jobs = Jobs(url)
        for number, cron in enumerate(crons):
            jobs.add_recurring(f'job {number}', run_nothing, cron)
        jobs.start()
        wait_until(lambda: owned(jobs))
        with jobs.engine.begin() as connection:
            times = connection.execute(text('SELECT run_at FROM todosync_jobs ORDER BY job_id')).scalars().all()
        jobs.stop()
        return [time / 1e6 for time in times]

    first = next_runs('0 0 1 1 *', '0 0 2 1 *')
    assert len(first) == 2
    overdue = Jobs(url)
    with overdue.engine.begin() as connection:  # as if no process had run since
        connection.execute(text("UPDATE todosync_jobs SET run_at = run_at + 1000000 WHERE job_id LIKE '%0'"))
    assert next_runs('0 0 1 1 *', '0 0 2 1 *') == [first[0] + 1, first[1]]
    assert len(next_runs('0 0 1 1 *')) == 1
    assert next_runs('0 0 3 1 *')[0] != first[0] + 1


def test_a_further_attempt_of_a_recurring_job_outlives_a_restart(tmp_path: Path) -> None:
    waiting = []
    for process in range(2):
        jobs = Jobs(f'sqlite:///{tmp_path}/queue.sqlite3')
        jobs.add_recurring('job', run_nothing, '0 0 1 1 *')
        jobs.start()
        wait_until(lambda jobs=jobs: owned(jobs))  # type: ignore[misc]
        if process == 0:  # an attempt that waits is a row under the job's id
            jobs.enqueue(run_nothing, at=datetime.now(UTC) + LATER, job_id='recurring:job')
        waiting.append(jobs.queue().waiting)
        jobs.stop()
    assert waiting == [2, 2]


def test_a_recurring_job_runs_once_however_often_it_was_missed_and_waits_for_its_next_time(
    tmp_path: Path,
) -> None:
    url = f'sqlite:///{tmp_path}/queue.sqlite3'
    jobs = Jobs(url)
    jobs.add_recurring('job', functions.note_a_run, '0 0 1 1 *')
    jobs.start()
    wait_until(lambda: jobs.queue().waiting == 1)
    due = text('UPDATE todosync_jobs SET run_at = run_at - 5 * 366 * 86400000000')
    for runs in (1, 2):
        with jobs.engine.begin() as connection:
            next_run = connection.scalar(text('SELECT run_at FROM todosync_jobs'))
            connection.execute(due)
        wait_until(lambda runs=runs: len(functions.runs) == runs and jobs.queue().running == 0)  # type: ignore[misc]
        with jobs.engine.begin() as connection:
            assert connection.scalars(text('SELECT run_at FROM todosync_jobs')).all() == [next_run]
    jobs.stop()


@pytest.mark.parametrize('store_url', ['memory'], indirect=True)  # no commit of another program wakes this one
def test_what_was_due_while_the_machine_slept_runs_after_its_waking(jobs: Jobs, path: str) -> None:
    wait_until(lambda: owned(jobs))
    due = datetime.now(UTC) - timedelta(hours=20)
    ref = 'tests.jobs.functions:write_line'
    store = JobStore(jobs.engine, jobs.engine, jobs.failed)  # of another process, which wakes nobody
    store.add('late', ref, f'["{path}", "milk"]', due, replace=False)  # as if its timer had stood still
    wait_until(lambda: lines(path) == ['milk'] and settled(jobs), timeout=SAFETY_INTERVAL + 5)
    assert jobs.failed.count() == 0


def test_a_store_that_cannot_be_written_to_for_a_while_loses_nothing(postgres_of_its_own: PostgresServer) -> None:
    jobs = Jobs(postgres_of_its_own.create_database())
    jobs.start()
    wait_until(lambda: owned(jobs))
    path = str(postgres_of_its_own.directory / 'lines')
    jobs.enqueue(functions.write_and_hang, path, 'running')
    wait_until(lambda: lines(path))
    due = datetime.now(UTC) + timedelta(seconds=1)
    jobs.enqueue(functions.write_line, path, 'waiting', at=due)
    postgres_of_its_own.stop('immediate')
    Path(f'{path}.release').touch()
    wait_until(lambda: datetime.now(UTC) > due)
    postgres_of_its_own.start()
    wait_until(lambda: lines(path) == ['running', 'waiting'])
    wait_until(lambda: owned(jobs) and settled(jobs))
    assert jobs.failed.count() == 0
    jobs.stop()
