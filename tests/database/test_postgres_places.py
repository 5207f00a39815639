"""Where a PostgreSQL URL may lead: to several hosts, of which one is the primary; not to a connection pooler."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.postgres import PostgresServer, running_postgres
from tests.server import RunningServer, free_port
from tests.waiting import wait_until
from tests.writing import create_todo
from todos import MIGRATIONS
from todos.models import TODOS
from todosync.cable.postgres import PostgresCable
from todosync.database.database import Database
from todosync.database.errors import DatabaseUnavailableError

PGBOUNCER = shutil.which('pgbouncer') or '/usr/sbin/pgbouncer'


@pytest.fixture(params=['', 'ignore_startup_parameters = options'], ids=['as it is', 'options ignored'])
def pooler_url(request: pytest.FixtureRequest, postgres_url: str, tmp_path: Path) -> Iterator[str]:
    """The URL of PgBouncer in transaction mode, in front of an empty database."""
    if not Path(PGBOUNCER).exists():
        pytest.skip('PgBouncer is not installed')
    url, port, user = make_url(postgres_url), free_port(), 'postgres' if os.getuid() == 0 else ''
    directory = Path(str(url.query['host'])) / f'pgbouncer-{port}'  # which the server's user may enter
    directory.mkdir()
    directory.chmod(0o755)  # whatever umask an app has left in this process
    (directory / 'users').write_text('"postgres" ""\n')
    (directory / 'ini').write_text(
        f'[databases]\n{url.database} = host={url.query["host"]} user=postgres\n'
        f'[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n'
        f'pool_mode = transaction\n{request.param}\n'
    )
    for path in directory.iterdir():
        path.chmod(0o644)
    as_user = ['setpriv', '--reuid', user, '--regid', user, '--clear-groups'] if user else []
    pooler = subprocess.Popen([*as_user, PGBOUNCER, str(directory / 'ini')], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: listens(port))
        yield f'postgresql+psycopg://postgres@127.0.0.1:{port}/{url.database}'
    finally:
        pooler.terminate()
        pooler.wait()


def listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0


def test_a_connection_pooler_is_refused_in_one_sentence(pooler_url: str) -> None:
    with closing(Database(pooler_url, migrations=MIGRATIONS)) as database:
        with pytest.raises(DatabaseUnavailableError) as refused:
            database.migrate()
        assert 'connection pooler' in str(refused.value)
        assert 'name PostgreSQL itself' in str(refused.value)


def test_a_server_says_so_at_start(pooler_url: str, tmp_path: Path) -> None:
    server = RunningServer(tmp_path, ENV='production', DATABASE_URL=pooler_url)
    server.command.insert(1, '-u')
    process = subprocess.Popen(
        server.command,
        env=server.environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        told = next(line for line in process.stdout if 'cannot start' in line)
        assert 'a connection pooler such as PgBouncer' in told
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def standby() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


def test_a_url_of_several_hosts_leads_to_the_one_that_takes_writes(
    postgres: PostgresServer, standby: PostgresServer
) -> None:
    database_name = make_url(postgres.create_database()).database
    standby.stop()
    url = (
        f'postgresql+psycopg://postgres@/{database_name}?host={standby.directory},{postgres.directory}'
        '&port=5432,5432&target_session_attrs=read-write'
    )
    calls: list[None] = []
    messages: list[bytes] = []
    with closing(Database(url, migrations=MIGRATIONS)) as database:
        database.migrate()
        database.install_change_log(TODOS.log_table)
        signal = database.commit_signal(0.01, lambda: calls.append(None))
        signal.start()
        cable = PostgresCable(url)
        cable.start()
        cable.subscribe('todos', messages.append)
        wait_until(lambda: calls)
        known = len(calls)
        create_todo(database, {'title': 'Buy milk'})
        cable.publish('todos', b'told')
        wait_until(lambda: len(calls) > known and messages == [b'told'])
        cable.stop()
        signal.stop()
