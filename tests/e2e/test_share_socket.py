"""One added line, in any NiceGUI app however it is started: its tabs share a socket."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.browser import Chromium, eventually, status
from tests.server import ROOT, free_port, outer_environment

APP = ROOT / 'tests' / 'apps' / 'counter.py'
VARIANTS = ['plain', 'secret', 'both', 'script', 'sub_pages', 'auth', 'run_with', 'mounted', 'reload']


@pytest.mark.parametrize('variant', VARIANTS)
def test_three_tabs_of_any_app_share_one_socket(variant: str, chromium: Chromium, tmp_path: Path) -> None:
    port = free_port()
    url = f'http://127.0.0.1:{port}{"/mounted" if variant == "mounted" else ""}/'
    environment = outer_environment() | {
        'VARIANT': variant,
        'PORT': str(port),
        'PYTHONPATH': str(ROOT),
        'TODOSYNC_STORAGE_DIR': str(tmp_path),
        'NICEGUI_STORAGE_PATH': str(tmp_path / 'nicegui'),
    }
    log = tmp_path / 'app.log'
    with log.open('wb') as output:
        process = subprocess.Popen(
            [sys.executable, str(APP)], env=environment, cwd=tmp_path, stdout=output, stderr=output
        )
    context = chromium.fresh_context()
    try:
        pages = [context.new_page() for _ in range(3)]
        eventually(lambda: pages[0].goto(url))
        for page in pages:
            page.goto(url)
            eventually(lambda page=page: status(page)['connected'])
        eventually(lambda: sorted(status(page)['role'] for page in pages) == ['follower', 'follower', 'leader'])
        for page in pages:
            page.get_by_role('button', name='more').click()
            eventually(lambda page=page: page.locator('.count').inner_text() == '1')
    except AssertionError as error:
        raise AssertionError(f'{error}\n{log.read_text()}') from error
    finally:
        context.close()
        process.terminate()
        process.wait(20)
