"""The connection goes down during a commit: who wrote is told that the outcome is not known, and not that it failed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import make_url

from tests.jobs.functions import lines, owned, settled, write_line
from tests.waiting import wait_until
from tests.writing import create_todo
from todos.models import TODOS
from todosync.database.database import Database
from todosync.database.errors import DatabaseUnavailableError, UnknownOutcomeError
from todosync.http import RefusalRoute
from todosync.jobs import Jobs

NAME = '.s.PGSQL.5432'


class Wire:
    """A way to PostgreSQL that is cut at a word of the client's, before or after the server has it.

    :param server: the server's Unix socket
    :param directory: where the wire's own socket is made
    """

    def __init__(self, server: Path, directory: Path) -> None:
        self._server = server
        self._listener = socket.socket(socket.AF_UNIX)
        self.directory = directory
        self._listener.bind(str(directory / NAME))
        self._listener.listen()
        self.cut_at: bytes | None = None
        self.is_delivered = True
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._server))
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if self.cut_at is not None and self.cut_at in data:
                    if self.is_delivered:
                        source.shutdown(socket.SHUT_RDWR)  # the answer does not come
                        target.sendall(data)
                        target.shutdown(socket.SHUT_WR)
                        while target.recv(65_536):
                            pass
                    break
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    server = Path(str(make_url(postgres_url).query['host']))
    wire = Wire(server / NAME, tmp_path_factory.mktemp('wire'))
    yield wire
    wire.close()


@pytest.fixture
def database_url(wire: Wire, postgres_url: str) -> str:
    """The URL of a database at the end of the wire."""
    return make_url(postgres_url).update_query_dict({'host': str(wire.directory)}).render_as_string(hide_password=False)


def titles(database: Database) -> list[str]:
    with database.read() as session:
        return [row['title'] for row in TODOS.snapshot(session).rows]


@pytest.mark.parametrize('is_delivered', [True, False])
def test_a_commit_whose_answer_is_lost_may_have_been_made(
    database: Database, wire: Wire, *, is_delivered: bool
) -> None:
    wire.cut_at, wire.is_delivered = b'COMMIT\0', is_delivered  # not READ COMMITTED
    with pytest.raises(UnknownOutcomeError):
        create_todo(database, {'title': 'Buy milk'})
    wire.cut_at = None
    assert titles(database) == ['Buy milk'] * is_delivered


def test_a_request_is_told_to_look_before_it_is_sent_again(database: Database, wire: Wire) -> None:
    router = APIRouter(route_class=RefusalRoute)

    @router.post('/todos')
    def create() -> None:
        create_todo(database, {'title': 'Buy milk'})

    app = FastAPI()
    app.include_router(router)
    wire.cut_at = b'COMMIT\0'
    answer = TestClient(app).post('/todos', json={})
    assert answer.status_code == 503
    assert 'nothing was changed' not in answer.text
    assert 'look whether it was, before you try again' in answer.text


def test_what_is_lost_before_the_commit_was_not_written(database: Database, wire: Wire) -> None:
    wire.cut_at, wire.is_delivered = b'INSERT INTO todos', True
    with pytest.raises(DatabaseUnavailableError) as raised:
        create_todo(database, {'title': 'Buy milk'})
    assert not isinstance(raised.value, UnknownOutcomeError)
    wire.cut_at = None
    assert titles(database) == []


@pytest.mark.parametrize('is_delivered', [True, False])
def test_a_job_may_have_been_added_and_runs_then(
    database_url: str, wire: Wire, tmp_path: Path, *, is_delivered: bool
) -> None:
    path = str(tmp_path / 'lines')
    jobs = Jobs(database_url)
    jobs.start()
    wait_until(lambda: owned(jobs))
    wire.cut_at, wire.is_delivered = b'COMMIT\0', is_delivered
    with pytest.raises(UnknownOutcomeError):
        jobs.enqueue(write_line, path, 'milk')
    wire.cut_at = None
    jobs.enqueue(write_line, path, 'bread')
    wait_until(lambda: settled(jobs))
    assert sorted(lines(path)) == ['bread', 'milk'][: 1 + is_delivered]
    jobs.stop()
