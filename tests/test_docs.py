"""The documentation is true: its code runs, its tables are complete, and every public name has an example."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import itertools
import pkgutil
import re
import sys
import textwrap
import tomllib
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nicegui import run, ui
from nicegui.testing import User
from nicegui.testing.user_simulation import user_simulation

import components
import todos
import todos.testing
import todosync
import todosync.elements.lists
import todosync.elements.live
import todosync.testing
import todosync.testing.broadcasts
import todosync.testing.program
import todosync.testing.rows
import todosync.testing.storage
import todosync.testing.tabs
import todosync.testing.waiting
from tests.server import ROOT
from tests.waiting import wait_until
from todosync.testing import RowUser, another_program, todosync_storage

__all__ = ['todosync_storage']

CALLED_BY_THE_SERVER = {'refresh', 'set_role', 'close', 'hold', 'write_as', 'show', 'withhold', 'ask_browser'}
LONG = 260
"""Lines of a module, above which a reader may ask whether it holds several things."""
NAMES_OF_EXAMPLES = {
    'todosync': [todosync],
    'server': [todosync.SyncServer],
    'settings': [todosync.Settings],
    'database': [todosync.Database],
    'writer': [todosync.Writer],
    'write': [todosync.Write],
    'presence': [todosync.Presence],
    'view': [todosync.View, todos.TodoView],
    'NOTES': [todosync.Stream],
    'notes': [RowUser, todosync.LiveList],
    'todos': [todos.testing.TodoUser],
    'failed': [todosync.FailedExecution],
    'report': [todosync.ProcessReport],
    'ui': [ui],
    'run': [run],
}
"""What the names stand for in the examples of docstrings."""
README = (ROOT / 'README.md').read_text()
ARCHITECTURE = (ROOT / 'docs' / 'architecture.md').read_text()
STREAMS = (ROOT / 'docs' / 'streams.md').read_text()
PYTHON = {
    block.split('\n', 1)[0].removeprefix('# '): block
    for block in re.findall(r'```python\n(.*?)```', README + STREAMS, re.S)
}


@asynccontextmanager
async def running(tmp_path: Path, name: str) -> AsyncIterator[User]:
    """Run a snippet of the README as the app."""
    path = tmp_path / name
    path.write_text(PYTHON[name])
    async with user_simulation(main_file=path) as user:
        yield user


async def test_the_one_line_of_the_readme_shares_the_socket(tmp_path: Path) -> None:
    async with running(tmp_path, 'share.py') as user:
        await user.open('/')
        user.find('Hello').click()
        await user.should_see('from whichever tab')
        page = await user.http_client.get('/')
        assert '/_nicegui/todosync/' in page.text


def test_the_migrations_of_the_readme_run_as_those_of_the_app_do() -> None:
    ours = (ROOT / 'todos' / 'migrations' / 'env.py').read_text()
    said = PYTHON['migrations/env.py'].partition('\n')[2]
    assert ours.partition('"""\n\n')[2] == said


@pytest.mark.usefixtures('page_database')
async def test_the_page_of_the_readme_runs(tmp_path: Path) -> None:
    async with running(tmp_path, 'main.py') as user:
        await user.open('/')
        await user.should_see('0 todos')
        await user.should_see('This tab is a leader')
        user.find('Buy milk').click()
        await user.should_see('1 todos', retries=100)


async def test_the_broadcast_of_the_readme_runs(tmp_path: Path, todosync_storage: Path) -> None:
    namespace: dict[str, Any] = {}
    exec(compile(PYTHON['imports.py'], 'imports.py', 'exec'), namespace)
    async with running(tmp_path, 'main.py') as user:
        await user.open('/')
        namespace['import_titles'](todosync_storage / 'development.sqlite3', ['Buy milk', 'Call Ann'])
        await user.should_see('2 todos', retries=100)


@pytest.mark.usefixtures('page_database')
async def test_the_job_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'chores.py').write_text(PYTHON['chores.py'])
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop('chores', None)  # another test's module of this name
    chores = importlib.import_module('chores')
    async with running(tmp_path, 'main.py') as user:
        await user.open('/')
        jobs = todosync.current_server().jobs
        await asyncio.to_thread(wait_until, lambda: jobs.queue().is_owner)
        waiting = (await asyncio.to_thread(jobs.queue)).waiting
        await chores.add_next_week('Later')
        assert (await asyncio.to_thread(jobs.queue)).waiting == waiting + 1
        await asyncio.to_thread(todosync.enqueue, chores.add_chore, 'Now')
        await user.should_see('1 todos', retries=100)
    del sys.modules['chores']


async def test_the_stream_of_the_readme_runs(tmp_path: Path) -> None:
    async with running(tmp_path, 'notes.py') as user:
        await user.open('/')
        notes = RowUser(user, 'notes')
        user.find('New note').type('Call Ann')
        await notes.trigger('new-note', 'keydown.enter')
        assert [note['text'] for note in notes.rows()] == ['Call Ann']
        await notes.trigger('urgent', 'update:modelValue', notes.row()['id'], True)
        await user.should_see('1 of 1 notes are urgent', retries=100)
        await notes.trigger('text', 'blur', notes.row()['id'], ' ')
        await user.should_see('A note needs a text', retries=100)
        await notes.trigger('delete', 'click', notes.row()['id'])
        assert notes.rows() == []


@pytest.mark.usefixtures('page_database')
async def test_the_scopes_of_the_readme_run(tmp_path: Path) -> None:
    async with running(tmp_path, 'tasks.py') as user:
        user.http_client.headers['X-User'] = 'ann'
        await user.open('/projects/7')
        await user.should_see('You may not read this', retries=100)
        await another_program("INSERT INTO members(name, project_id) VALUES ('ann', 7)")
        await another_program("INSERT INTO tasks(project_id, title) VALUES (7, 'paint')")
        await user.should_see('paint', retries=100)
        assert RowUser(user, 'tasks', 7).row(title='paint')


@pytest.mark.usefixtures('page_database')
async def test_the_history_of_streams_runs(tmp_path: Path) -> None:
    async with running(tmp_path, 'history.py') as user:
        await user.open('/')
        errands = RowUser(user, todosync.current_server().streams[0])
        await errands.view.insert(text='Buy milk')
        await user.should_see('Buy milk', retries=100)
        await errands.write('update', errands.row(), text='Buy oats')
        await errands.trigger('tell', 'click', errands.row(text='Buy oats')['id'])
        await user.should_see('Somebody, insert: Buy milk', retries=100)
        await user.should_see('Somebody, update: Buy oats')
        await errands.write('delete', errands.row())
        user.find('Put back').click()
        await user.should_see('Buy oats', retries=100)


def test_all_python_of_the_readme_and_of_streams_is_run_here() -> None:
    programs = {'share.py', 'main.py', 'imports.py', 'chores.py', 'notes.py', 'tasks.py', 'history.py', 'test_tasks.py'}
    assert set(PYTHON) == programs | {'migrations/env.py'}
    # the tests of test_tasks.py are run in tests/testing


def test_the_readme_has_every_setting_with_its_default() -> None:
    rows = dict(re.findall(r'^\| `(TODOSYNC_\w+)` \|\s*(.*?)\s*\|', README, re.M))
    fields = todosync.Settings.model_fields
    expected = {f'TODOSYNC_{name.upper()}': field.default for name, field in fields.items()}
    assert list(rows) == list(expected), 'in the order of the class'
    for name, default in expected.items():
        given = default is not None and not repr(default).startswith('Pydantic')
        assert rows[name] == (f'`{default}`' if given else ''), name


def test_the_readme_names_every_value_of_a_view() -> None:
    for name, value in {**vars(todosync.View), **vars(todos.TodoView)}.items():
        if isinstance(value, type(todosync.View.role)):
            assert f'`{name}`' in README + STREAMS, name


def test_links_lead_somewhere() -> None:
    for document in [*ROOT.glob('*.md'), *(ROOT / 'docs').glob('*.md')]:
        for link in re.findall(r'\]\(([^)#]+)', document.read_text()):
            if not link.startswith('http'):
                assert (document.parent / link).exists(), f'{document.name} links to {link}'


@pytest.mark.parametrize('document', ['README.md', 'CONTRIBUTING.md', 'docs/architecture.md'])
def test_every_command_exists(document: str) -> None:
    targets = re.findall(r'^([a-z]+):', (ROOT / 'Makefile').read_text(), re.M)
    for command in re.findall(r'(?:`|    )make ([a-z]+)', (ROOT / document).read_text()):
        assert command in targets, command


@pytest.mark.parametrize(
    'document', ['CONTRIBUTING.md', *(f'docs/{path.name}' for path in (ROOT / 'docs').glob('*.md'))]
)
def test_every_path_exists(document: str) -> None:
    folders = 'assets|benchmarks|components|docs|examples|scripts|tests|todos|todosync'
    for path in re.findall(rf'`((?:{folders})/[^`\s]*)`', (ROOT / document).read_text()):
        assert any(ROOT.glob(path.rstrip('/'))), path


def test_every_name_of_the_architecture_exists() -> None:
    known = dict(names_of_the_code())
    for function in re.findall(r'`(\w+)\(\)`', ARCHITECTURE):
        assert callable(known.get(function)), function
    for owner, name in re.findall(r'`([A-Z]\w+)(?:\.(\w+))?`', ARCHITECTURE):
        assert owner in known, owner
        assert not name or name in dir(known[owner]) or f'self.{name} =' in inspect.getsource(known[owner]), name


def test_the_architecture_says_which_room_may_import_which() -> None:
    rows = re.findall(r'^\| `(\w+)` \| .* \| (.*) \|$', ARCHITECTURE, re.M)
    said = {room: set(re.findall(r'`(\w+)`', may_import)) for room, may_import in rows}
    contracts = tomllib.loads((ROOT / 'pyproject.toml').read_text())['tool']['importlinter']['contracts']
    (layers,) = [
        [set(layer.split(' | ')) for layer in found['layers']] for found in contracts if found['id'] == 'house'
    ]
    (alone,) = [found['source_modules'] for found in contracts if found['id'] == 'tabs-alone']
    expected = {
        room: set() if f'todosync.{room}' in alone else lower
        for upper, lower in itertools.pairwise([*layers, set()])
        for room in upper - {'__main__'}
    }
    assert said == expected


def test_a_long_module_says_at_its_top_why() -> None:
    for folder in ('todosync', 'todos', 'components', 'assets'):
        for path in [*(ROOT / folder).rglob('*.py'), *(ROOT / folder).rglob('*.js')]:
            lines = path.read_text().splitlines()
            top = ' '.join(' '.join(lines[:15]).split()).replace(' * ', ' ')
            assert len(lines) <= LONG or 'is long because' in top, f'{path.name} has {len(lines)} lines'


def names_of_the_code() -> Iterator[tuple[str, Any]]:
    """The classes and functions of the library and of the app's domain."""
    for package in (todosync, todos):
        for found in pkgutil.walk_packages(package.__path__, f'{package.__name__}.'):
            if not found.name.endswith('__main__') and '.migrations' not in found.name:
                module = importlib.import_module(found.name)
                yield from inspect.getmembers(module, lambda value: inspect.isclass(value) or inspect.isfunction(value))


@pytest.mark.parametrize('room', [path.parent for path in sorted((ROOT / 'todosync').glob('*/__init__.py'))])
def test_a_room_says_at_its_door_what_it_imports(room: Path) -> None:
    doc = ast.get_docstring(ast.parse((room / '__init__.py').read_text())) or ''
    said = re.search(r'Imports (.*?)\.', doc.replace('\n', ' '))
    assert said is not None
    imported = {name for path in room.rglob('*.py') for name in imported_rooms(ast.parse(path.read_text()))}
    assert set(re.findall(r'``(\w+)``', said[1])) == imported - {room.name}, 'in the first lines of __init__.py'


def imported_rooms(node: ast.AST) -> Iterator[str]:
    """The rooms and modules of todosync that some code imports, except those that it needs for types only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == 'TYPE_CHECKING':
            continue
        if isinstance(child, ast.ImportFrom) and child.level == 0 and (child.module or '').startswith('todosync'):
            _, _, below = (child.module or '').partition('.')
            yield from [below.partition('.')[0]] if below else [alias.name for alias in child.names]
        yield from imported_rooms(child)


def test_every_exported_name_exists_and_is_in_order() -> None:
    assert todosync.__all__ == sorted(todosync.__all__)
    for name in todosync.__all__:
        assert hasattr(todosync, name), name


def public() -> Iterator[tuple[str, Any]]:
    """The names that teams use: exported names, the methods of views and testers, and the components."""
    for name in todosync.__all__:
        yield name, getattr(todosync, name)
    modules = [
        importlib.import_module(found.name) for found in pkgutil.iter_modules(components.__path__, 'components.')
    ]
    for module in [
        todosync.elements.lists,
        todosync.elements.live,
        todosync.testing.broadcasts,
        todosync.testing.program,
        todosync.testing.rows,
        todosync.testing.storage,
        todosync.testing.tabs,
        todosync.testing.waiting,
        todos.testing,
        *modules,
    ]:
        for name, value in vars(module).items():
            if getattr(value, '__module__', None) == module.__name__ and not name.startswith('_'):
                yield f'{module.__name__}.{name}', value
    for owner in (todosync.View, todos.TodoView, todosync.testing.RowUser, todos.testing.TodoUser):
        for name, value in vars(owner).items():
            if not name.startswith('_') and name not in CALLED_BY_THE_SERVER:
                yield f'{owner.__name__}.{name}', value


def with_methods(found: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The names, and the public methods of those that are classes."""
    for name, value in found:
        yield name, value
        if inspect.isclass(value):
            for method_name, method in vars(value).items():
                function = getattr(method, '__func__', method)
                if inspect.isfunction(function) and not method_name.startswith('_') and '<' not in function.__name__:
                    yield f'{name}.{method_name}', function


@pytest.mark.parametrize(('name', 'value'), [pytest.param(*found, id=found[0]) for found in with_methods(public())])
def test_every_public_docstring_explains_every_parameter(name: str, value: Any) -> None:
    if inspect.isclass(value):
        parameters = list(inspect.signature(vars(value)['__init__']).parameters) if '__init__' in vars(value) else []
    elif inspect.isfunction(value):
        parameters = list(inspect.signature(value).parameters)
    else:
        return
    assert value.__doc__, name
    for parameter in parameters:
        explained = re.search(rf':(param|ivar) {parameter}: ', value.__doc__)
        assert explained or parameter in {'self', 'cls'}, f'{name}: {parameter}'


def examples() -> Iterator[tuple[str, str]]:
    """The code of the examples in public docstrings, by name."""
    for name, value in with_methods(public()):
        if inspect.isclass(value) or inspect.isfunction(value):
            _, _, code = (inspect.getdoc(value) or '').partition('Example::\n')
            if code:
                yield name, textwrap.dedent(code)


def attributes_of(owner: Any) -> set[str]:
    """The names in an object, those of an instance too, where it is a class."""
    set_in_methods = re.findall(r'self\.(\w+)(?:: .*)? =', inspect.getsource(owner)) if inspect.isclass(owner) else []
    return {*dir(owner), *getattr(owner, '__dataclass_fields__', ()), *set_in_methods}


@pytest.mark.parametrize(('name', 'code'), [pytest.param(*found, id=found[0]) for found in examples()])
def test_every_example_of_a_docstring_uses_names_that_exist(name: str, code: str) -> None:
    tree = compile(code, name, 'exec', ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in NAMES_OF_EXAMPLES:
            owners = NAMES_OF_EXAMPLES[node.value.id]
            assert any(node.attr in attributes_of(owner) for owner in owners), ast.unparse(node)


@pytest.mark.parametrize(('name', 'value'), [pytest.param(*found, id=found[0]) for found in public()])
def test_every_public_docstring_shows_a_use(name: str, value: Any) -> None:
    if inspect.isclass(value) or inspect.isfunction(value):
        assert 'Example::' in (inspect.getdoc(value) or ''), name
