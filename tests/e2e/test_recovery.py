"""What a person sees and keeps while the connection, the server or the browser goes and comes back."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright

from tests.e2e.browser import Chromium, Tabs, event_log, eventually, offline, status, stopped
from tests.server import ROOT, RunningServer, running_server

pytestmark = pytest.mark.long

OUTAGE_SECONDS = 60
RELOAD_SPREAD_MS = 3000  # as in assets/tabs/tab.js


@pytest.fixture
def forgetful_server(tmp_path: Path, new_database: Callable[[], str]) -> Iterator[RunningServer]:
    """A server that forgets a page soon after its connection is lost."""
    with running_server(tmp_path / 'storage', RECONNECT_TIMEOUT=2, DATABASE_URL=new_database()) as server:
        yield server


def is_known(server: RunningServer, client_id: str) -> bool:
    """Return whether a server still has a page: only then does it tell the page's session."""
    return bool(server.request('POST', '/_nicegui/todosync/session', {'client_id': client_id})[1]['tag'])


def draft(page: Page) -> str:
    return page.get_by_role('textbox').first.input_value()


def popup_is_shown(page: Page) -> bool:
    return page.locator('#popup').get_attribute('aria-hidden') == 'false'


def scroll_list(page: Page, top: int) -> None:
    page.evaluate('top => document.querySelector(".q-virtual-scroll").scrollTop = top', top)


def list_position(page: Page) -> int:
    return int(page.evaluate('document.querySelector(".q-virtual-scroll").scrollTop'))


@pytest.mark.any_database
def test_a_lost_connection_shows_in_every_tab_and_disappears_by_itself(tabs: Tabs, server: RunningServer) -> None:
    tabs.open_many(3)
    with stopped(server.pid):  # nothing answers, as behind a broken network
        eventually(lambda: all(popup_is_shown(page) for page in tabs.pages))
        assert not any(status(page)['connected'] for page in tabs.pages)
    eventually(lambda: not any(popup_is_shown(page) for page in tabs.pages))
    tabs.should_agree()


@pytest.mark.any_database
def test_a_hand_over_shows_nothing(tabs: Tabs) -> None:
    tabs.open_many(3)
    for page in tabs.followers():
        page.evaluate(
            """window.popups = 0; new MutationObserver(() => {
                if (document.getElementById('popup').getAttribute('aria-hidden') === 'false') window.popups += 1;
            }).observe(document.getElementById('popup'), { attributes: true })"""
        )
    tabs.close(tabs.leader())
    tabs.should_agree()
    assert [page.evaluate('window.popups') for page in tabs.pages] == [0, 0]


@pytest.mark.any_database
def test_the_event_log_tells_the_story_of_a_hand_over(tabs: Tabs) -> None:
    tabs.open_many(3)
    tabs.close(tabs.leader())
    tabs.should_agree()
    for page in tabs.pages:
        story = [line for line in event_log(page) if not line.startswith('broadcast')]
        assert story[0].startswith('follower: following tab '), story
        assert 'follower: no leader: the leader left' in story
        takes_over = r'leader: this tab leads in term 2: .+, \d+ ms after the last leader was lost'
        follows = r'follower: following tab \w{4} in term 2, \d+ ms after the last leader was lost'
        assert any(re.fullmatch(f'{takes_over}|{follows}', line) for line in story), story
        assert not any(re.search(r'[0-9a-f]{8}-[0-9a-f]{4}', line) for line in story), 'a client id is worth a session'


@pytest.mark.any_database
def test_tabs_outlast_a_server_that_is_gone_for_a_minute(tabs: Tabs, server: RunningServer) -> None:
    pages = tabs.open_many(3)
    for page in pages:
        page.get_by_role('textbox').first.fill('typed during the outage')
    server.kill()
    time.sleep(OUTAGE_SECONDS)  # the fault itself
    server.start()
    server.add('after the outage')
    tabs.should_agree()
    eventually(lambda: [draft(page) for page in pages] == ['typed during the outage'] * 3)


def test_a_page_that_the_server_forgot_comes_back_with_draft_and_scroll_position(
    tabs: Tabs, forgetful_server: RunningServer
) -> None:
    for number in range(60):
        forgetful_server.add(f'todo {number}')
    tabs.server = forgetful_server
    pages = tabs.open_many(2)
    for page in pages:
        page.get_by_role('textbox').first.fill('kept')
        scroll_list(page, 700)
        page.evaluate('window.marked = true')
    eventually(lambda: all(list_position(page) > 600 for page in pages))
    client_ids = [page.evaluate('window.clientId') for page in pages]
    assert all(is_known(forgetful_server, client_id) for client_id in client_ids)
    with offline(*pages):
        eventually(lambda: not any(is_known(forgetful_server, client_id) for client_id in client_ids))
    eventually(lambda: not any(page.evaluate('window.marked') for page in pages))
    tabs.should_agree()
    eventually(lambda: [draft(page) for page in pages] == ['kept', 'kept'])
    eventually(lambda: all(abs(list_position(page) - 700) < 50 for page in pages))


def test_pages_that_must_be_loaded_again_do_not_all_do_so_at_once(tabs: Tabs, server: RunningServer) -> None:
    early, late = tabs.open_many(2)
    early.evaluate('Math.random = () => 0; window.marked = true')
    late.evaluate('Math.random = () => 0.999; window.marked = true')
    server.restart()
    eventually(lambda: not any(page.evaluate('window.marked') for page in tabs.pages))
    began = [page.evaluate('performance.timeOrigin') for page in (early, late)]
    assert began[1] - began[0] > RELOAD_SPREAD_MS / 3
    tabs.should_agree()


@pytest.mark.any_database
def test_a_restored_session_of_ten_tabs_shares_one_socket(
    playwright: Playwright, server: RunningServer, tmp_path: Path
) -> None:
    chromium = Chromium(playwright, tmp_path / 'profile', '--restore-last-session')
    chromium.start()
    try:
        tabs = Tabs(chromium.context, server)
        tabs.open_many(10)
        tabs.should_agree()
        time.sleep(5)  # the browser writes its session down every few seconds
        chromium.quit()
        eventually(lambda: server.connections()['sockets'] == 0)
        server.add('while the browser was closed')
        chromium.start()
        eventually(lambda: chromium.show_each_tab() or server.connections() == {'sockets': 1, 'followers': 9})
        chromium.connect()
        tabs = Tabs(chromium.context, server)
        tabs.pages = [page for page in chromium.context.pages if page.url.startswith(server.url)]
        assert len(tabs.pages) == 10
        tabs.should_agree()
    finally:
        chromium.stop()


@pytest.mark.any_database
def test_where_nicegui_differs_each_tab_keeps_a_socket_and_says_so(
    tabs: Tabs, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    main = ROOT / 'tests' / 'apps' / 'mismatch.py'
    with running_server(tmp_path / 'other', main=main, DATABASE_URL=new_database()) as server:
        tabs.server = server
        pages = tabs.open_many(2)
        assert [status(page)['role'] for page in pages] == ['alone', 'alone']
        assert any('nicegui>=3.18,<4' in line for line in event_log(pages[0]))
        eventually(lambda: server.connections() == {'sockets': 2, 'followers': 0})
        field = pages[0].get_by_role('textbox').first
        field.fill('still works')
        field.press('Enter')
        for page in pages:
            eventually(lambda page=page: page.get_by_text('still works').first.is_visible())
        server.restart()
        server.add('after a restart')
        for page in pages:
            eventually(lambda page=page: page.get_by_text('after a restart').first.is_visible())
