"""The library without the app: a project of one's own gets what it asks for, and nothing of the todo list."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.server import ROOT, RunningServer, running_server
from tests.waiting import wait_until

MAIN = """
import gc, sys
from nicegui import app, ui
from sqlmodel import Field, SQLModel

import todosync


class Todo(SQLModel, table=True):
    __tablename__ = 'todos'  # as the app's, with other columns

    id: int | None = Field(default=None, primary_key=True)
    what: str
    hours: float = 0.5


TODOS = todosync.Stream(Todo)
settings = todosync.Settings.from_environment()
todosync.setup(settings, streams=[TODOS])


@ui.page('/')
def index():
    view = todosync.use_stream(TODOS)
    with todosync.LiveList(view, text='what', row_height=24):
        ui.element('span').props(':textContent=props.row.what')


@app.get('/process')
def process():
    routes = [str(getattr(route, 'path', '')) for route in app.routes]
    rooms = [name for name in sys.modules if name.split('.')[0] in ('todos', 'components', 'todosync')]
    return {'routes': routes, 'modules': rooms, 'gc': gc.get_threshold(), 'frozen': gc.get_freeze_count()}


ui.run(**todosync.run_options(settings))
"""
ENV_PY = """
from alembic import context

context.configure(connection=context.config.attributes['connection'], transactional_ddl=False, render_as_batch=True)
context.run_migrations()
"""
MIGRATION = """
import sqlalchemy
from alembic import op

revision = 'first'
down_revision = None


def upgrade():
    op.create_table(
        'todos',
        sqlalchemy.Column('id', sqlalchemy.Integer, primary_key=True),
        sqlalchemy.Column('what', sqlalchemy.Text, nullable=False, server_default='nothing'),
        sqlalchemy.Column('hours', sqlalchemy.Float, nullable=False, server_default='2'),
    )
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The program of a project that is not the app."""
    main = tmp_path / 'main.py'
    main.write_text(MAIN)
    return main


@pytest.fixture(scope='module')
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp('project')
    (folder / 'main.py').write_text(MAIN)
    with running_server(folder / 'storage', main=folder / 'main.py') as server:
        yield server


def database(server: RunningServer) -> Path:
    return Path(server.database_url.removeprefix('sqlite:///'))


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return {name for (name,) in found}


def titles(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [what for (what,) in connection.execute('SELECT what FROM todos ORDER BY id')]


def fresh_thresholds() -> list[int]:
    """Return the settings of the garbage collector with which Python begins."""
    program = [sys.executable, '-c', 'import gc; print(*gc.get_threshold())']
    return list(map(int, subprocess.run(program, capture_output=True, text=True, check=True).stdout.split()))


def todosync_command(server: RunningServer, *arguments: str) -> str:
    """Run the command as the operator of the project does."""
    found = subprocess.run(
        [sys.executable, '-m', 'todosync', *arguments],
        env={**server.environment, 'TODOSYNC_ENV': 'development'},
        cwd=server.storage,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def test_every_room_is_in_the_wheel() -> None:
    listed = tomllib.loads((ROOT / 'pyproject.toml').read_text())['tool']['setuptools']['packages']
    rooms = {'.'.join(path.parent.relative_to(ROOT).parts) for path in (ROOT / 'todosync').rglob('__init__.py')}
    assert set(listed) == rooms | {'todosync.assets'}


def test_a_project_may_have_a_table_that_is_called_as_the_apps(server: RunningServer) -> None:
    server.execute("INSERT INTO todos(what, hours) VALUES ('Sleep', 8)")
    wait_until(lambda: b'"what":"Sleep","hours":8.0' in server.request('GET', '/', Accept='text/html')[1])
    assert tables(database(server)) == {'todos', 'todos_changes'}


def test_nothing_is_served_or_set_that_the_project_has_not_asked_for(server: RunningServer) -> None:
    _, process = server.request('GET', '/process')
    routes = {path for path in process['routes'] if not path.startswith('/_nicegui')}
    assert routes <= {'/', '/process', '/up', '/favicon.ico', ''}, routes
    for path in ('/todos', '/metrics', '/status', '/todos/export.csv', '/todos/export.json'):
        assert server.request('GET', path)[0] == 404, path
    assert process['gc'] == fresh_thresholds()
    assert process['frozen'] == 0
    rooms = {'.'.join(name.split('.')[:2]) for name in process['modules']}
    assert not rooms & {'todos', 'todosync.production', 'components', 'todosync.testing'}


def test_backups_and_restore_know_no_table_of_the_app(server: RunningServer) -> None:
    server.execute("INSERT INTO todos(what, hours) VALUES ('Kept', 1)")
    backup = todosync_command(server, 'backup').strip()
    server.execute("INSERT INTO todos(what, hours) VALUES ('Added later', 1)")
    wait_until(lambda: b'Added later' in server.request('GET', '/', Accept='text/html')[1])
    todosync_command(server, 'restore', backup, '--yes')
    wait_until(lambda: b'Added later' not in server.request('GET', '/', Accept='text/html')[1])
    assert titles(database(server))[-1] == 'Kept'
    assert tables(database(server)) == {'todos', 'todos_changes'}


def test_only_the_projects_own_migrations_are_run(project: Path, tmp_path: Path) -> None:
    versions = tmp_path / 'migrations' / 'versions'
    versions.mkdir(parents=True)
    (versions.parent / 'env.py').write_text(ENV_PY)
    (versions / 'first.py').write_text(MIGRATION)
    with running_server(tmp_path / 'storage', main=project, MIGRATIONS=versions.parent) as server:
        server.execute('INSERT INTO todos(id) VALUES (1)')
        wait_until(lambda: b'"what":"nothing","hours":2.0' in server.request('GET', '/', Accept='text/html')[1])
        assert tables(database(server)) == {'todos', 'todos_changes', 'alembic_version'}


def test_a_project_without_streams_has_no_table(project: Path, tmp_path: Path) -> None:
    project.write_text("""
from nicegui import ui
import todosync
settings = todosync.Settings.from_environment()
todosync.setup(settings)
@ui.page('/')
def index(): ui.label('here')
ui.run(**todosync.run_options(settings))
""")
    with running_server(tmp_path / 'storage', main=project) as server:
        assert server.request('GET', '/up')[1]['versions'] == {}
        assert tables(database(server)) == set()
