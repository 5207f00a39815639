"""Tabs that are open while the version before is replaced by this one go on with it."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.e2e.browser import Chromium, Tabs, eventually, shown
from tests.server import ROOT, RunningServer

pytestmark = pytest.mark.long

VERSION_BEFORE = '0650b83'
"""The last commit of the version before."""


@pytest.fixture(scope='module')
def version_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the version before."""
    command = ['git', 'archive', VERSION_BEFORE, 'main.py', 'todosync', 'components', 'assets']
    archive = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False)
    if archive.returncode:
        pytest.skip(f'the history does not reach back to {VERSION_BEFORE}: {archive.stderr.decode().strip()}')
    checkout = tmp_path_factory.mktemp('version-before')
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(checkout, filter='data')
    return checkout


@pytest.fixture
def server(version_before: Path, tmp_path: Path) -> Iterator[RunningServer]:
    """A server of the version before."""
    server = RunningServer(tmp_path / 'storage', main=version_before / 'main.py', ENV='production')
    server.environment['PYTHONPATH'] = str(version_before)
    server.start()
    yield server
    server.stop()


def upgrade(server: RunningServer) -> None:
    """Put this version in place, with the same port and storage."""
    server.stop()
    this_version = RunningServer(server.storage)
    server.command, server.environment['PYTHONPATH'] = this_version.command, this_version.environment['PYTHONPATH']
    server.start()


def field(page: Page) -> str:
    return page.get_by_role('textbox').first.input_value()


def test_open_tabs_go_on_with_what_was_typed(chromium: Chromium, server: RunningServer) -> None:
    context = chromium.fresh_context()
    errors: list[str] = []
    context.on('weberror', lambda error: errors.append(str(error.error)))
    tabs = Tabs(context, server)
    server.add('Written before')
    first, second = tabs.open_many(2)
    tabs.should_agree()
    for page, draft in ((first, 'Call Ann'), (second, 'Buy milk')):
        page.get_by_role('textbox').first.fill(draft)
        page.evaluate('window.isOfTheVersionBefore = true')
    upgrade(server)
    eventually(lambda: not any(page.evaluate('window.isOfTheVersionBefore') for page in tabs.pages))
    tabs.should_agree()
    eventually(lambda: [field(page) for page in tabs.pages] == ['Call Ann', 'Buy milk'])
    second.get_by_role('textbox').first.press('Enter')
    eventually(lambda: [todo['title'] for todo in shown(first)] == ['Buy milk', 'Written before'])
    assert errors == []
    context.close()
