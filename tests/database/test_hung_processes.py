"""A process that hangs, stopped at the worst moment, keeps nobody from writing for longer than a few seconds."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.processes import start_python
from tests.writing import create_todo
from todos.models import TODOS
from todosync.cable.postgres import PostgresCable
from todosync.database.base import BUSY_TIMEOUT
from todosync.database.database import Database

WRITE_AND_HANG = """
import os, signal, sys
from todos import Todo
from todosync.database import Database, DatabaseUnavailableError
try:
    with Database(sys.argv[1]).write() as session:
        session.add(Todo(title='Of the hung one'))
        session.flush()
        print('in the middle', flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
except DatabaseUnavailableError as error:
    print('refused:', error, flush=True)
"""
PUBLISH = """
import sys
from todosync.cable.postgres import PostgresCable
cable = PostgresCable(sys.argv[1])
cable.start()
print('ready', flush=True)
while True:
    cable.publish('todos', b'x' * 20)
"""


@contextmanager
def other_process(program: str, url: str) -> Iterator[subprocess.Popen[str]]:
    process = start_python(program, url)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def database_url(postgres_url: str) -> str:
    """The URL of the ``database`` of this module's tests."""
    return postgres_url


def test_others_write_while_a_process_hangs_in_the_middle_of_a_transaction(
    database: Database, postgres_url: str
) -> None:
    with other_process(WRITE_AND_HANG, postgres_url) as hung:
        assert hung.stdout is not None
        assert hung.stdout.readline() == 'in the middle\n'
        started = time.monotonic()
        create_todo(database, {'title': 'Of another one'})
        assert time.monotonic() - started < BUSY_TIMEOUT, 'writers are refused after that'
        os.kill(hung.pid, signal.SIGCONT)
        assert hung.stdout.readline().startswith('refused:'), 'it is told that nothing was written'
    with database.read() as session:
        assert [row['title'] for row in TODOS.snapshot(session).rows] == ['Of another one']


def test_others_publish_whenever_a_process_hangs_that_publishes(postgres_url: str) -> None:
    cable = PostgresCable(postgres_url)
    cable.start()
    with ThreadPoolExecutor(1) as threads:
        with other_process(PUBLISH, postgres_url) as hung:
            assert hung.stdout is not None
            assert hung.stdout.readline() == 'ready\n'
            for _ in range(50):
                time.sleep(random.random() * 0.005)  # the worst moment is one of these
                os.kill(hung.pid, signal.SIGSTOP)
                threads.submit(cable.publish, 'todos', b'from another one').result(timeout=4)
                os.kill(hung.pid, signal.SIGCONT)
        cable.stop()
