"""What several test modules share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.databases import KINDS
from tests.postgres import PostgresServer, running_postgres
from todos import MIGRATIONS
from todos.models import TODOS
from todosync import Settings
from todosync.assembly import SyncServer
from todosync.database.database import Database
from todosync.runtime import set_current_server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        '--database', choices=KINDS, help='run every test that uses a database on this kind only (default: on each)'
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if 'database_kind' in metafunc.fixturenames:
        chosen = metafunc.config.getoption('--database')
        default = KINDS[:1] if metafunc.definition.get_closest_marker('any_database') else KINDS
        metafunc.parametrize('database_kind', [chosen] if chosen else default, scope='module')


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


@pytest.fixture(scope='module')
def new_database(
    request: pytest.FixtureRequest, database_kind: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], str]:
    """Makes an empty database, and returns its URL; a test that uses it runs on each kind."""
    if database_kind == 'postgresql':
        postgres: PostgresServer = request.getfixturevalue('postgres')
        return postgres.create_database
    return lambda: f'sqlite:///{tmp_path_factory.mktemp("database") / "todos.sqlite3"}'


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    """The URL of an empty database, one of each kind."""
    return new_database()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with the todos' schema and change log, one of each kind."""
    database = Database(database_url, migrations=MIGRATIONS)
    database.migrate()
    database.install_change_log(TODOS.log_table)
    yield database
    database.close()


@pytest.fixture
def page_database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of the empty database that the pages of this test use, one of each kind."""
    monkeypatch.setenv('TODOSYNC_DATABASE_URL', database_url)
    return database_url


@pytest.fixture(params=['development', 'production', 'postgresql'])
def open_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SyncServer]:
    """A server of the todos whose parts are open, without an app around it."""
    url = request.getfixturevalue('postgres_url') if request.param == 'postgresql' else None
    env = 'development' if request.param == 'development' else 'production'
    settings = Settings(env=env, storage_dir=tmp_path, database_url=url, migrations=MIGRATIONS)
    server = SyncServer(settings, [TODOS])
    server.open()
    set_current_server(server)
    yield server
    server.close()
