"""Tabs that are open while the version before is replaced by this one go on with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.builds import check_out, use_build
from tests.e2e.browser import Chromium, Tabs, eventually, shown
from tests.server import ROOT, RunningServer
from todos import MIGRATIONS

pytestmark = pytest.mark.long

VERSION_BEFORE = '0650b83'
"""The last commit of the version before."""
WITHOUT_MARKS = 'ea30359'
"""The last commit of this version whose messages have the protocol before."""


@pytest.fixture(scope='module')
def version_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the version before."""
    directory = tmp_path_factory.mktemp('version-before')
    return check_out(VERSION_BEFORE, directory, 'main.py', 'todosync', 'components', 'assets')


@pytest.fixture(scope='module')
def build_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the build whose versions had no marks."""
    directory = tmp_path_factory.mktemp('build-before')
    return check_out(WITHOUT_MARKS, directory, 'main.py', 'todosync', 'todos', 'components', 'assets')


@pytest.fixture
def server(version_before: Path, tmp_path: Path) -> Iterator[RunningServer]:
    """A server of the version before."""
    server = RunningServer(tmp_path / 'storage', main=version_before / 'main.py', ENV='production')
    server.environment['PYTHONPATH'] = str(version_before)
    server.start()
    yield server
    server.stop()


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
    server.stop()
    use_build(server, ROOT)
    server.start()
    eventually(lambda: not any(page.evaluate('window.isOfTheVersionBefore') for page in tabs.pages))
    tabs.should_agree()
    eventually(lambda: [field(page) for page in tabs.pages] == ['Call Ann', 'Buy milk'])
    second.get_by_role('textbox').first.press('Enter')
    eventually(lambda: [todo['title'] for todo in shown(first)] == ['Buy milk', 'Written before'])
    assert errors == []
    context.close()


def migrate_back(server: RunningServer) -> None:
    """Take back what the build before does not know, as an operator does who goes back to it."""
    environment = {**server.environment, 'TODOSYNC_MIGRATIONS': str(MIGRATIONS)}
    subprocess.run([sys.executable, '-m', 'todosync', 'migrate', '--back-to', '0001'], env=environment, check=True)


def test_builds_with_and_without_marks_run_side_by_side_and_take_each_others_place(
    chromium: Chromium, build_before: Path, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    database_url = new_database()
    old, new = (RunningServer(tmp_path / 'storage', ENV='production', DATABASE_URL=database_url) for _ in range(2))
    use_build(old, build_before)
    titles: list[str] = []
    errors: list[str] = []
    contexts = [chromium.fresh_context() for _ in range(2)]

    def write(*servers: RunningServer) -> None:
        for server in servers * 3:
            titles.insert(0, f'number {len(titles)}')
            server.add(titles[0])

    def agree() -> None:
        for tabs in both:
            tabs.should_agree()
            assert [todo['title'] for todo in shown(tabs.pages[0])] == titles

    try:
        old.start()
        write(old)
        new.start()  # it gives marks to the log that the other one goes on using
        write(old, new)
        both = [Tabs(context, server) for context, server in zip(contexts, (old, new), strict=True)]
        for context, tabs in zip(contexts, both, strict=True):
            context.on('weberror', lambda error: errors.append(str(error.error)))
            tabs.open_many(2)
        agree()
        write(old, new)
        agree()
        migrate_back(new)
        old.restart()  # it puts triggers of its own in place
        write(new, old)
        agree()
        for build in (ROOT, build_before):  # the roll, and back, with the tabs open
            old.stop()
            write(new)
            use_build(old, build)
            if build == build_before:
                migrate_back(new)
            old.start()
            write(old, new)
            eventually(lambda: all(page.evaluate('!!window.todosync') for page in both[0].pages))
            agree()
        assert errors == []
    finally:
        for server in (old, new):
            server.stop()
        for context in contexts:
            context.close()
