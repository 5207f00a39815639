"""Local jobs: jobs of one process that run when they are woken."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from tests.waiting import wait_until
from todosync.jobs import Jobs, LocalJobs


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    """Keeps the failures."""
    jobs = Jobs()
    jobs.start()
    yield jobs
    jobs.stop()


@pytest.fixture
def local_jobs(jobs: Jobs) -> Iterator[LocalJobs]:
    local_jobs = LocalJobs(jobs.failed)
    local_jobs.start()
    yield local_jobs
    local_jobs.stop()


def test_a_local_job_runs_when_woken_and_not_before(local_jobs: LocalJobs) -> None:
    runs: list[str] = []
    local_jobs.add('count', lambda: runs.append(threading.current_thread().name))
    assert runs == []
    local_jobs.wake('count')
    wait_until(lambda: runs)
    assert runs[0] != threading.current_thread().name


def test_waking_a_thousand_times_runs_it_and_never_logs(
    local_jobs: LocalJobs, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    woken, covered = 0, 0

    def cover() -> None:
        nonlocal covered
        covered = woken

    local_jobs.add('cover', cover)
    for _ in range(1000):
        woken += 1
        local_jobs.wake('cover')
    wait_until(lambda: covered == 1000)
    assert caplog.messages == []


def test_a_local_job_that_raises_is_recorded_and_runs_again(local_jobs: LocalJobs, jobs: Jobs) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    local_jobs.add('fail', fail)
    for count in (1, 2):
        local_jobs.wake('fail')
        wait_until(lambda count=count: jobs.failed.count() == count)  # type: ignore[misc]
    assert jobs.failed.newest()[0].job_id == 'fail'


def test_a_failure_that_cannot_be_recorded_is_told_with_a_traceback_only_if_it_is_no_outage(
    jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    with jobs.engine.begin() as connection:
        connection.exec_driver_sql('DROP TABLE failed_executions')
    for error in (OSError('the cable failed: it is shutting down'), ZeroDivisionError('a mistake')):
        jobs.failed.record('broadcast', error)
    told = [record for record in caplog.records if 'could not be recorded' in record.message]
    assert [record.exc_info is not None and record.exc_info[1] is not None for record in told] == [False, True]
    caplog.clear()


def test_waking_what_is_not_there_is_fine(local_jobs: LocalJobs) -> None:
    local_jobs.wake('unknown')
    local_jobs.stop()
    local_jobs.stop()
    local_jobs.wake('unknown')
