"""When a file is checked again: after the system has reported a write, and where it cannot report writes."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.waiting import TIMEOUT, wait_until
from todosync.database import file_watch
from todosync.database.file_watch import FileWatch
from todosync.database.open_file import OpenFile
from todosync.database.sqlite import CommitWatcher
from todosync.database.wal import enter_wal

NEVER = 3600.0
as_told = pytest.mark.skipif(sys.platform != 'linux', reason='only Linux tells of writes')


@pytest.fixture(autouse=True)
def only_what_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switches off the safety check, so that a write which the system does not report is missed."""
    monkeypatch.setattr(file_watch, 'SAFETY_INTERVAL', NEVER)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'todos.sqlite3'


@pytest.fixture
def watch(path: Path) -> Iterator[FileWatch]:
    with FileWatch(path, interval=0.001) as watch:
        yield watch


@contextmanager
def waiting(watch: FileWatch, times: int = 1, *, found: bool = False) -> Iterator[Future[list[bool]]]:
    """Let another thread wait several times, and make sure that it ends."""
    with ThreadPoolExecutor(1) as thread:
        waits = thread.submit(lambda: [watch.wait(found=found) for _ in range(times)])
        yield waits
        while not waits.done():
            watch.wake()


@as_told
@pytest.mark.parametrize('suffix', ['', '-wal', '-journal'])
def test_a_write_to_the_file_or_its_log_ends_a_wait(watch: FileWatch, path: Path, suffix: str) -> None:
    with waiting(watch) as waits:
        Path(f'{path}{suffix}').write_text('written')
        assert waits.result(TIMEOUT) == [False]


@as_told
def test_a_write_before_the_wait_ends_it_too(watch: FileWatch, path: Path) -> None:
    path.write_text('written')
    with waiting(watch) as waits:
        assert waits.result(TIMEOUT) == [False]


@as_told
@pytest.mark.parametrize('found', [False, True], ids=['none found yet', 'that of another found'])
def test_for_some_time_after_a_write_its_commit_is_looked_for(watch: FileWatch, path: Path, *, found: bool) -> None:
    path.write_text('written')
    with waiting(watch, times=12, found=found) as waits:
        assert not any(waits.result(TIMEOUT))


@as_told
def test_nobody_looks_while_nothing_is_written(watch: FileWatch) -> None:
    with waiting(watch) as waits:
        with pytest.raises(TimeoutError):
            waits.result(0.3)
        watch.wake()
        assert waits.result(TIMEOUT) == [True]


def test_a_wake_before_the_wait_ends_it_however_often_it_is_repeated(watch: FileWatch) -> None:
    for _ in range(100_000):  # more than a socket holds
        watch.wake()
    with waiting(watch) as waits:
        assert waits.result(TIMEOUT) == [True]


def test_a_look_is_due_now_and_then_whatever_is_told(watch: FileWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_watch, 'SAFETY_INTERVAL', 0.01)
    with waiting(watch, times=3) as waits:
        assert waits.result(TIMEOUT) == [False] * 3


def test_where_the_system_cannot_tell_looks_are_due_all_the_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with FileWatch(tmp_path / 'missing' / 'todos.sqlite3', interval=0.001) as watch, waiting(watch, times=3) as waits:
        assert waits.result(TIMEOUT) == [False] * 3
    assert (sys.platform != 'linux') or 'the system cannot report writes' in caplog.text


@as_told
def test_each_commit_to_a_file_is_seen_by_what_is_told_of_it(path: Path, tmp_path: Path) -> None:
    link = tmp_path / 'link.sqlite3'
    link.symlink_to(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        enter_wal(other, timeout=1)
        other.execute('CREATE TABLE todos(title)')
        seen: list[None] = []
        watcher = CommitWatcher(link, OpenFile(link), 0.001, lambda: seen.append(None))
        watcher.start()
        wait_until(lambda: seen)
        for _ in range(20):
            before = len(seen)
            other.execute('BEGIN')
            other.execute("INSERT INTO todos VALUES ('Buy milk')")
            other.execute('COMMIT')
            wait_until(lambda before=before: len(seen) > before)  # type: ignore[misc]
        watcher.stop()
