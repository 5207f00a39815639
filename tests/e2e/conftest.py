"""Browsers and a server for each test module; for each test an empty list, and a browser profile of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Playwright, sync_playwright

from tests.e2e.browser import Chromium, Tabs, eventually
from tests.e2e.engines import Firefox, WebKit
from tests.server import RunningServer, running_server


@pytest.fixture(scope='module')
def playwright() -> Iterator[Playwright]:
    # for a module, not the session: its event loop runs in this thread, where async tests want to run theirs
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope='module')
def chromium(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    chromium = Chromium(playwright, tmp_path_factory.mktemp('profile'))
    chromium.start()
    yield chromium
    chromium.stop()


@pytest.fixture(scope='module')
def firefox(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    firefox = Firefox(playwright, tmp_path_factory.mktemp('firefox'))
    firefox.start()
    yield firefox
    firefox.stop()


@pytest.fixture(scope='module')
def webkit() -> Iterator[WebKit]:
    webkit = WebKit()
    webkit.start()
    yield webkit
    webkit.stop()


@pytest.fixture(scope='module')
def module_server(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp('storage'), DATABASE_URL=new_database()) as server:
        yield server


@pytest.fixture
def server(module_server: RunningServer) -> RunningServer:
    """The module's server, with nothing left of the test before."""
    if not module_server.is_running:
        module_server.start()

    def is_empty() -> bool:
        if module_server.connections() != {'sockets': 0, 'followers': 0}:
            return False  # what a page of the test before has shown may still be on its way
        module_server.execute('DELETE FROM todos')
        return module_server.todos() == []

    eventually(is_empty)
    return module_server


@pytest.fixture
def tabs(chromium: Chromium, server: RunningServer) -> Iterator[Tabs]:
    context = chromium.fresh_context()
    yield Tabs(context, server)
    context.close()
