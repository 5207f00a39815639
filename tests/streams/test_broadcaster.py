"""The broadcast job: every commit reaches the cable, once, in bursts, whatever fails on the way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import orjson
import pytest

from tests.databases import execute
from tests.waiting import wait_until
from tests.writing import create_todo, update_todo
from todos import MIGRATIONS
from todos.models import TODOS, Todo
from todosync.cable import MemoryCable
from todosync.database.database import Database
from todosync.jobs import Jobs, LocalJobs
from todosync.streams.broadcaster import Broadcaster
from todosync.streams.stream_reading import DELTA_MAX_ROWS
from todosync.streams.version import Version


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class UnreliableCable(MemoryCable):
    """A cable that can be cut."""

    def __init__(self) -> None:
        super().__init__()
        self.cut = False
        self.attempts = 0

    def publish(self, stream: str, message: bytes) -> None:
        self.attempts += 1
        if self.cut:
            raise OSError('the cable is cut')
        super().publish(stream, message)


class Parts:
    """A broadcaster and what it is wired to."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = Clock()
        self.database = Database(url, on_commit=self._on_commit, migrations=MIGRATIONS)
        self.database.migrate()
        self.database.install_change_log(TODOS.log_table)
        self.cable = UnreliableCable()
        self.jobs = Jobs()
        self.local_jobs = LocalJobs(self.jobs.failed)
        self.broadcaster = self.make_broadcaster(self.local_jobs)
        self.messages: list[dict[str, Any]] = []
        self.cable.subscribe(TODOS.topic, lambda message: self.messages.append(orjson.loads(message)))

    def make_broadcaster(self, local_jobs: LocalJobs) -> Broadcaster:
        return Broadcaster(self.database, self.cable, local_jobs, self.jobs.failed, [TODOS], clock=self.clock)

    def _on_commit(self) -> None:
        self.broadcaster.broadcast_later()

    def start(self) -> None:
        self.cable.start()
        self.jobs.start()
        self.local_jobs.start()
        self.broadcaster.start()

    def stop(self) -> None:
        self.broadcaster.stop()
        self.local_jobs.stop()
        self.jobs.stop()
        self.cable.stop()
        self.database.close()

    def version(self) -> Version:
        with self.database.read() as session:
            return TODOS.version(session)


@pytest.fixture
def parts(database_url: str) -> Iterator[Parts]:
    parts = Parts(database_url)
    parts.start()
    yield parts
    parts.stop()


def published_up_to(parts: Parts, version: int) -> Callable[[], bool]:
    return lambda: bool(parts.messages) and parts.messages[-1]['version'][0] == version


def test_a_commit_is_published_as_a_delta(parts: Parts) -> None:
    todo = create_todo(parts.database, {'title': 'Buy milk'})
    wait_until(published_up_to(parts, 1))
    (message,) = parts.messages
    assert (message['stream'], message['base'][0], message['version'][0], message['del']) == ('todos', 0, 1, [])
    assert message['version'] == [*parts.version()]
    assert [(put['id'], put['title'], put['completed']) for put in message['put']] == [(todo.id, 'Buy milk', False)]


def test_what_was_committed_before_the_start_is_not_published(database_url: str) -> None:
    parts = Parts(database_url)
    create_todo(parts.database, {'title': 'before'})
    parts.start()
    create_todo(parts.database, {'title': 'after'})
    wait_until(published_up_to(parts, 2))
    assert [(message['base'][0], message['version'][0]) for message in parts.messages] == [(1, 2)]
    parts.stop()


def test_no_commit_is_missed_however_wakes_and_runs_interleave(parts: Parts, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    def write() -> None:
        for _ in range(25):
            create_todo(parts.database, {'title': 'Buy milk'})

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(published_up_to(parts, 100), timeout=8)  # sooner than the job would run by itself
    bases = [message['base'][0] for message in parts.messages]
    versions = [message['version'][0] for message in parts.messages]
    assert bases == [0, *versions[:-1]]
    assert caplog.messages == []


def hold_messages(parts: Parts) -> tuple[threading.Event, threading.Event]:
    """Have each broadcast hang at its message. Returns what is set when one hangs, and what lets it go on."""
    entered, release = threading.Event(), threading.Event()

    def hold(message: bytes) -> None:
        entered.set()
        assert release.wait(20)

    parts.cable.subscribe(TODOS.topic, hold)
    return entered, release


def test_a_burst_becomes_one_message(parts: Parts) -> None:
    entered, release = hold_messages(parts)
    create_todo(parts.database, {'title': 'first'})
    assert entered.wait(20)
    for _ in range(50):
        create_todo(parts.database, {'title': 'more'})
    release.set()
    wait_until(published_up_to(parts, 51), timeout=8)  # sooner than the job would run by itself
    assert [(message['base'][0], message['version'][0]) for message in parts.messages] == [(0, 1), (1, 51)]


def test_asking_for_a_broadcast_returns_at_once_while_one_is_stuck(parts: Parts) -> None:
    entered, release = hold_messages(parts)
    create_todo(parts.database, {'title': 'Buy milk'})
    assert entered.wait(20)
    for _ in range(1000):
        parts.broadcaster.broadcast_later()
    assert not release.is_set()
    release.set()


def test_more_than_a_delta_holds_is_only_announced(parts: Parts) -> None:
    with parts.database.write() as session:
        session.add_all([Todo(title='x') for _ in range(DELTA_MAX_ROWS + 1)])
    wait_until(published_up_to(parts, DELTA_MAX_ROWS + 1))
    assert parts.messages == [{'stream': 'todos', 'version': [*parts.version()]}]


def test_without_a_change_nothing_is_published(parts: Parts) -> None:
    parts.broadcaster.run()
    parts.broadcaster.run()
    assert (parts.messages, parts.cable.attempts) == ([], 0)


def test_what_another_process_has_published_is_not_published_again(parts: Parts) -> None:
    local_jobs = LocalJobs(parts.jobs.failed)
    local_jobs.start()
    other = parts.make_broadcaster(local_jobs)
    other.start()
    create_todo(parts.database, {'title': 'Buy milk'})
    wait_until(published_up_to(parts, 1))
    other.run()
    assert parts.cable.attempts == 1
    other.stop()
    local_jobs.stop()


def test_another_history_is_announced_whatever_number_it_has_reached(parts: Parts, database_url: str) -> None:
    for title in ('a', 'b', 'c'):
        create_todo(parts.database, {'title': title})
    wait_until(published_up_to(parts, 3))
    execute(database_url, 'DELETE FROM changes')
    execute(database_url, "INSERT INTO changes(version, todo_id, op) VALUES (2, 0, 'del')")  # as if it was put back
    parts.broadcaster.run()
    wait_until(published_up_to(parts, 2))
    assert parts.messages[-1] == {'stream': 'todos', 'version': [*parts.version()]}


def test_a_failure_is_recorded_and_made_up_for_by_itself(parts: Parts) -> None:
    parts.cable.cut = True
    todo = create_todo(parts.database, {'title': 'Buy milk'})
    wait_until(lambda: parts.jobs.failed.count() >= 1)
    update_todo(parts.database, todo, {'completed': True})
    parts.cable.cut = False
    wait_until(published_up_to(parts, 2), timeout=8)
    failure = parts.jobs.failed.newest()[-1]
    assert (failure.job_id, failure.error) == ('broadcast', 'OSError: the cable is cut')
    assert 'publish' in failure.traceback
    assert parts.messages[-1]['base'][0] == 0
    assert parts.messages[-1]['put'][0]['completed']


def test_a_run_that_raises_where_nothing_is_foreseen_is_followed_by_others(parts: Parts) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 1:
            raise ZeroDivisionError

    local_jobs = LocalJobs(parts.jobs.failed)
    local_jobs.start()
    broadcaster = Broadcaster(
        parts.database, parts.cable, local_jobs, parts.jobs.failed, [TODOS], clock=parts.clock, pause=pause
    )
    broadcaster.start()
    with closing(Database(parts.url)) as quiet:  # which tells no broadcaster
        create_todo(quiet, {'title': 'Buy milk'})
        with pytest.raises(ZeroDivisionError):
            broadcaster.run()
        create_todo(quiet, {'title': 'Buy oats'})
        wait_until(published_up_to(parts, 2))  # by itself
    broadcaster.stop()
    local_jobs.stop()


def test_the_age_of_the_last_success_grows_while_broadcasts_fail(parts: Parts) -> None:
    parts.broadcaster.run()
    parts.cable.cut = True
    create_todo(parts.database, {'title': 'Buy milk'})
    wait_until(lambda: parts.cable.attempts > 0)
    parts.clock.now += 30

    def runs(age: Callable[[], float]) -> bool:
        parts.broadcaster.run()  # does nothing while the run before has not quite ended
        return age() == 0

    wait_until(lambda: runs(parts.broadcaster.seconds_since_attempt))
    assert parts.broadcaster.seconds_since_success() >= 30
    parts.cable.cut = False
    wait_until(published_up_to(parts, 1), timeout=8)
    wait_until(lambda: runs(parts.broadcaster.seconds_since_success))


def test_the_age_of_the_last_attempt_grows_while_a_broadcast_hangs(parts: Parts) -> None:
    entered, release = hold_messages(parts)
    create_todo(parts.database, {'title': 'Buy milk'})
    assert entered.wait(20)
    parts.clock.now += 30
    parts.broadcaster.run()  # as every ten seconds
    assert parts.broadcaster.seconds_since_attempt() == 30
    release.set()


def test_a_failure_that_cannot_even_be_recorded_is_made_up_for(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(parts.jobs.failed, 'record', refuse)
    parts.cable.cut = True
    create_todo(parts.database, {'title': 'Buy milk'})
    wait_until(lambda: parts.cable.attempts > 0)
    parts.cable.cut = False
    wait_until(published_up_to(parts, 1), timeout=8)  # sooner than the job would run by itself
