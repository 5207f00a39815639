"""What several test modules share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import PostgresServer, running_postgres
from todosync.database import Database
from todosync.models import TODOS


@pytest.fixture(scope='session')
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for all tests of a run."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_of_its_own() -> Iterator[PostgresServer]:
    """A PostgreSQL server that a test may stop."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """The URL of an empty PostgreSQL database."""
    return postgres.create_database()


@pytest.fixture(params=['sqlite', 'postgresql'])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, one of each kind."""
    if request.param == 'postgresql':
        return str(request.getfixturevalue('postgres_url'))
    return f'sqlite:///{tmp_path / "todos.sqlite3"}'


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with the todos' schema and change log, one of each kind."""
    database = Database(database_url)
    database.migrate()
    database.install_change_log(TODOS)
    yield database
    database.close()
