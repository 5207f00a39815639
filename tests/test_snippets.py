"""The pieces of Python in the documents for teams run: each in a page or a test, after what its reader has by then."""

from __future__ import annotations

import ast
import asyncio
import importlib
import re
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from nicegui import core, run
from nicegui.testing import User
from nicegui.testing.user_simulation import user_simulation

import todosync
from tests.server import ROOT
from tests.waiting import wait_until
from todosync.clock import clock
from todosync.testing import Broadcasts, RowUser, another_program, close_tab, follow, todosync_storage

__all__ = ['todosync_storage']

APP = """
from nicegui import ui
from sqlmodel import Field, SQLModel
import todosync
from todosync import *

class {model}(SQLModel, table=True):
    __tablename__ = '{table}'
    id: int | None = Field(default=None, primary_key=True)
    {fields}

{stream} = Stream({model}{options})
{stream}.writable({writable})
todosync.setup(todosync.Settings.from_environment(), streams=[{stream}])

@ui.page('/')
def index():
{page}

ui.run(storage_secret='sixteen characters')
"""
TASKS = {
    'model': 'Task',
    'table': 'snippet_tasks',
    'fields': 'project_id: int = Field(index=True); title: str',
    'stream': 'TASKS',
    'options': ", scope='project_id'",
    'writable': "'title'",
}
ITEMS = {
    'model': 'Item',
    'table': 'snippet_items',
    'fields': 'name: str; count: int = 1; bought: bool = False',
    'stream': 'ITEMS',
    'options': '',
    'writable': "'name', 'bought'",
}
REMIND = """
import todosync

@todosync.job()
def remind(note_id: int) -> None:
    server = todosync.current_server()
    server.writer.update(server.streams[0], note_id, {'text': 'Remember: Call Ann'})
"""


def snippets(document: str) -> list[str]:
    """The pieces of Python in a document, in their order."""
    return re.findall(r'```python\n(.*?)```', (ROOT / 'docs' / document).read_text(), re.S)


@asynccontextmanager
async def running(tmp_path: Path, program: str) -> AsyncIterator[tuple[User, User]]:
    """Run a program as the app, with two people."""
    main = tmp_path / 'main.py'
    main.write_text(program)
    async with user_simulation(main_file=main) as ann:
        yield ann, User(httpx.AsyncClient(transport=httpx.ASGITransport(core.app), base_url='http://test'))


def app(parts: dict[str, str], page: str) -> str:
    return APP.format(**parts, page=textwrap.indent(page, '    '))


async def perform(snippet: str, names: dict[str, Any]) -> None:
    """Run a piece of a test; what it names is known to the next one."""
    if (awaitable := eval(compile(snippet, 'snippet', 'exec', ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)) is not None:
        await awaitable


async def test_the_snippet_of_rows_runs(tmp_path: Path) -> None:
    [snippet] = snippets('rows.md')
    async with running(tmp_path, app(ITEMS, f'view = use_stream(ITEMS)\n{snippet}')) as (ann, _):
        await ann.open('/')
        await another_program("INSERT INTO snippet_items(name, count, bought) VALUES ('Milk', 2, false)")
        await ann.should_see('2 x Milk', retries=100)


async def test_the_snippets_of_presence_run(tmp_path: Path) -> None:
    page, test = snippets('presence.md')
    named = "ui.input('Name').bind_value(presence, 'name')"
    async with running(tmp_path, app(TASKS, page + named)) as (ann, bob):
        for user, name in ((ann, 'Ann'), (bob, 'Bob')):
            await user.open('/')
            user.find('Name').type(name)
        await another_program("INSERT INTO snippet_tasks(project_id, title) VALUES (7, 'paint')")
        await RowUser(bob, 'snippet_tasks', 7).settle()
        await perform(test, {'ann': ann, 'bob': bob, 'TASKS': 'snippet_tasks'})


@pytest.fixture
def remind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / 'reminders.py').write_text(REMIND)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module('reminders').remind
    del sys.modules['reminders']
    clock.set_back()


async def test_the_snippets_of_testing_run(tmp_path: Path, remind: Any) -> None:
    readme = (ROOT / 'README.md').read_text()
    [notes] = re.findall(r'```python\n# notes.py\n(.*?)```', readme, re.S)
    lists, writes, told, tabs, time = snippets('testing.md')
    record = Broadcasts()
    async with running(tmp_path, notes) as (ann, bob):
        todosync.current_server().message_listeners.append(record.note)
        for user in (ann, bob):
            await user.open('/')
        names = {'user': ann, 'ann': ann, 'bob': bob, 'remind': remind, 'broadcasts': record, 'advance': clock.advance}
        names |= {'User': User, 'RowUser': RowUser, 'follow': follow, 'close_tab': close_tab, 'run': run}
        names |= {'another_program': another_program, 'todosync': todosync}
        names |= {'datetime': datetime, 'timedelta': timedelta, 'UTC': UTC}
        add = "INSERT INTO notes(text, urgent) VALUES ('Call Ann', false)"
        for snippet in (lists, writes):
            await another_program(add)
            await RowUser(ann, 'notes').settle()
            names['note'] = RowUser(ann, 'notes').row()
            await perform(snippet, names)
        record.clear()
        await perform(told, names)
        await asyncio.to_thread(wait_until, lambda: todosync.current_server().jobs.queue().is_owner)
        names['note'] = names['notes'].row(text='Call Ann')
        await perform(time, names)
        await perform(tabs, names)
