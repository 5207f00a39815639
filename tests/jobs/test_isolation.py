"""No failure of one durable job, of its arguments, of its row or of its end touches another."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.jobs import functions
from tests.jobs.functions import lines, owned, run_nothing, settled
from tests.waiting import wait_until
from todosync.database import Database
from todosync.jobs import Jobs
from todosync.jobs.runner import THREADS_PER_FUNCTION
from todosync.jobs.store import JobStore

LATER = timedelta(hours=1)


def insert(jobs: Jobs, **values: object) -> None:
    """Add a row as another program might."""
    row = {
        'execution_id': f'row {values}',
        'job_id': 'odd',
        'function': 'tests.jobs.functions:run_nothing',
        'arguments': '[]',
        'attempt': 1,
        'run_at': 0,
        **values,
    }
    columns = ', '.join(row)
    places = ', '.join(f':{name}' for name in row)
    with jobs.engine.begin() as connection:
        connection.execute(text(f'INSERT INTO todosync_jobs ({columns}) VALUES ({places})'), row)


def errors(jobs: Jobs) -> list[str]:
    return [failure.error for failure in jobs.failed.newest()]


def refuse_records(jobs: Jobs) -> None:
    """Have the database refuse to record a failure, as a full disk or a team's own trigger might."""
    with jobs.engine.begin() as connection:
        if connection.dialect.name == 'postgresql':
            connection.execute(text('ALTER TABLE failed_executions ADD CONSTRAINT refuse CHECK (false) NOT VALID'))
        else:
            body = "BEGIN SELECT RAISE(ABORT, 'no more'); END"
            connection.execute(text(f'CREATE TRIGGER refuse BEFORE INSERT ON failed_executions {body}'))


def admit_records(jobs: Jobs) -> None:
    with jobs.engine.begin() as connection:
        if connection.dialect.name == 'postgresql':
            connection.execute(text('ALTER TABLE failed_executions DROP CONSTRAINT refuse'))
        else:
            connection.execute(text('DROP TRIGGER refuse'))


@pytest.fixture
def fragile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module that can be rewritten, as between two starts of a program."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, 'dont_write_bytecode', True)
    path = tmp_path / 'fragile.py'
    path.write_text('from todosync.jobs import job\n@job\ndef work(): pass\n')
    yield path
    sys.modules.pop('fragile', None)


@pytest.mark.parametrize('raised', ["RuntimeError('API_KEY is not set')", "SystemExit('bye')", 'KeyboardInterrupt()'])
def test_a_module_that_raises_at_import_fails_its_own_jobs_only(
    jobs: Jobs, path: str, fragile: Path, raised: str
) -> None:
    fragile.write_text(f'raise {raised}\n')
    for number in range(4):
        insert(jobs, function='fragile:work', job_id=str(number))
    jobs.enqueue(functions.write_line, path, 'milk')
    wait_until(lambda: jobs.failed.count() == 4 and settled(jobs))
    found = {error.partition(':')[0] for error in errors(jobs)} - {'LookupError'}
    assert found == {raised.partition('(')[0]}  # a thread that waits for another's import finds half a module
    assert lines(path) == ['milk']
    jobs.enqueue(functions.write_line, path, 'bread')
    wait_until(lambda: lines(path) == ['milk', 'bread'])


def test_a_module_that_hangs_at_import_holds_up_its_own_jobs_only_and_is_named(
    jobs: Jobs, path: str, fragile: Path, tmp_path: Path
) -> None:
    source = fragile.read_text()
    wait = f'while not Path({str(tmp_path / "go on")!r}).exists(): time.sleep(0.01)\n'
    fragile.write_text(f'import time\nfrom pathlib import Path\n{wait}{source}')
    for number in range(THREADS_PER_FUNCTION + 2):
        insert(jobs, function='fragile:work', job_id=str(number))
    try:
        for line in ('milk', 'bread'):
            jobs.enqueue(functions.write_line, path, line)
            wait_until(lambda line=line: line in lines(path))  # type: ignore[misc]
        wait_until(lambda: jobs.queue().running == THREADS_PER_FUNCTION)
        assert jobs.queue().waiting == 2
        assert [job.function for job in jobs.running()] == ['fragile:work'] * THREADS_PER_FUNCTION
    finally:
        (tmp_path / 'go on').touch()
    wait_until(lambda: settled(jobs))
    assert jobs.failed.count() == 0


@pytest.mark.parametrize('store_url', ['sqlite', 'postgresql'], indirect=True)
def test_neither_do_such_jobs_that_were_interrupted_keep_a_process_from_owning_the_jobs(
    store_url: str, path: str, fragile: Path
) -> None:
    before = Jobs(store_url)
    before.start()
    before.stop()
    for number in range(5):
        insert(before, execution_id=str(number), function='fragile:work', started_at='2030', started_by='a process')
    before.engine.dispose()
    fragile.write_text('raise SystemExit\n')
    after = Jobs(store_url)
    after.start()
    wait_until(lambda: owned(after) and after.failed.count() == 5)
    # a thread that waited for another one's import may get the module that this has not finished
    assert all(error.startswith(('SystemExit', 'LookupError')) for error in errors(after)), errors(after)
    after.enqueue(functions.write_line, path, 'milk')
    wait_until(lambda: lines(path) == ['milk'])
    after.stop()


@pytest.mark.parametrize(
    ('values', 'error'),
    [
        ({'function': 'tests.jobs.functions:no_more'}, 'LookupError: '),
        ({'function': 'nonsense'}, 'ValueError: Invalid reference'),
        ({'function': 'os:getcwd'}, 'TypeError: getcwd is not marked as a job; mark it with @todosync.job'),
        ({'arguments': '["too", "many"]'}, 'TypeError: run_nothing() takes 0'),
        ({'arguments': 'no JSON'}, 'JSONDecodeError: '),
        ({'arguments': '7'}, 'TypeError: '),
        ({'attempt': 2**31 - 1, 'function': 'tests.jobs.functions:fail_twice', 'arguments': '[7]'}, 'TypeError: '),
    ],
)
def test_a_row_that_cannot_be_run_is_a_failed_execution(
    jobs: Jobs, path: str, values: dict[str, object], error: str
) -> None:
    insert(jobs, **values)
    jobs.enqueue(functions.write_line, path, 'milk')
    wait_until(lambda: lines(path) == ['milk'] and settled(jobs))
    assert [found.startswith(error) for found in errors(jobs)] == [True], errors(jobs)


def test_a_recurring_row_whose_times_cannot_be_read_runs_once_and_stops_nobody(jobs: Jobs, path: str) -> None:
    wait_until(lambda: owned(jobs))
    insert(jobs, cron='whenever', job_id='recurring:odd')
    jobs.enqueue(functions.write_line, path, 'milk')
    wait_until(lambda: lines(path) == ['milk'] and settled(jobs))
    assert errors(jobs) == []


def test_a_time_that_no_calendar_holds_stops_nobody(jobs: Jobs, path: str) -> None:
    insert(jobs, run_at=2**62)
    jobs.enqueue(functions.write_line, path, 'milk')
    wait_until(lambda: lines(path) == ['milk'])
    assert jobs.queue().waiting == 1


def test_an_error_whose_text_no_database_takes_is_recorded_all_the_same(jobs: Jobs) -> None:
    jobs.enqueue(functions.fail_with_odd_text)
    jobs.enqueue(functions.fail_without_text)
    wait_until(lambda: jobs.failed.count() == 2 and settled(jobs))
    assert sorted(errors(jobs)) == [
        'Speechless: (its message cannot be shown)',
        r'ValueError: a zero byte \x00 and half a pair \ud800',
    ]


def test_a_policy_that_cannot_be_followed_is_a_failed_execution(jobs: Jobs) -> None:
    jobs.enqueue(functions.fail_and_wait_for_ever)
    wait_until(lambda: settled(jobs) and jobs.failed.count() == 1)
    assert errors(jobs) == ['ZeroDivisionError: ']


def test_an_id_may_have_any_sign_in_it_and_cancelling_takes_no_other(jobs: Jobs) -> None:
    later = datetime.now(UTC) + LATER
    ids = ['a', 'a#2', 'a#2#3', 'recurring:a', '#', "a' OR 'a'='a"]
    for job_id in ids:
        jobs.enqueue(run_nothing, at=later, job_id=job_id)
    for waiting, job_id in reversed(list(enumerate(ids))):
        assert jobs.cancel(job_id)
        assert not jobs.cancel(job_id)
        assert jobs.queue().waiting == waiting


def test_an_id_that_looks_like_a_recurring_one_outlives_a_restart(tmp_path: Path) -> None:
    for waiting in (0, 1):
        jobs = Jobs(f'sqlite:///{tmp_path}/queue.sqlite3')
        jobs.start()
        wait_until(lambda jobs=jobs: owned(jobs))  # type: ignore[misc]
        assert jobs.queue().waiting == waiting
        jobs.enqueue(run_nothing, at=datetime.now(UTC) + LATER, job_id='recurring:mine')
        jobs.stop()


def test_an_attempt_that_waits_is_cancelled_by_the_id_of_its_job(jobs: Jobs, path: str) -> None:
    jobs.enqueue(functions.fail_and_wait_for_an_hour, path, job_id='a')
    wait_until(lambda: jobs.queue().waiting == 1 and lines(path) == ['tried'] and jobs.queue().running == 0)
    assert not jobs.cancel('a#2')
    assert jobs.cancel('a')
    assert jobs.queue().waiting == 0


def test_two_jobs_of_one_id_are_both_tried_again(jobs: Jobs, path: str) -> None:
    jobs.enqueue(functions.wait_and_fail, path, 'first', job_id='a')
    wait_until(lambda: lines(path) == ['first'])
    jobs.enqueue(functions.wait_and_fail, path, 'second', job_id='a')  # waits: the first one runs
    jobs.enqueue(functions.write_line, path, 'third', job_id='b')
    wait_until(lambda: 'third' in lines(path) and jobs.queue().running == 1)
    assert (lines(path), jobs.queue().waiting) == (['first', 'third'], 1)
    Path(f'{path}.release').touch()
    wait_until(lambda: settled(jobs))
    assert sorted(lines(path)) == ['first', 'first', 'second', 'second', 'third']
    assert [failure.job_id for failure in jobs.failed.newest()] == ['a', 'a']


def test_counting_does_not_wait_for_a_writer(store_url: str) -> None:
    if store_url == 'sqlite://':
        pytest.skip('nobody else can write to a database in memory')
    jobs = Jobs(store_url)
    jobs.start()
    wait_until(lambda: owned(jobs))
    jobs.enqueue(run_nothing, at=datetime.now(UTC) + LATER)
    other = Database(store_url)
    with other.write() as session:
        session.connection().execute(text("DELETE FROM todosync_jobs WHERE job_id = 'nobody'"))
        started = datetime.now(UTC)
        assert jobs.queue().waiting == 1
        assert jobs.failed.newest() == []
        assert datetime.now(UTC) - started < timedelta(seconds=5)  # a writer would wait for ten
    other.close()
    jobs.stop()


def test_what_was_taken_without_the_process_knowing_waits_again(tmp_path: Path) -> None:
    jobs = Jobs(f'sqlite:///{tmp_path}/queue.sqlite3')
    jobs.start()
    jobs.stop()
    insert(jobs, job_id='taken')
    store = JobStore(jobs.engine, jobs.engine, jobs.failed)
    taken = store.take(datetime.now(UTC))
    assert taken is not None
    assert store.counts() == (0, 1)
    store.give_back({taken.execution_id})
    assert store.counts() == (0, 1)
    store.give_back(set())
    assert store.counts() == (1, 0)
    jobs.engine.dispose()


def test_an_end_that_cannot_be_stored_holds_no_thread_and_is_stored_later(jobs: Jobs, path: str) -> None:
    wait_until(lambda: owned(jobs))
    refuse_records(jobs)
    for _ in range(4):  # more than there are threads
        jobs.enqueue(functions.fail, path)
    wait_until(lambda: lines(path) == ['failed'] * 4)
    jobs.enqueue(functions.write_line, path, 'milk')
    wait_until(lambda: lines(path) == ['failed'] * 4 + ['milk'] and jobs.queue().running == 4)
    assert jobs.failed.count() == 0
    admit_records(jobs)
    wait_until(lambda: settled(jobs) and jobs.failed.count() == 4)
    assert lines(path) == ['failed'] * 4 + ['milk']


def test_an_end_that_cannot_be_stored_does_not_keep_a_process_from_stopping(tmp_path: Path, path: str) -> None:
    url = f'sqlite:///{tmp_path}/queue.sqlite3'
    jobs = Jobs(url)
    jobs.start()
    refuse_records(jobs)
    jobs.enqueue(functions.fail, path)
    wait_until(lambda: lines(path) == ['failed'])
    jobs.stop()
    after = Jobs(url)
    admit_records(after)
    after.start()
    wait_until(lambda: settled(after) and after.failed.count() == 1)
    assert errors(after) == ['JobInterruptedError: the process that ran it has ended']
    after.stop()


@pytest.mark.parametrize('column', ['execution_id', 'job_id', 'function', 'arguments', 'cron'])
def test_a_row_with_text_that_is_no_utf_8_is_a_failed_execution(tmp_path: Path, path: str, column: str) -> None:
    jobs = Jobs(f'sqlite:///{tmp_path}/queue.sqlite3')
    jobs.start()
    insert(jobs, run_at=2**62)
    with jobs.engine.begin() as connection:
        connection.execute(text(f"UPDATE todosync_jobs SET run_at = 0, {column} = CAST(x'ff' AS TEXT)"))
    jobs.enqueue(functions.write_line, path, 'milk')
    wait_until(lambda: lines(path) == ['milk'] and settled(jobs))
    jobs.stop()
    after = Jobs(f'sqlite:///{tmp_path}/queue.sqlite3')
    after.start()
    wait_until(lambda: owned(after))
    after.enqueue(functions.write_line, path, 'oats')
    wait_until(lambda: lines(path) == ['milk', 'oats'] and settled(after))
    assert after.failed.count() == (column not in ('job_id', 'cron'))  # under an odd id, or once, a job can run
    after.stop()
