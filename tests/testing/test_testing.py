"""What testers are given: it goes through the page's own handlers, explains what is wrong, and works in any project."""

from __future__ import annotations

import os
import re
import subprocess
import sys
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
    with pytest.raises(AssertionError, match="'todo-delete' has no handler for 'dblclick'"):
        await tester.trigger('todo-delete', 'dblclick', 1)


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


def test_it_works_in_a_teams_own_project(tmp_path: Path) -> None:
    snippets = re.findall(r'```(?:python|toml)\n(.*?)```', README, re.S)
    notes = next(text for text in snippets if text.startswith('# notes.py'))
    settings = next(text for text in snippets if '[tool.pytest' in text)
    (tmp_path / 'main.py').write_text(notes)
    (tmp_path / 'pyproject.toml').write_text(settings)
    (tmp_path / 'conftest.py').write_text('from todosync.testing import todosync_storage\n')
    (tmp_path / 'test_notes.py').write_text(
        'from nicegui.testing import User\n'
        'from todosync import current_server\n'
        'from todosync.testing import RowUser\n'
        'async def test_a_note_is_written(user: User) -> None:\n'
        "    await user.open('/')\n"
        "    user.find('Note').type('Call Ann!').trigger('keydown.enter')\n"
        "    await user.should_see('1 of 1 notes are urgent', retries=100)\n"
        "    assert RowUser(user, current_server().streams[0]).row(text='Call Ann!')['urgent']\n"
    )
    run = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider'],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert '1 passed' in run.stdout
