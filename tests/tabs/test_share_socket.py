"""``share_socket()``: one added line that may run again and starts nothing else of todosync."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from nicegui.testing import user_simulation

import todosync
from tests.server import ROOT
from todosync.tabs import shared_socket

HEAVY = ('sqlalchemy', 'sqlmodel', 'apscheduler', 'diskcache', 'psycopg', 'alembic')


def test_the_line_brings_nothing_else_of_todosync() -> None:
    program = f'import sys, todosync; todosync.share_socket(); print([m for m in {HEAVY} if m in sys.modules])'
    found = subprocess.run([sys.executable, '-c', program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == '[]'


MAIN = """
import todosync
from nicegui import ui
todosync.share_socket()
@ui.page('/')
def index(): ui.label('here')
ui.run(storage_secret='secret')
"""


@pytest.mark.long
async def test_each_of_many_tests_of_an_app_runs_the_line_anew(tmp_path: Path) -> None:
    main = tmp_path / 'main.py'
    main.write_text(MAIN)
    for _ in range(300):
        async with user_simulation(main_file=main) as user:
            await user.open('/')
            await user.should_see('here')
            assert shared_socket().is_running
        assert not shared_socket().is_running


async def test_an_app_that_does_not_share_its_socket_is_as_before_after_one_that_did(tmp_path: Path) -> None:
    main = tmp_path / 'main.py'
    for text, shares in ((MAIN, True), (MAIN.replace('todosync.share_socket()', ''), False)):
        main.write_text(text)
        async with user_simulation(main_file=main) as user:
            page = await user.http_client.get('/')
            assert ('/_nicegui/todosync/' in page.text) is shares


async def test_the_browsers_part_is_found_behind_a_proxy_that_strips_a_prefix(tmp_path: Path) -> None:
    main = tmp_path / 'main.py'
    main.write_text(MAIN)
    async with user_simulation(main_file=main) as user:
        page = await user.http_client.get('/', headers={'X-Forwarded-Prefix': '/app'})
        [url] = re.findall(r'src="/app(/_nicegui/todosync/\w+/leader\.js)"', page.text)
        module = await user.http_client.get(url)
    assert module.headers['Cache-Control'] == 'public, max-age=31536000, immutable'


async def test_only_an_app_with_streams_has_its_pages_load_what_is_for_streams(tmp_path: Path) -> None:
    main = tmp_path / 'main.py'
    main.write_text(MAIN)
    async with user_simulation(main_file=main) as user:
        alone = (await user.http_client.get('/')).text
    async with user_simulation(main_file=ROOT / 'main.py') as user:
        with_streams = (await user.http_client.get('/status')).text
    assert re.findall(r'<script type="module" src="/_nicegui/todosync/\w+/(.*?)"', alone) == ['leader.js']
    assert re.findall(r'<script type="module" src="/_nicegui/todosync/\w+/(.*?)"', with_streams) == ['writable.js']


@pytest.mark.parametrize('secret', ['', "storage_secret='secret'"])
async def test_a_page_carries_the_tag_of_its_session_once_the_browser_has_a_cookie(secret: str, tmp_path: Path) -> None:
    main = tmp_path / 'main.py'
    main.write_text(MAIN.replace("storage_secret='secret'", secret))
    async with user_simulation(main_file=main) as user:
        tags = [
            re.findall(r'<meta name="todosync-session" content="(\w*)">', (await user.http_client.get('/')).text)
            for _ in range(3)
        ]
    assert tags[0] == ['']
    assert tags[1] == tags[2] != ['']


def test_what_is_said_last_counts() -> None:
    todosync.share_socket(tabs_per_socket=2)
    todosync.share_socket(reconnect_timeout=5)
    assert shared_socket().limits == (2, 5)
