"""What ``ui.run()`` is told, with and without what a team says itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server import ROOT, outer_environment, running_server
from tests.waiting import wait_until
from todosync import Settings, run_options

EXTRA = ('asgi_correlation_id', 'prometheus_client', 'pythonjsonlogger', 'supervisor')
PROGRAM = """
import os
from nicegui import ui
import todosync

settings = todosync.Settings.from_environment()
todosync.setup(settings)

@ui.page('/')
def index():
    ui.label(f'process {os.getpid()} says one')

ui.run(**todosync.run_options(settings, reload=True, title='Mine', storage_secret='a secret of our own'))
"""


def test_what_a_team_says_itself_replaces_what_follows_from_the_settings(tmp_path: Path) -> None:
    settings = Settings(storage_dir=tmp_path / 'storage', port=8123)
    options = run_options(settings, reload=True, show='/notes', storage_secret='our own', title='Mine', log_config=None)
    assert {name: options[name] for name in ('port', 'reload', 'show', 'storage_secret', 'title', 'log_config')} == {
        'port': 8123,
        'reload': True,
        'show': '/notes',
        'storage_secret': 'our own',
        'title': 'Mine',
        'log_config': None,
    }
    assert not (tmp_path / 'storage').exists(), 'no secret is made where a team has its own'


def test_a_process_behind_caddy_listens_on_its_socket_and_leaves_compressing_to_caddy(tmp_path: Path) -> None:
    alone = run_options(Settings(storage_dir=tmp_path))
    behind = run_options(Settings(storage_dir=tmp_path, socket=tmp_path / 'app.sock', behind_proxy=True))
    assert 'uds' not in alone
    assert alone['gzip_middleware_factory'] is not None
    assert behind['uds'] == str(tmp_path / 'app.sock')
    assert behind['gzip_middleware_factory'] is None


@pytest.mark.parametrize('env', ['development', 'production'])
def test_the_log_is_configured_without_what_only_deployments_need(env: str, tmp_path: Path) -> None:
    program = f"""
import logging.config, sys
sys.modules.update(dict.fromkeys({EXTRA}))  # as if they were not installed
import todosync
logging.config.dictConfig(todosync.run_options(todosync.Settings(env={env!r}))['log_config'])
logging.getLogger('todosync').info('hello')
"""
    environment = {**outer_environment(), 'TODOSYNC_STORAGE_DIR': str(tmp_path)}
    found = subprocess.run(
        [sys.executable, '-c', program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.endswith(' INFO todosync: hello\n')


def test_an_app_is_loaded_again_when_its_code_changes(tmp_path: Path) -> None:
    main = tmp_path / 'main.py'  # in the folder in which the server runs: NiceGUI watches that
    main.write_text(PROGRAM)

    with running_server(tmp_path, main=main) as server:

        def page() -> str:
            try:
                return str(server.request('GET', '/', Accept='text/html')[1])
            except OSError:
                return ''  # between two processes

        assert re.search(r'process \d+ says one', page())
        assert '<title>Mine</title>' in page()
        main.write_text(PROGRAM.replace('says one', 'says two'))
        wait_until(lambda: 'says two' in page())
