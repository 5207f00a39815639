"""What testers are given: it goes through the page's own handlers, explains what is wrong, and works in any project."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from nicegui import ui
from nicegui.testing import User

from tests.databases import execute
from tests.server import ROOT
from todos import TODOS
from todos.testing import TodoUser
from todosync.testing import RowUser, todosync_storage

__all__ = ['todosync_storage']

README = (ROOT / 'README.md').read_text()


@pytest.fixture
async def tester(page_database: str, user: User) -> TodoUser:
    await user.open('/')
    return TodoUser(user)


async def test_a_missing_row_is_told_with_what_there_is(tester: TodoUser) -> None:
    await tester.add('Buy milk')
    with pytest.raises(AssertionError, match=r"'Buy bread'.*among these:\n.*'Buy milk'"):
        await tester.toggle('Buy bread')


async def test_a_missing_handler_is_told(tester: TodoUser) -> None:
    with pytest.raises(AssertionError, match="'todo-list' has no handler for 'dblclick'"):
        await tester.trigger('todo-list', 'dblclick', 1)


async def test_a_missing_element_is_told(tester: TodoUser) -> None:
    with pytest.raises(AssertionError, match="marker='todo-archive'"):
        await tester.trigger('todo-archive', 'click', 1)


async def test_a_broken_handler_breaks_the_test(
    tester: TodoUser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await tester.add('Buy milk')
    monkeypatch.setattr(TODOS.declared, 'rules', [lambda write: 1 / 0])
    await tester.toggle('Buy milk')
    assert tester.done() == []
    assert 'ZeroDivisionError' in caplog.text, 'NiceGUI logs it, and so its fixture fails the test'
    caplog.clear()


async def test_the_effect_has_arrived_when_the_call_returns(tester: TodoUser) -> None:
    for number in range(20):
        await tester.add(f'Todo {number}')
        assert tester.titles()[0] == f'Todo {number}'


async def test_what_another_program_wrote_can_be_waited_for(tester: TodoUser, page_database: str) -> None:
    execute(page_database, "INSERT INTO todos(title) VALUES ('Buy milk')")
    await tester.settle()
    assert tester.titles() == ['Buy milk']


async def test_events_get_what_the_browser_would_have_sent(tester: TodoUser) -> None:
    received = []
    with tester.user:
        ui.button().mark('probe').on('click', lambda e: received.append(e.args), js_handler='() => emit(1, "a")')
    probe = RowUser(tester.user, TODOS)
    await probe.trigger('probe', 'click', 1, 'a')
    await probe.trigger('probe', 'click', 7)
    await probe.trigger('probe', 'click')
    assert received == [[1, 'a'], 7, []]


def run_tests(folder: Path, *options: str) -> str:
    """Run pytest in a folder that is no checkout, and return what it says."""
    snippets = re.findall(r'```python\n# (\S+)\n(.*?)```', README, re.S)
    for name, text in snippets:
        if name in {'tasks.py', 'test_tasks.py'}:
            (folder / name).write_text(text)
    [settings] = re.findall(r'```toml\n(\[tool\.pytest.*?)```', README, re.S)
    (folder / 'pyproject.toml').write_text(settings)
    run = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', *options],
        cwd=folder,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout + run.stderr


def test_the_tests_of_the_readme_pass_twice_in_one_process_without_a_warning(tmp_path: Path) -> None:
    said = run_tests(
        tmp_path, '-W', 'error::sqlalchemy.exc.SAWarning', 'test_tasks.py', 'test_tasks.py', '--keep-duplicates'
    )
    assert re.search(r'^4 passed', said, re.M), said


def test_models_may_stand_in_modules_that_nicegui_imports_anew_and_in_those_that_stay(tmp_path: Path) -> None:
    (tmp_path / 'staying.py').write_text(
        'from sqlmodel import Field, SQLModel\n'
        'class Staying(SQLModel, table=True):\n'
        '    id: int | None = Field(default=None, primary_key=True)\n'
        "    task_id: int = Field(foreign_key='tasks.id')\n"
    )
    (tmp_path / 'own.py').write_text(
        'import staying\n'
        'from nicegui import ui\n'
        'from sqlmodel import Field, SQLModel\n'
        'class Own(SQLModel, table=True):\n'
        '    id: int | None = Field(default=None, primary_key=True)\n'
        "@ui.page('/own')\n"
        'def own() -> None:\n'
        "    ui.label('own')\n"
    )
    (tmp_path / 'conftest.py').write_text('from todosync.testing import todosync_storage\n')
    (tmp_path / 'test_own.py').write_text(
        'import pytest\n'
        'from sqlmodel import SQLModel\n'
        "@pytest.mark.parametrize('turn', range(2))\n"
        'async def test_own(turn, user) -> None:\n'
        "    await user.open('/own')\n"
        "    await user.should_see('own')\n"
        "    assert {'own', 'staying'} <= set(SQLModel.metadata.tables)\n"
    )
    (tmp_path / 'main.py').write_text('import own\nfrom nicegui import ui\nui.run()\n')
    said = run_tests(tmp_path, 'test_own.py', '-o', 'main_file=main.py')
    assert re.search(r'^2 passed', said, re.M), said


async def test_what_javascript_writes_is_tested_without_a_browser(tester: TodoUser) -> None:
    assert (await tester.write('insert', title='  Buy milk '))['state'] == 'done'
    milk = tester.row(title='Buy milk')
    assert (await tester.write('update', milk, completed=True))['state'] == 'done'
    assert tester.done() == ['Buy milk']
    refused = await tester.write('update', milk['id'], title=' ')
    assert (refused['state'], refused['fields']) == ('refused', {'title': "Title can't be blank"})
    refused = await tester.write('update', milk, titel='Buy oats')
    assert refused['errors'] == ['Unknown field: titel']
    assert (await tester.write('delete', milk))['state'] == 'done'
    assert tester.titles() == []
    gone = await tester.write('update', milk, completed=False)
    assert (gone['state'], gone['gone']) == ('refused', True)


async def test_a_test_is_told_of_what_somebody_else_has_written_as_a_browser_is(tester: TodoUser) -> None:
    await tester.add('Buy milk')
    milk = tester.row(title='Buy milk')
    await tester.write('update', milk['id'], title='Buy oats')
    assert (await tester.write('update', milk, title='Buy rye'))['conflicts'] == {'title': 'Buy oats'}
    assert (await tester.write('update', milk['id'], title='Buy bread'))['conflicts'] == {}


async def test_a_stream_is_found_by_its_name(tester: TodoUser) -> None:
    assert RowUser(tester.user, 'todos').stream is TODOS
    with pytest.raises(ValueError, match=r"the app has no stream 'todo'; it has 'todos'; did you mean 'todos'\?"):
        RowUser(tester.user, 'todo')


async def test_a_misspelt_field_is_told(tester: TodoUser) -> None:
    with pytest.raises(ValueError, match=r"the stream 'todos' has no field 'titel'; .*; did you mean 'title'\?"):
        tester.row(titel='Buy milk')


async def test_what_is_written_offline_shows_waits_and_is_done_in_order(tester: TodoUser) -> None:
    await tester.add('Buy milk')
    await tester.add('Call Ann')
    tester.offline()
    assert await tester.write('insert', title='Write offline') == {'state': 'waiting'}
    new = tester.row(title='Write offline')
    await tester.write('update', new, completed=True)
    await tester.write('delete', tester.row(title='Buy milk'))
    assert (tester.titles(), tester.done()) == (['Write offline', 'Call Ann'], ['Write offline'])
    assert [outcome['state'] for outcome in await tester.online()] == ['done'] * 3
    assert (tester.titles(), tester.done()) == (['Write offline', 'Call Ann'], ['Write offline'])


async def test_who_is_offline_gets_no_change_and_is_told_of_conflicts_and_refusals(
    tester: TodoUser, create_user: Callable[[], User]
) -> None:
    await tester.add('Buy milk')
    other = TodoUser(create_user())
    await other.user.open('/')
    milk = tester.row(title='Buy milk')
    tester.offline()
    await tester.write('update', milk, title='Buy oat milk')
    await tester.write('update', milk, title=' ')
    await other.write('update', milk, title='Buy soy milk')
    assert (other.titles(), tester.titles()) == (['Buy soy milk'], [' '])
    overwritten, refused = await tester.online()
    assert overwritten['conflicts'] == {'title': 'Buy soy milk'}
    assert refused['fields'] == {'title': "Title can't be blank"}
    assert tester.titles() == ['Buy oat milk']


async def test_no_event_reaches_the_server_from_a_person_who_is_offline(tester: TodoUser) -> None:
    tester.offline()
    with pytest.raises(AssertionError, match='offline, where no event reaches the server'):
        await tester.add('Buy milk')
    assert await tester.online() == []
    await tester.add('Buy milk')
    assert tester.titles() == ['Buy milk']


async def test_more_than_a_batch_is_sent_when_the_connection_is_back(tester: TodoUser) -> None:
    tester.offline()
    for number in range(60):
        await tester.write('insert', title=str(number))
    assert len(await tester.online()) == 60
    assert tester.titles() == [str(number) for number in reversed(range(60))]


async def test_what_a_person_takes_back_offline_waits_and_is_done_in_order(tester: TodoUser) -> None:
    await tester.add('Buy milk')
    todo = tester.row(title='Buy milk')
    await tester.write('update', todo, completed=True)
    tester.offline()
    await tester.write('insert', title=' Call Ann ')
    await tester.write('update', todo, title='Buy oats')
    await tester.write('delete', todo)
    assert await tester.undo() == {'state': 'waiting'}
    assert tester.titles() == [' Call Ann ', 'Buy oats']
    await tester.undo()
    await tester.undo()
    await tester.undo()
    assert (tester.titles(), tester.done()) == (['Buy milk'], [])
    assert {outcome['state'] for outcome in await tester.online()} == {'done'}
    assert (tester.titles(), tester.done()) == (['Buy milk'], [])
    assert tester.row()['id'] == todo['id']


async def test_what_somebody_else_has_changed_since_is_not_taken_back(
    tester: TodoUser, create_user: Callable[[], User]
) -> None:
    bob = TodoUser(create_user())
    await bob.user.open('/')
    await tester.write('insert', title='Buy milk')
    await tester.write('update', tester.row(), title='Buy oats')
    tester.offline()
    await bob.write('update', tester.row(), title='Buy bread')
    await tester.undo()
    assert tester.titles() == ['Buy milk']
    [outcome] = await tester.online()
    assert outcome['errors'] == ['Not undone: somebody has meanwhile changed it (title: “Buy bread”)']
    assert tester.titles() == ['Buy bread']
    refused = await tester.undo()
    assert refused is not None
    assert refused['state'] == 'refused', 'not even the add of it, for bob has changed it'
    assert await tester.undo() is None
