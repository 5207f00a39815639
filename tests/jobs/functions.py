"""The functions of the durable jobs in tests. A durable job must be importable by name."""

from __future__ import annotations

import os
import time
from pathlib import Path

from todosync.jobs import JobInterruptedError, Jobs, job


@job
def write_line(path: str, line: str) -> None:
    """Note that a job ran, and where, so that every process can see it."""
    with Path(path).open('a') as file:
        file.write(f'{line} {os.getpid()} {time.time()}\n')


@job
def write_and_hang(path: str, line: str) -> None:
    write_line(path, line)
    while not Path(f'{path}.release').exists():
        time.sleep(0.01)


@job(attempts=2, wait=0.01, retry_on=(JobInterruptedError,))
def write_and_hang_once(path: str, line: str) -> None:
    write_line(path, line)
    while len(lines(path)) < 2:
        time.sleep(0.01)


@job(attempts=2, wait=0.01)
def wait_and_fail(path: str, line: str) -> None:
    write_line(path, line)
    while not Path(f'{path}.release').exists():
        time.sleep(0.01)
    raise ZeroDivisionError


@job(attempts=2, wait=3600)
def fail_and_wait_for_an_hour(path: str) -> None:
    write_line(path, 'tried')
    raise ZeroDivisionError


@job
def fail(path: str) -> None:
    write_line(path, 'failed')
    raise ZeroDivisionError('this job divides by zero')


@job(attempts=3, wait=0.01, retry_on=(OSError,))
def fail_twice(path: str) -> None:
    write_line(path, 'tried')
    if len(lines(path)) < 3:
        raise OSError('the printer is on fire')


@job(attempts=3, wait=0.01, retry_on=(OSError,))
def fail_in_another_way(path: str) -> None:
    write_line(path, 'tried')
    raise ZeroDivisionError


@job(attempts=3, wait=0.01, discard_on=(LookupError,))
def find_nothing(path: str) -> None:
    write_line(path, 'looked')
    raise LookupError('what the job was about is gone')


@job
def run_nothing() -> None: ...


runs: list[str] = []


@job
def note_a_run() -> None:
    runs.append('ran')


@job
def fail_with_odd_text() -> None:
    raise ValueError('a zero byte \0 and half a pair \ud800')


class Speechless(Exception):  # noqa: N818
    def __str__(self) -> str:
        raise RuntimeError


@job
def fail_without_text() -> None:
    raise Speechless


@job(attempts=2, wait=1e300)
def fail_and_wait_for_ever() -> None:
    raise ZeroDivisionError


def unmarked() -> None: ...


@job
async def coroutine_function() -> None: ...


def lines(path: str) -> list[str]:
    """Return the first word of each line."""
    file = Path(path)
    return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []


def details(path: str) -> list[tuple[str, int, float]]:
    """Return for each line what ran, in which process, and when."""
    rows = [line.split() for line in Path(path).read_text().splitlines()]
    return [(what, int(pid), float(at)) for what, pid, at in rows]


def owned(jobs: Jobs) -> bool:
    return jobs.queue().is_owner


def settled(jobs: Jobs) -> bool:
    state = jobs.queue()
    return state.waiting == state.running == 0
