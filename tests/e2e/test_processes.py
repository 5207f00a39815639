"""Tabs of one browser that reach different processes, as behind a proxy that does not keep a browser on one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.e2e.browser import Chromium, event_log, eventually, status
from tests.e2e.proxy import Proxy
from tests.server import ROOT, RunningServer, running_server

SECRET = 'the same for all processes'


@pytest.fixture(scope='module')
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RunningServer]]:
    main = ROOT / 'tests' / 'apps' / 'features.py'
    with (
        running_server(tmp_path_factory.mktemp('first'), main=main, STORAGE_SECRET=SECRET) as first,
        running_server(tmp_path_factory.mktemp('second'), main=main, STORAGE_SECRET=SECRET) as second,
    ):
        yield [first, second]


@pytest.fixture
def context(chromium: Chromium) -> Iterator[BrowserContext]:
    context = chromium.fresh_context()
    yield context
    context.close()


def open_leader(context: BrowserContext, url: str) -> Page:
    """Open the first tab of a browser."""
    leader = context.new_page()
    leader.goto(url)
    eventually(lambda: status(leader)['role'] == 'leader' and status(leader)['connected'])
    return leader


def count_loads(page: Page) -> list[str]:
    """Return a list that gets the address of each load of the page."""
    loads: list[str] = []
    page.on('request', lambda request: loads.append(request.url) if request.is_navigation_request() else None)
    return loads


def test_a_tab_that_stays_on_another_process_is_loaded_again_once_and_then_alone(
    servers: list[RunningServer], context: BrowserContext
) -> None:
    first, second = servers
    with Proxy(first) as proxy:
        leader = open_leader(context, proxy.url)

        proxy.lead_to(second)
        stray = context.new_page()
        loads = count_loads(stray)
        stray.goto(proxy.url)
        eventually(lambda: status(stray)['role'] == 'alone' and status(stray)['connected'])
        assert len(loads) == 2, loads
        assert any("the leader's server does not know this page" in entry for entry in event_log(stray))
        stray.get_by_text('compute').click()
        eventually(lambda: stray.locator('.log').inner_text() == 'computed 42')
        assert second.connections() == {'sockets': 1, 'followers': 0}
        assert status(leader) == {**status(leader), 'role': 'leader', 'connected': True}


def test_a_tab_that_a_reload_brings_to_its_siblings_process_follows(
    servers: list[RunningServer], context: BrowserContext
) -> None:
    first, second = servers
    with Proxy(first) as proxy:
        open_leader(context, proxy.url)

        proxy.lead_to(second)
        stray = context.new_page()
        stray.on('domcontentloaded', lambda: proxy.lead_to(first))
        loads = count_loads(stray)
        stray.goto(proxy.url)
        eventually(lambda: status(stray)['role'] == 'follower' and status(stray)['connected'])
        assert len(loads) == 2, loads


def test_a_tab_whose_own_socket_reaches_another_process_is_loaded_again_once_and_connects_when_it_can(
    servers: list[RunningServer], context: BrowserContext
) -> None:
    first, second = servers
    with Proxy(first, of_sockets=second) as proxy:
        page = context.new_page()
        loads = count_loads(page)
        page.goto(proxy.url)
        eventually(lambda: status(page)['role'] == 'alone')
        assert len(loads) == 2, loads
        proxy.of_sockets = first
        eventually(lambda: status(page)['connected'])
        assert len(loads) == 2, loads
