"""What teams install: the wheel, in environments that hold nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import Chromium, eventually, three_tabs
from tests.server import ROOT, RunningServer, free_port, outer_environment
from tests.test_library import MAIN
from todosync import __version__

pytestmark = pytest.mark.long

README = (ROOT / 'README.md').read_text()
EXTRAS = ('production', 'postgres', 'test')
NO_INDEX = re.compile('No matching distribution|Could not find a version|connection broken|Connection|timed out', re.I)
PYTEST_SECTION = re.search(r'```toml\n(\[tool\.pytest.*?)```', README, re.S)


class Environment:
    """A virtual environment, in which only what is installed here is found.

    :param folder: where it is made
    :param requirement: what is installed: never what would have to be compiled
    """

    def __init__(self, folder: Path, requirement: str) -> None:
        self.python = folder / 'bin' / 'python'
        subprocess.run([sys.executable, '-m', 'venv', str(folder)], check=True)
        pip(self.python, 'install', '--only-binary', ':all:', requirement)

    def run(self, *command: str, folder: Path, **settings: str) -> str:
        """Run a program of the environment, and return what it says; where it ends with an error, too."""
        program = self.python.with_name(command[0])
        found = subprocess.run(
            [str(program), *command[1:]],
            cwd=folder,
            env=outer_environment() | {f'TODOSYNC_{name}': value for name, value in settings.items()},
            capture_output=True,
            text=True,
            check=False,
        )
        return found.stdout + found.stderr


def pip(python: Path, *arguments: str) -> None:
    command = [str(python), '-m', 'pip', '--disable-pip-version-check', '--no-input', *arguments]
    found = subprocess.run(command, env=outer_environment(), capture_output=True, text=True, check=False)
    if found.returncode and NO_INDEX.search(found.stderr):
        pytest.skip(f'left out, as the package index cannot be reached: {found.stderr.strip().splitlines()[-1]}')
    assert found.returncode == 0, found.stderr


@pytest.fixture(scope='module')
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, target = tmp_path_factory.mktemp('source'), tmp_path_factory.mktemp('wheel')
    for folder in ('todosync', 'assets', 'todos', 'components'):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns('__pycache__'))
    for file in ('pyproject.toml', 'README.md', 'LICENSE', 'main.py'):
        shutil.copy(ROOT / file, source)
    pip(Path(sys.executable), 'wheel', '--quiet', '--no-deps', '--wheel-dir', str(target), str(source))
    [wheel] = target.glob('*.whl')
    return wheel


@pytest.fixture(scope='module')
def plain(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The library alone."""
    return Environment(tmp_path_factory.mktemp('plain'), str(wheel))


@pytest.fixture(scope='module')
def complete(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The library with all its extras."""
    return Environment(tmp_path_factory.mktemp('complete'), f'{wheel}[{",".join(EXTRAS)}]')


@contextmanager
def serving(environment: Environment, folder: Path, program: str, **settings: str) -> Iterator[RunningServer]:
    """Run a program in an environment."""
    (folder / 'main.py').write_text(program)
    server = RunningServer(folder / 'storage', main=folder / 'main.py', **settings)
    server.command[0] = str(environment.python)
    server.environment.pop('PYTHONPATH')
    server.start()
    try:
        yield server
    finally:
        server.stop()


def of_the_readme(name: str) -> str:
    [program] = re.findall(rf'```python\n# {re.escape(name)}\n(.*?)```', README, re.S)
    return str(program)


def test_the_wheel_holds_the_library_and_nothing_else(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    modules = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / 'todosync').rglob('*')
        if path.is_file() and '__pycache__' not in path.parts
    }
    browser = {f'todosync/{path.relative_to(ROOT).as_posix()}' for path in (ROOT / 'assets').rglob('*.js')}
    information = {name for name in names if name.startswith(f'todosync-{__version__}.dist-info/')}
    assert names == modules | browser | information
    assert {'todosync/py.typed', 'todosync/__init__.pyi', 'todosync/assets/leader.js'} <= names
    assert ZipFile(wheel).read(f'todosync-{__version__}.dist-info/top_level.txt') == b'todosync\n'


def test_the_line_that_shares_the_socket_loads_nothing_else(plain: Environment, tmp_path: Path) -> None:
    program = (
        'import sys, todosync; todosync.share_socket(); '
        "print([name for name in ('sqlalchemy', 'sqlmodel', 'apscheduler', 'alembic') if name in sys.modules])"
    )
    assert plain.run('python', '-c', program, folder=tmp_path).strip() == '[]'


@pytest.mark.parametrize('command', [('todosync',), ('python', '-m', 'todosync')])
def test_the_command_knows_its_version(command: tuple[str, ...], plain: Environment, tmp_path: Path) -> None:
    assert plain.run(*command, '--version', folder=tmp_path).strip() == f'todosync, version {__version__}'


def test_what_needs_an_extra_says_which(plain: Environment, tmp_path: Path) -> None:
    for command in ('serve', 'restart', 'health', 'collect-static'):
        (tmp_path / 'main.py').touch()
        (tmp_path / 'Caddyfile').touch()
        [line] = plain.run('todosync', command, folder=tmp_path).splitlines()
        assert line.startswith(f'Error: todosync {command} needs packages that are not installed: ')
        assert "pip install 'todosync[production]'" in line
    [line] = plain.run('todosync', 'backup', folder=tmp_path, DATABASE_URL='postgresql+psycopg://db/x').splitlines()
    assert "Error: PostgreSQL needs packages that are not installed: pip install 'todosync[postgres]'" in line
    for program, extra in {
        'todosync.setup(todosync.Settings(database_url="postgresql+psycopg://db/x"))': 'postgres',
        'todosync.add_production(todosync.setup())': 'production',
        'import todosync.testing': 'test',
    }.items():
        said = plain.run('python', '-c', f'import todosync; {program}', folder=tmp_path)
        assert f"pip install 'todosync[{extra}]'" in said.splitlines()[-1]


def test_operators_back_up_and_restore_without_an_extra(plain: Environment, tmp_path: Path) -> None:
    with serving(plain, tmp_path, MAIN, ENV='production') as server:
        server.execute("INSERT INTO todos(what, hours) VALUES ('Kept', 1)")
        settings = {'STORAGE_DIR': str(server.storage)}
        backup = plain.run('todosync', 'backup', folder=tmp_path, **settings).strip()
        server.execute('DELETE FROM todos')
        assert 'restored' in plain.run('todosync', 'restore', backup, '--yes', folder=tmp_path, **settings)
        eventually(lambda: b'Kept' in server.request('GET', '/', Accept='text/html')[1])


def test_the_one_line_of_the_readme_runs_in_a_browser(plain: Environment, chromium: Chromium, tmp_path: Path) -> None:
    port = free_port()
    options = f"reload=False, show=False, host='127.0.0.1', port={port})"
    (tmp_path / 'share.py').write_text(of_the_readme('share.py').replace('reload=False)', options))
    process = subprocess.Popen([str(plain.python), 'share.py'], cwd=tmp_path, env=outer_environment())
    try:
        with three_tabs(chromium, f'http://127.0.0.1:{port}/') as pages:
            for page in pages:
                page.get_by_role('button', name='Hello').click()
                page.get_by_text('from whichever tab').wait_for()
    finally:
        process.terminate()
        process.wait(20)


def test_the_stream_of_the_readme_runs_in_a_browser(plain: Environment, chromium: Chromium, tmp_path: Path) -> None:
    with serving(plain, tmp_path, of_the_readme('notes.py')) as server, three_tabs(chromium, server.url) as pages:
        pages[1].get_by_label('New note').fill('Call Ann')
        pages[1].get_by_label('New note').press('Enter')
        for page in pages:
            page.get_by_text('0 of 1 notes are urgent').wait_for()
            expect(page.get_by_role('listitem').get_by_role('textbox')).to_have_value('Call Ann')


@pytest.mark.parametrize('env', ['development', 'production'])
def test_an_app_of_ones_own_runs_in_a_browser(env: str, plain: Environment, chromium: Chromium, tmp_path: Path) -> None:
    with serving(plain, tmp_path, MAIN, ENV=env) as server, three_tabs(chromium, server.url) as pages:
        server.execute("INSERT INTO todos(what, hours) VALUES ('Sleep', 8)")
        for page in pages:
            page.get_by_text('Sleep').wait_for()


def test_a_deployment_of_ones_own_runs(complete: Environment, chromium: Chromium, tmp_path: Path) -> None:
    program = MAIN.replace('todosync.setup(settings', 'server = todosync.setup(settings').replace(
        '@ui.page', 'todosync.add_production(server)\n\n@ui.page', 1
    )
    with serving(complete, tmp_path, program, ENV='production') as server:
        with three_tabs(chromium, server.url) as pages:
            server.execute("INSERT INTO todos(what, hours) VALUES ('Sleep', 8)")
            for page in pages:
                page.get_by_text('Sleep').wait_for()
        assert b'todosync_browsers' in server.request('GET', '/metrics')[1]
        said = complete.run(
            'todosync', 'health', folder=tmp_path, STORAGE_DIR=str(server.storage), PORT=str(server.port)
        )
        assert said == 'app: ok\n'


def test_a_team_tests_its_app_with_the_extra(complete: Environment, tmp_path: Path) -> None:
    assert PYTEST_SECTION is not None
    shutil.copytree(ROOT / 'examples', tmp_path / 'examples', ignore=shutil.ignore_patterns('__pycache__'))
    (tmp_path / 'pyproject.toml').write_text(PYTEST_SECTION[1])
    for name in ('tasks.py', 'test_tasks.py'):
        (tmp_path / name).write_text(of_the_readme(name))
    for tests in ('examples', 'test_tasks.py'):
        said = complete.run('python', '-m', 'pytest', '-q', tests, folder=tmp_path)
        assert re.search(r'^\d+ passed in', said, re.M), said
