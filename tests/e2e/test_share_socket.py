"""One added line, in any NiceGUI app however it is started: its tabs share a socket."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.browser import Chromium, eventually, three_tabs
from tests.server import ROOT, running_program

APP = ROOT / 'tests' / 'apps' / 'counter.py'
VARIANTS = ['plain', 'secret', 'both', 'script', 'sub_pages', 'auth', 'run_with', 'mounted', 'reload']


@pytest.mark.parametrize('variant', VARIANTS)
def test_three_tabs_of_any_app_share_one_socket(variant: str, chromium: Chromium, tmp_path: Path) -> None:
    environment = {'VARIANT': variant, 'TODOSYNC_STORAGE_DIR': str(tmp_path)}
    with running_program(APP, tmp_path, **environment) as port:
        url = f'http://127.0.0.1:{port}{"/mounted" if variant == "mounted" else ""}/'
        try:
            with three_tabs(chromium, url) as pages:
                for page in pages:
                    page.get_by_role('button', name='more').click()
                    eventually(lambda page=page: page.locator('.count').inner_text() == '1')
        except AssertionError as error:
            raise AssertionError(f'{error}\n{(tmp_path / "app.log").read_text()}') from error
