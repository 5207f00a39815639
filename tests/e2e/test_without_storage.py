"""Where a browser forbids storage, no page of NiceGUI runs; ours say why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browser import Chromium
from tests.server import ROOT, RunningServer, running_server

SENTENCE = "This page needs the browser's storage."
WITHOUT_STORAGE = """for (const name of ["sessionStorage", "localStorage"]) Object.defineProperty(window, name, {
    get: () => { throw new DOMException("Access is denied for this document.", "SecurityError"); },
});"""


@pytest.fixture(scope='module')
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp('storage'), main=ROOT / 'tests' / 'apps' / 'features.py') as server:
        yield server


def test_in_a_sandboxed_frame_a_page_says_what_is_missing(
    chromium: Chromium, app: RunningServer, tmp_path: Path
) -> None:
    frame = tmp_path / 'frame.html'
    frame.write_text(f'<iframe sandbox="allow-scripts" src="{app.url}"></iframe>')
    context = chromium.fresh_context()
    page = context.new_page()
    page.goto(frame.as_uri())
    page.frame_locator('iframe').get_by_text(SENTENCE).wait_for()
    context.close()


def test_where_storage_is_blocked_a_page_says_what_is_missing(chromium: Chromium, app: RunningServer) -> None:
    context = chromium.fresh_context()
    context.add_init_script(WITHOUT_STORAGE)
    page = context.new_page()
    page.goto(app.url)
    page.get_by_text(SENTENCE).wait_for()
    context.close()


def test_where_there_is_storage_a_page_says_nothing_of_it(chromium: Chromium, app: RunningServer) -> None:
    context = chromium.fresh_context()
    page = context.new_page()
    page.goto(app.url)
    page.get_by_role('button', name='count').wait_for()
    assert page.get_by_text(SENTENCE).count() == 0
    context.close()
