"""What ``setup()`` does to an app, however often and wherever it is called."""

from __future__ import annotations

from pathlib import Path

import pytest
from nicegui import app
from nicegui.testing import user_simulation

import todosync
from tests.server import running_server
from tests.waiting import wait_until
from todosync.tabs import shared_socket
from todosync.testing import todosync_storage

__all__ = ['todosync_storage']

pytestmark = pytest.mark.filterwarnings('ignore:This declarative base already contains')

MODEL = """
from nicegui import ui
from sqlmodel import Field, SQLModel

import todosync


class Memo(SQLModel, table=True):
    __tablename__ = 'memos'
    __table_args__ = {'extend_existing': True}
    id: int | None = Field(default=None, primary_key=True)
    text: str


MEMOS = todosync.Stream(Memo)
settings = todosync.Settings.from_environment()
"""
PAGES = """
server = todosync.setup(settings, streams=[MEMOS])

@ui.page('/')
def index():
    view = todosync.use_stream(MEMOS)
    ui.label().bind_text_from(view, 'rows', lambda rows: f'{len(rows)} memos')

ui.run(**todosync.run_options(settings))
"""
SCRIPT = """
server = todosync.setup(settings, streams=[MEMOS])
todosync.add_production(server)
server.add_exports(MEMOS)
view = todosync.use_stream(MEMOS)
ui.label().bind_text_from(view, 'rows', lambda rows: f'{len(rows)} memos')

ui.run(**todosync.run_options(settings))
"""


def program(folder: Path, *parts: str) -> Path:
    """Return the path of a program that consists of these parts."""
    path = folder / 'main.py'
    path.write_text(''.join(parts))
    return path


async def fail_in(main: Path) -> None:
    async with user_simulation(main_file=main) as user:
        await user.open('/')
        await user.should_see('0 memos')
        raise ZeroDivisionError


async def test_a_test_that_fails_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    main = program(tmp_path, MODEL, PAGES)
    servers = set()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await fail_in(main)
        assert app.is_stopped
        assert not shared_socket().is_running
        servers.add(todosync.current_server())
    assert len(servers) == 2


async def test_the_last_of_two_setups_counts(tmp_path: Path) -> None:
    main = program(tmp_path, MODEL, 'todosync.setup(settings)\n', PAGES)
    async with user_simulation(main_file=main) as user:
        await user.open('/')
        await user.should_see('0 memos')
        server = todosync.current_server()
        assert [stream.name for stream in server.streams] == ['memos']
        assert todosync.setup() is server, 'it runs'
        assert (await user.http_client.get('/up')).json()['versions'] == {'memos': 0}


def test_an_app_without_a_page_function_has_everything_once(tmp_path: Path) -> None:
    with running_server(tmp_path / 'storage', main=program(tmp_path, MODEL, SCRIPT)) as server:
        for _ in range(3):
            status, page = server.request('GET', '/', Accept='text/html')
            assert (status, page.count(b'src="/_nicegui/todosync/')) == (200, 1), page
        assert server.request('GET', '/memos/export.json')[0] == 200
        assert server.request('GET', '/metrics')[0] == 200
        server.execute("INSERT INTO memos(text) VALUES ('Call Ann')")
        wait_until(lambda: b'1 memos' in server.request('GET', '/', Accept='text/html')[1])
