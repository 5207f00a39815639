"""Every adapter keeps the promises of the cable."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.postgres import PostgresServer
from tests.waiting import wait_until
from todosync.cable import Cable, MemoryCable, SqliteCable
from todosync.cable.postgres import PostgresCable

TIMEOUT = 90.0
PUBLISHER = """
import sys
from pathlib import Path
from todosync.cable import SqliteCable
from todosync.cable.postgres import PostgresCable
kind, where, stream, *messages = sys.argv[1:]
cable = SqliteCable(Path(where)) if kind == 'sqlite' else PostgresCable(where)
cable.start()
print('ready', flush=True)
for line in sys.stdin:
    cable.publish(stream, line.strip().encode())
cable.stop()
"""


class Inbox:
    """What a subscriber has received; tests wait for what they expect."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self._changed = threading.Condition()

    def __call__(self, message: bytes) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[bytes]:
        """Return the messages as soon as there are as many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.messages) >= count, TIMEOUT), self.messages
            return list(self.messages)


class Store:
    """The file or database that cables of one kind share."""

    def __init__(self, kind: str, where: str) -> None:
        self.kind = kind
        self.where = where
        self._cables: list[Cable] = []

    def cable(self) -> Cable:
        """Start one more cable."""
        cable: Cable
        if self.kind == 'memory':
            cable = MemoryCable()
        elif self.kind == 'sqlite':
            cable = SqliteCable(Path(self.where))
        else:
            cable = PostgresCable(self.where)
        cable.start()
        self._cables.append(cable)
        return cable

    def close(self) -> None:
        for cable in self._cables:
            cable.stop()

    def count(self) -> int:
        """How many messages are kept."""
        if self.kind == 'sqlite':
            return int(sqlite3.connect(self.where).execute('SELECT count(*) FROM messages').fetchone()[0])
        with psycopg.connect(self.where.replace('+psycopg', '')) as connection:
            row = connection.execute('SELECT count(*) FROM cable_messages').fetchone()
            assert row is not None
            return int(row[0])


@pytest.fixture(params=['memory', 'sqlite', 'postgres'])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    kind = request.param
    where = request.getfixturevalue('postgres_url') if kind == 'postgres' else str(tmp_path / 'cable.sqlite3')
    store = Store(kind, where)
    yield store
    store.close()


between_processes = pytest.mark.parametrize('store', ['sqlite', 'postgres'], indirect=True)


def test_a_message_reaches_every_subscriber_of_its_stream_and_no_other(store: Store) -> None:
    cable, first, second, other = store.cable(), Inbox(), Inbox(), Inbox()
    cable.subscribe('todos', first)
    cable.subscribe('todos', second)
    cable.subscribe('notes', other)
    cable.publish('todos', b'milk')
    cable.publish('notes', b'a note')
    assert first.wait_for(1) == second.wait_for(1) == [b'milk']
    assert other.wait_for(1) == [b'a note']


def test_messages_arrive_in_the_order_of_publication(store: Store) -> None:
    cable, inbox = store.cable(), Inbox()
    cable.subscribe('todos', inbox)
    messages = [str(number).encode() for number in range(200)]
    for message in messages:
        cable.publish('todos', message)
    assert inbox.wait_for(len(messages)) == messages


def test_all_subscribers_see_concurrent_publishers_in_the_same_order(store: Store) -> None:
    cable, first, second = store.cable(), Inbox(), Inbox()
    cable.subscribe('todos', first)
    cable.subscribe('todos', second)
    publishers = [
        threading.Thread(target=lambda name=name: [cable.publish('todos', b'%d.%d' % (name, n)) for n in range(50)])
        for name in range(4)
    ]
    for publisher in publishers:
        publisher.start()
    for publisher in publishers:
        publisher.join()
    assert first.wait_for(200) == second.wait_for(200)


@pytest.mark.parametrize('size', [0, 7_999, 8_000, 1_000_000])
def test_a_message_of_any_size_arrives_unchanged(store: Store, size: int) -> None:
    cable, inbox = store.cable(), Inbox()
    cable.subscribe('todos', inbox)
    message = os.urandom(size)
    cable.publish('todos', message)
    assert inbox.wait_for(1) == [message]


def test_an_ended_subscription_receives_nothing_more(store: Store) -> None:
    cable, ended, lasting = store.cable(), Inbox(), Inbox()
    end = cable.subscribe('todos', ended)
    cable.subscribe('todos', lasting)
    cable.publish('todos', b'before')
    assert ended.wait_for(1) == [b'before']
    end()
    end()
    cable.publish('todos', b'after')
    assert lasting.wait_for(2) == [b'before', b'after']
    assert ended.messages == [b'before']


def test_a_subscriber_that_fails_does_not_keep_others_from_their_messages(store: Store) -> None:
    def fail(message: bytes) -> None:
        raise ValueError(message)

    cable, inbox = store.cable(), Inbox()
    cable.subscribe('todos', fail)
    cable.subscribe('todos', inbox)
    cable.publish('todos', b'one')
    cable.publish('todos', b'two')
    assert inbox.wait_for(2) == [b'one', b'two']


def test_starting_and_stopping_twice_is_harmless_and_a_stopped_cable_can_start_again(store: Store) -> None:
    cable, inbox = store.cable(), Inbox()
    cable.subscribe('todos', inbox)
    cable.start()
    cable.publish('todos', b'before')
    inbox.wait_for(1)
    cable.stop()
    cable.stop()
    cable.start()
    cable.publish('todos', b'after')
    assert inbox.wait_for(2) == [b'before', b'after']


def test_trimming_forgets_old_messages_and_delivers_new_ones(store: Store) -> None:
    cable, inbox = store.cable(), Inbox()
    cable.subscribe('todos', inbox)
    cable.publish('todos', b'old')
    inbox.wait_for(1)
    cable.trim(max_age=3600)
    if store.kind != 'memory':
        assert store.count() == 1
    cable.trim(max_age=-1)
    if store.kind != 'memory':
        assert store.count() == 0
    cable.publish('todos', b'new')
    assert inbox.wait_for(2) == [b'old', b'new']


@between_processes
def test_a_message_reaches_the_other_cables_and_what_was_published_before_they_started_does_not(store: Store) -> None:
    first, early, late = store.cable(), Inbox(), Inbox()
    first.subscribe('todos', early)
    first.publish('todos', b'before')
    second = store.cable()
    second.subscribe('todos', late)
    second.publish('todos', b'back')
    first.publish('todos', b'forth')
    assert late.wait_for(2) == [b'back', b'forth']
    assert early.wait_for(3) == [b'before', b'back', b'forth']


@between_processes
def test_two_processes_that_start_at_once_reach_each_other(store: Store) -> None:
    publishers = [run_publisher(store) for _ in range(2)]
    for publisher in publishers:
        assert publisher.stdout
        assert publisher.stdout.readline() == 'ready\n'
    cable, inbox = store.cable(), Inbox()
    cable.subscribe('todos', inbox)
    for number, publisher in enumerate(publishers):
        publisher.communicate(''.join(f'{number}.{n}\n' for n in range(100)), timeout=TIMEOUT)
        assert publisher.returncode == 0
    received = inbox.wait_for(200)
    for number in range(2):
        own = [message for message in received if message.startswith(b'%d.' % number)]
        assert own == [b'%d.%d' % (number, n) for n in range(100)]


@between_processes
def test_a_publisher_that_is_killed_leaves_a_cable_that_works(store: Store) -> None:
    cable, inbox = store.cable(), Inbox()
    cable.subscribe('todos', inbox)
    publisher = run_publisher(store)
    assert publisher.stdin
    for n in range(50):
        publisher.stdin.write(f'{n}\n')
    publisher.stdin.flush()
    inbox.wait_for(10)
    publisher.kill()
    publisher.communicate()
    cable.publish('todos', b'still here')
    wait_until(lambda: inbox.messages[-1] == b'still here')


def test_the_sqlite_file_is_for_its_owner_only(tmp_path: Path) -> None:
    store = Store('sqlite', str(tmp_path / 'cable.sqlite3'))
    store.cable().publish('todos', b'milk')
    files = list(tmp_path.iterdir())
    assert len(files) == 3  # the write-ahead log and its index are as private
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    store.close()


def test_the_sqlite_cable_says_which_file_it_cannot_use(tmp_path: Path) -> None:
    (tmp_path / 'cable.sqlite3').write_text('this is not a database, and it is long enough to show it' * 20)
    with pytest.raises(OSError, match=r'cable\.sqlite3.*not a database'):
        SqliteCable(tmp_path / 'cable.sqlite3').start()


def test_publishing_on_a_stopped_sqlite_cable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match='not started'):
        SqliteCable(tmp_path / 'cable.sqlite3').publish('todos', b'milk')


def test_the_postgres_cable_delivers_after_a_restart_of_the_server(
    postgres_of_its_own: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store('postgres', postgres_of_its_own.create_database())
    cable, other, inbox = store.cable(), store.cable(), Inbox()
    cable.subscribe('todos', inbox)
    other.publish('todos', b'before')
    inbox.wait_for(1)
    postgres_of_its_own.stop('immediate')
    with pytest.raises(OSError, match='the cable failed'):
        other.publish('todos', b'refused')
    postgres_of_its_own.start()
    other.publish('todos', b'after')  # at once: nobody has to wait until the connections are there again
    assert inbox.wait_for(2) == [b'before', b'after']
    assert 'the cable fails' in caplog.text
    assert 'the cable works again' in caplog.text
    store.close()


def test_the_postgres_cable_delivers_what_nobody_was_notified_of(postgres_url: str) -> None:
    cable, inbox = PostgresCable(postgres_url, poll_interval=0.1), Inbox()
    cable.start()
    cable.subscribe('todos', inbox)
    with psycopg.connect(postgres_url.replace('+psycopg', '')) as connection:
        connection.execute("INSERT INTO cable_messages(stream, message) VALUES ('todos', 'milk')")
    assert inbox.wait_for(1) == [b'milk']
    cable.stop()


def run_publisher(store: Store) -> subprocess.Popen[str]:
    """Run a process that publishes each line that it is given."""
    command = [sys.executable, '-c', PUBLISHER, store.kind, store.where, 'todos']
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
