"""What operators type."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any
from xmlrpc.client import Fault
from xmlrpc.server import SimpleXMLRPCDispatcher, SimpleXMLRPCRequestHandler

import brotli
import nicegui
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text
from supervisor.xmlrpc import Faults, getFaultDescription

from tests.databases import execute, other_program
from tests.server import ROOT, free_port
from todos import MIGRATIONS
from todosync import Settings, __version__
from todosync.production import static_files, supervision
from todosync.production.cli import cli
from todosync.tabs.modules import Modules

Run = Callable[..., Result]


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    return tmp_path / 'storage'


@pytest.fixture
def run(storage: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command as an operator does, on a storage directory of the test's own."""
    for name in [name for name in os.environ if name.startswith('TODOSYNC_')]:
        monkeypatch.delenv(name)
    monkeypatch.setenv('TODOSYNC_STORAGE_DIR', str(storage))
    monkeypatch.setenv('TODOSYNC_PORT', str(free_port()))
    monkeypatch.setenv('TODOSYNC_ENV', 'production')
    monkeypatch.setenv('TODOSYNC_MIGRATIONS', str(MIGRATIONS))
    monkeypatch.setattr(os, 'execv', lambda *command: pytest.fail('the tests would become a supervisor'))

    def run(*arguments: str, **variables: str) -> Result:
        for name, value in variables.items():
            monkeypatch.setenv(f'TODOSYNC_{name}', value)
        return CliRunner().invoke(cli, arguments)

    return run


class Supervisor:
    """What supervisord answers of one app process, in moments in which a real one is only by chance.

    :param refused: the code of the fault with which a call is refused, by its name
    """

    def __init__(self, **refused: int) -> None:
        self._refused = refused

    def _dispatch(self, method: str, arguments: tuple[Any, ...]) -> Any:
        name = method.removeprefix('supervisor.')
        process = {'group': 'app', 'name': 'app-0', 'statename': 'EXITED', 'pid': os.getpid()}
        if name in self._refused and arguments[0] != 'static':
            raise Fault(self._refused[name], f'{getFaultDescription(self._refused[name])}: {arguments[0]}')
        answers = {'getPID': os.getpid(), 'getAllProcessInfo': [process], 'getProcessInfo': process}
        return answers.get(name, True)


@contextmanager
def answering(path: Path, supervisor: Supervisor) -> Iterator[None]:
    """Have a supervisor answer at a Unix socket."""

    class Handler(SimpleXMLRPCRequestHandler):
        disable_nagle_algorithm = False  # a Unix socket has none

    class Server(ThreadingUnixStreamServer, SimpleXMLRPCDispatcher):
        logRequests = False  # noqa: N815 - the name is the library's

    server = Server(str(path), Handler)
    SimpleXMLRPCDispatcher.__init__(server)
    server.register_instance(supervisor)
    with serving(server):
        yield


@contextmanager
def healthy(path: Path) -> Iterator[None]:
    """Have a process that is well answer at a Unix socket."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(HTTPStatus.OK)
            self.end_headers()
            self.wfile.write(b'{"status": "ok"}')

        def log_message(self, *message: object) -> None:
            pass

    with serving(ThreadingUnixStreamServer(str(path), Handler)):
        yield


@contextmanager
def serving(server: ThreadingUnixStreamServer) -> Iterator[None]:
    server.daemon_threads = True
    with server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def titles(storage: Path) -> list[str]:
    rows = sqlite3.connect(storage / 'production.sqlite3').execute('SELECT title FROM todos ORDER BY id')
    return [title for (title,) in rows]


def add(storage: Path, title: str) -> None:
    with sqlite3.connect(storage / 'production.sqlite3') as connection:
        connection.execute('INSERT INTO todos(title) VALUES (?)', (title,))


def test_migrating_makes_a_database_and_does_nothing_where_it_is_up_to_date(run: Run, database_url: str) -> None:
    for _ in range(2):
        result = run('migrate', DATABASE_URL=database_url)
        assert (result.exit_code, result.output) == (0, 'the database is up to date\n')
    with other_program(database_url) as connection:
        connection.execute(text("INSERT INTO todos(title) VALUES ('Buy milk')"))
    run('migrate')
    with other_program(database_url) as connection:
        assert connection.execute(text('SELECT title FROM todos')).all() == [('Buy milk',)]


def test_migrations_are_taken_back_for_an_older_release_and_nothing_is_lost(run: Run, database_url: str) -> None:
    run('migrate', DATABASE_URL=database_url)
    execute(database_url, "INSERT INTO todos(title) VALUES ('Buy milk')")
    result = run('migrate', '--back-to', '0001')
    assert (result.exit_code, result.output) == (0, 'the database is at 0001\n')
    execute(database_url, "INSERT INTO todos(title) VALUES ('\u200b')")  # which the older release takes
    assert run('migrate').output == 'the database is up to date\n'
    with other_program(database_url) as connection:
        assert connection.execute(text('SELECT count(*) FROM todos')).scalar() == 2
    result = run('migrate', '--back-to', 'nonsense')
    assert result.exit_code == 1
    assert 'nonsense' in result.output


def test_a_release_goes_on_with_a_database_that_a_newer_one_has_migrated(run: Run, database_url: str) -> None:
    run('migrate', DATABASE_URL=database_url)
    execute(database_url, "UPDATE alembic_version SET version_num = '9999'")
    assert run('migrate').output == 'the database is up to date\n'


def test_a_backup_brings_back_what_was_there(run: Run, database_url: str) -> None:
    run('migrate', DATABASE_URL=database_url)
    execute(database_url, "INSERT INTO todos(title) VALUES ('Kept')")
    backup = run('backup').output.strip()
    assert run('backups').output.split() == [backup]
    execute(database_url, "INSERT INTO todos(title) VALUES ('Added later')")
    result = run('restore', backup, '--yes')
    assert result.exit_code == 0, result.output
    with other_program(database_url) as connection:
        assert connection.execute(text('SELECT title FROM todos')).all() == [('Kept',)]


def test_a_second_installation_on_a_port_is_refused_in_a_sentence(run: Run) -> None:
    with socket.create_server(('127.0.0.1', 0)) as other:
        port = other.getsockname()[1]
        result = run('serve', str(ROOT / 'main.py'), PORT=str(port))
    assert result.exit_code == 1
    refusal = f'another program listens on 127.0.0.1:{port} already; stop it, or choose another port'
    assert result.output.startswith(f'Error: {refusal}'), 'and is not told before that it serves'


def test_an_installation_with_the_storage_directory_of_one_that_runs_is_refused_and_changes_nothing(
    run: Run, storage: Path
) -> None:
    directory = supervision.runtime_directory(Settings(storage_dir=storage))
    configuration = directory / 'supervisord.conf'
    configuration.write_text('of the one that runs')
    with answering(directory / 'supervisor.sock', Supervisor()):
        result = run('serve', str(ROOT / 'main.py'), '--caddyfile', str(ROOT / 'Caddyfile'))
    refusal = f'{storage} is being served already, by supervisord (process {os.getpid()}); stop that, or choose another'
    assert result.output.startswith(f'Error: {refusal}')
    assert configuration.read_text() == 'of the one that runs'


def test_a_process_that_ends_by_itself_between_its_stop_and_its_start_is_restarted_all_the_same(
    run: Run, storage: Path
) -> None:
    directory = supervision.runtime_directory(Settings(storage_dir=storage))
    supervisor = Supervisor(stopProcess=Faults.NOT_RUNNING, startProcess=Faults.ALREADY_STARTED)
    with answering(directory / 'supervisor.sock', supervisor), healthy(directory / 'app-0.sock'):
        result = run('restart')
    assert (result.exit_code, result.output) == (0, 'app-0 is restarted and healthy\n')


def test_what_supervisord_refuses_ends_a_restart_in_a_sentence(run: Run, storage: Path) -> None:
    directory = supervision.runtime_directory(Settings(storage_dir=storage))
    with answering(directory / 'supervisor.sock', Supervisor(startProcess=Faults.SPAWN_ERROR)):
        result = run('restart')
    assert result.exit_code == 1
    assert result.output.startswith('Error: no more is restarted: supervisord refuses it: SPAWN_ERROR: ')


def test_what_a_restore_replaces_is_kept_and_can_be_opened(run: Run, storage: Path) -> None:
    run('migrate')
    add(storage, 'Kept')
    backup = run('backup').output.strip()
    add(storage, 'Added later')
    replaced = Path(run('restore', backup, '--yes').output.split()[-1])
    rows = sqlite3.connect(replaced).execute('SELECT title FROM todos ORDER BY id').fetchall()
    assert rows == [('Kept',), ('Added later',)]


def test_without_the_migrations_nothing_is_called_up_to_date(
    run: Run, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run('migrate')
    backup = run('backup').output.strip()
    add(storage, 'Still there')
    monkeypatch.delenv('TODOSYNC_MIGRATIONS')
    for command in (['migrate'], ['restore', backup, '--yes']):
        result = run(*command)
        assert result.exit_code == 1
        assert 'set TODOSYNC_MIGRATIONS to the directory' in result.output
    assert titles(storage) == ['Still there']
    result = run('migrate', MIGRATIONS=str(storage))
    assert isinstance(result.exception, SystemExit)
    assert (
        str(result.exception.code) == 'TODOSYNC_MIGRATIONS: should be a directory of Alembic migrations, with an env.py'
    )


def test_the_version_is_that_of_the_package(run: Run) -> None:
    assert run('--version').output == f'todosync, version {__version__}\n'


def test_restoring_asks_first(run: Run, storage: Path) -> None:
    run('migrate')
    backup = run('backup').output.strip()
    add(storage, 'Still there')
    assert run('restore', backup).exit_code == 1  # nobody says yes
    assert titles(storage) == ['Still there']


def test_what_is_no_backup_is_refused_and_nothing_changes(run: Run, storage: Path, tmp_path: Path) -> None:
    run('migrate')
    add(storage, 'Still there')
    (tmp_path / 'letter.txt').write_text('Dear all')
    for path in (tmp_path / 'letter.txt', tmp_path / 'nothing'):
        result = run('restore', str(path), '--yes')
        assert result.exit_code == 1
        assert str(path) in result.output
    assert titles(storage) == ['Still there']


def test_what_cannot_be_backed_up_or_restored_now_is_explained(run: Run, tmp_path: Path) -> None:
    (tmp_path / 'some.dump').touch()
    for command in (['backup'], ['restore', str(tmp_path / 'some.dump'), '--yes']):
        result = run(*command, DATABASE_URL='postgresql+psycopg://nobody@127.0.0.1:1/nothing')
        assert result.exit_code == 1
        assert re.match(r'Error: (no backup was made|not restored): ', result.output)


def test_commands_for_another_storage_directory_than_the_one_that_is_served_name_it(run: Run, storage: Path) -> None:
    assert run('backup').output == f'Error: no backup was made: there is no database {storage}/production.sqlite3\n'
    assert f'nothing is being served from {storage} by this user' in run('restart').output


def test_a_wrong_setting_is_named_without_a_traceback(run: Run) -> None:
    result = run('serve', str(ROOT / 'main.py'), '--caddyfile', str(ROOT / 'Caddyfile'), PROCESSES='none')
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert 'TODOSYNC_PROCESSES' in str(result.exception.code) + result.output


@pytest.mark.parametrize('command', ['health', 'restart'])
def test_where_nothing_runs_the_operator_is_told_so(run: Run, command: str) -> None:
    result = run(command)
    assert result.exit_code == 1
    assert 'Error: no' in result.output


def test_the_collected_files_are_those_that_pages_ask_for(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static_files, 'QUALITY', 1)  # the best takes half a minute
    result = run('collect-static', STATIC_DIR=str(tmp_path / 'static'))
    assert re.fullmatch(r'\d+ files written to .*\n', result.output)
    vue = tmp_path / 'static' / f'_nicegui/{nicegui.__version__}/static/vue.esm-browser.prod.js'
    assert brotli.decompress(vue.with_name(f'{vue.name}.br').read_bytes()) == vue.read_bytes()
    modules = Modules()
    for name, content in modules.scripts.items():
        assert (tmp_path / 'static' / modules.url.lstrip('/') / name).read_bytes() == content
    assert not hidden_files(tmp_path / 'static'), 'drafts are left'
    assert run('collect-static').output.startswith('0 files written')


def test_what_a_killed_collector_has_left_goes_and_what_another_one_writes_stays(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static_files, 'QUALITY', 1)
    directory = tmp_path / 'static' / static_files.NICEGUI_URL / 'static'
    directory.mkdir(parents=True)
    left, written = directory / '.nicegui.js.4711', directory / '.nicegui.js.4712'
    for draft in (left, written):
        draft.write_text('half a fi')
    os.utime(left, (0, 0))
    run('collect-static', STATIC_DIR=str(tmp_path / 'static'))
    assert hidden_files(tmp_path / 'static') == [written]


def hidden_files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob('.*') if path.is_file()]


def test_the_sockets_are_where_only_this_user_can_reach_them(storage: Path) -> None:
    settings = Settings(storage_dir=storage)
    directory = supervision.runtime_directory(settings)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert directory == supervision.runtime_directory(settings)
    assert directory != supervision.runtime_directory(Settings(storage_dir=storage / 'other'))
    directory.chmod(0o777)
    with pytest.raises(PermissionError, match=directory.name):
        supervision.runtime_directory(settings)
    directory.rmdir()


def test_every_command_says_what_it_does_and_is_in_the_operations_guide() -> None:
    guide = (ROOT / 'docs' / 'operations.md').read_text()
    for name, command in cli.commands.items():
        assert command.help, name
        assert f'todosync {name}' in guide, name
