"""The page for operators."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from nicegui import ui
from nicegui.testing import User

from components.status_page import TILES
from tests.jobs.functions import lines, write_and_hang
from tests.sockets import until
from todos.testing import TodoUser
from todosync import current_server
from todosync.testing import todosync_storage

__all__ = ['todosync_storage']

pytestmark = pytest.mark.usefixtures('page_database')


def tile(user: User, name: str) -> str:
    (label,) = user.find(kind=ui.label, marker=f'tile {name}').elements
    return label.text


async def test_every_tile_has_a_figure_and_the_process_is_listed(user: User) -> None:
    await user.open('/')
    await TodoUser(user).add('Buy milk')
    server = current_server()
    await asyncio.to_thread(server.status.report)
    await until(lambda: any(report.versions['todos'] == 1 for report in server.status.reports()))
    await user.open('/status')
    assert tile(user, 'Version of todos') == '1'
    assert tile(user, 'Failed jobs') == '0'
    assert all(tile(user, name) for name in TILES)
    (table,) = user.find(ui.table).elements
    assert [row['Process'].split()[0] for row in table.rows] == [server.status.reports()[0].process]


async def test_a_failed_job_shows_with_its_traceback(user: User) -> None:
    await user.open('/')
    try:
        raise ValueError('the disk is on fire')
    except ValueError as error:
        await asyncio.to_thread(current_server().jobs.failed.record, 'backup', error)
    await user.open('/status')
    await user.should_see('the disk is on fire', retries=50)
    await user.should_see('Traceback')


async def test_a_job_that_hangs_is_named(user: User, tmp_path: Path) -> None:
    await user.open('/')
    path = str(tmp_path / 'lines')
    await asyncio.to_thread(current_server().jobs.enqueue, write_and_hang, path, 'hangs', job_id='letters')
    try:
        await until(lambda: lines(path) == ['hangs'])
        await user.open('/status')
        await user.should_see('The job letters (tests.jobs.functions:write_and_hang) runs since', retries=50)
    finally:
        (tmp_path / 'lines.release').touch()
