"""After any fault of a tab, a browser or the server there is one leader with one socket, and every tab is right."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright

from tests.e2e.browser import (
    Chromium,
    Tabs,
    crash,
    event_log,
    eventually,
    freeze,
    offline,
    renderer_pid,
    shown,
    status,
    stopped,
    thaw,
)
from tests.server import ROOT, RunningServer, running_server

pytestmark = [pytest.mark.any_database, pytest.mark.long]

STOPPED_SECONDS = 20  # longer than the server waits for the answer to a ping
OFFLINE_SECONDS = 30
THROTTLED_SECONDS = 16  # several times the silence after which a leader is suspected
THROTTLED_WITHIN = 30  # seconds; a throttled timer fires once a minute


@pytest.fixture(scope='module')
def window(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser whose tabs are in one window, so that the one in front hides the others; the BFCache is on."""
    chromium = Chromium(
        playwright,
        tmp_path_factory.mktemp('window'),
        '--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/1',
    )
    chromium.start()
    yield chromium
    chromium.stop()


@pytest.fixture
def shared(window: Chromium, server: RunningServer) -> Iterator[Tabs]:
    window.context.clear_cookies()
    others = set(window.context.pages)  # the one without which the browser would end
    yield Tabs(window.context, server)
    for page in window.context.pages:
        if page not in others:
            page.close()


def draft(page: Page, text: str = 'a draft') -> None:
    page.get_by_role('textbox').first.fill(text)


def has_draft(page: Page, text: str = 'a draft') -> bool:
    return page.get_by_role('textbox').first.input_value() == text


def test_a_crashed_leader_is_replaced(shared: Tabs, server: RunningServer) -> None:
    shared.open_many(3)
    leader = shared.leader()
    crash(leader)
    shared.forget(leader)
    server.add('after the crash')
    shared.should_agree()


def test_a_crashed_follower_is_forgotten(shared: Tabs) -> None:
    shared.open_many(3)
    follower = shared.followers()[0]
    crash(follower)
    shared.forget(follower)
    shared.should_agree()


def test_a_leader_that_is_stopped_is_replaced_and_steps_down_when_it_wakes(shared: Tabs, server: RunningServer) -> None:
    shared.open_many(3)
    leader = shared.leader()
    others = shared.followers()
    draft(leader)
    with stopped(renderer_pid(leader)):
        stopped_at = time.monotonic()
        server.add('while the leader was stopped')
        shared.pages.remove(leader)
        shared.should_agree()
        time.sleep(max(0, stopped_at + STOPPED_SECONDS - time.monotonic()))
    shared.pages.append(leader)
    shared.should_agree()
    assert shared.leader() in others
    assert has_draft(leader), 'a leader that wakes must not be reloaded'
    assert any('no longer leads' in line for line in event_log(leader))


@pytest.mark.parametrize('who', ['leader', 'follower'])
def test_a_frozen_tab_hands_over_and_comes_back(shared: Tabs, server: RunningServer, who: str) -> None:
    pages = shared.open_many(4)
    frozen = shared.leader() if who == 'leader' else shared.followers()[0]
    shared.pages.remove(frozen)
    shared.pages[0].bring_to_front()
    freeze(frozen)
    server.add('while it was frozen')
    eventually(lambda: sum(status(page)['role'] == 'leader' for page in shared.pages) == 1)
    # the next leader leaves, too: a frozen tab must not stand in the way of the one after it
    shared.followers()[0].bring_to_front()  # else the window would show, and so thaw, the frozen tab
    shared.close(shared.leader())
    server.add('and after the next one was closed')
    assert status(frozen)['role'] == 'none'
    eventually(lambda: server.connections() == {'sockets': 1, 'followers': 1})
    thaw(frozen)
    shared.pages.append(frozen)
    frozen.bring_to_front()
    shared.should_agree()
    assert len(pages) == 4


@pytest.fixture
def cacheable(shared: Tabs, tmp_path: Path, new_database: Callable[[], str]) -> Iterator[RunningServer]:
    """A server whose pages the browser may keep in its back-forward cache."""
    main = ROOT / 'tests' / 'apps' / 'cacheable.py'
    with running_server(tmp_path / 'storage', main=main, DATABASE_URL=new_database()) as server:
        shared.server = server
        yield server


def test_a_page_that_comes_back_from_the_back_forward_cache_takes_part_again(
    shared: Tabs, cacheable: RunningServer
) -> None:
    shared.open_many(3)
    leader = shared.leader()
    leader.evaluate('window.marked = true')
    leader.goto(f'{cacheable.url}/up')
    shared.pages.remove(leader)
    cacheable.add('while the leader was away')
    shared.should_agree()
    leader.go_back(wait_until='commit')
    shared.pages.append(leader)
    shared.should_agree()
    assert leader.evaluate('window.marked'), 'the page was to come from the cache'


def test_hidden_tabs_with_throttled_timers_stay_with_their_leader(shared: Tabs, server: RunningServer) -> None:
    shared.open_many(3)
    leader = shared.leader()
    elsewhere = shared.context.new_page()
    elsewhere.goto('about:blank')
    elsewhere.bring_to_front()
    eventually(lambda: all(page.evaluate('document.hidden') for page in shared.pages))
    before = [line for page in shared.pages for line in event_log(page)]
    throttled_since = time.monotonic()
    number = 0
    while time.monotonic() - throttled_since < THROTTLED_SECONDS:
        number += 1
        server.add(f'unseen {number}')
        for page in shared.pages:
            eventually(
                lambda page=page, title=f'unseen {number}': any(item['title'] == title for item in shown(page)),
                timeout=THROTTLED_WITHIN,
            )
    assert shared.leader() is leader
    changes = [line for page in shared.pages for line in event_log(page) if not line.startswith('broadcast')]
    assert set(changes) <= set(before), 'nobody was to be elected'
    shared.should_agree()


def test_a_leader_that_is_offline_hands_over(shared: Tabs, server: RunningServer) -> None:
    shared.open_many(3)
    leader = shared.leader()
    with offline(leader):
        eventually(lambda: status(leader)['role'] == 'follower')
        server.add('the others are online')
        shared.should_agree()
    shared.should_agree()


def test_a_follower_that_is_offline_lives_on_through_the_leader(shared: Tabs, server: RunningServer) -> None:
    shared.open_many(3)
    follower = shared.followers()[0]
    with offline(follower):
        server.add('over the leader')
        shared.should_agree()
    shared.should_agree()


def test_a_browser_that_was_offline_catches_up(shared: Tabs, server: RunningServer) -> None:
    shared.open_many(3)
    for page in shared.pages:
        draft(page)
    with offline(*shared.pages):
        server.add('nobody hears it')
        time.sleep(OFFLINE_SECONDS)
        eventually(lambda: server.connections()['sockets'] == 0)
        server.add('nor this')
    shared.should_agree()
    eventually(lambda: all(has_draft(page) for page in shared.pages))


@pytest.mark.parametrize('how', ['SIGTERM', 'SIGKILL'])
def test_tabs_come_back_after_a_restart_with_what_was_typed(shared: Tabs, server: RunningServer, how: str) -> None:
    shared.open_many(4)
    for page in shared.pages:
        draft(page)
    server.add('before')
    server.stop() if how == 'SIGTERM' else server.kill()
    eventually(lambda: not any(status(page)['connected'] for page in shared.pages))
    server.start()
    server.add('after')
    shared.should_agree()
    eventually(lambda: all(has_draft(page) for page in shared.pages))


def test_ten_tabs_opened_at_once_share_one_socket(tabs: Tabs) -> None:
    pages = [tabs.context.new_page() for _ in range(10)]
    for page in pages:
        page.evaluate(f'setTimeout(() => location.replace("{tabs.server.url}/"), 0)')
    tabs.pages.extend(pages)
    tabs.should_agree()


def test_leaders_closed_one_after_the_other_leave_the_rest_right(tabs: Tabs, server: RunningServer) -> None:
    tabs.open_many(8)
    for number in range(6):
        tabs.close(tabs.leader())
        server.add(f'after closing {number}')
        time.sleep(0.3)  # the fault itself: a leader closed every 300 ms
    tabs.should_agree()


def test_two_browsers_have_a_socket_each(tabs: Tabs, chromium: Chromium, server: RunningServer) -> None:
    tabs.open_many(2)
    other_context = chromium.fresh_context()
    others = Tabs(other_context, server)
    others.open_many(2)
    eventually(lambda: server.connections() == {'sockets': 2, 'followers': 2})
    server.add('for both')
    for page in tabs.pages + others.pages:
        eventually(lambda page=page: page.get_by_text('for both').first.is_visible())
    other_context.close()
    tabs.should_agree()


def test_duplicated_and_opened_tabs_join(tabs: Tabs) -> None:
    page = tabs.open()
    with tabs.context.expect_page() as opened:
        page.evaluate("window.open('/')")
    tabs.pages.append(opened.value)
    with tabs.context.expect_page() as duplicated:  # like "duplicate tab", window.open copies the session storage
        page.evaluate('window.open(location.href)')
    tabs.pages.append(duplicated.value)
    tabs.should_agree()


def test_tabs_of_two_sessions_in_one_browser_keep_apart(tabs: Tabs, server: RunningServer) -> None:
    first = tabs.open_many(2)
    tabs.context.clear_cookies()
    second = tabs.open_many(2)
    eventually(lambda: server.connections() == {'sockets': 2, 'followers': 2})
    leaders = [page for page in tabs.pages if status(page)['role'] == 'leader']
    assert {page in first for page in leaders} == {True, False}
    assert {status(page)['leader'] for page in first}.isdisjoint({status(page)['leader'] for page in second})
    tabs.close(next(page for page in first if page in leaders))
    eventually(lambda: server.connections() == {'sockets': 2, 'followers': 1})
    server.add('for both sessions')
    for page in tabs.pages:
        eventually(lambda page=page: page.get_by_text('for both sessions').first.is_visible())


def test_an_action_of_a_follower_happens_once_while_the_leader_dies(tabs: Tabs, server: RunningServer) -> None:
    tabs.open_many(5)
    titles = []
    for number in range(4):
        follower = tabs.followers()[0]
        leader = tabs.leader()
        title = f'exactly once {number}'
        titles.append(title)
        field = follower.get_by_role('textbox').first
        field.fill(title)
        field.press('Enter')
        tabs.close(leader)
        tabs.should_agree()
    eventually(lambda: sorted(todo['title'] for todo in server.todos()) == titles)
    tabs.should_agree()


def test_a_browser_without_broadcast_channel_keeps_a_socket_per_tab(tabs: Tabs, server: RunningServer) -> None:
    tabs.context.add_init_script('delete window.BroadcastChannel')
    pages = tabs.open_many(2)
    assert [status(page)['role'] for page in pages] == ['alone', 'alone']
    assert any('no BroadcastChannel' in line for line in event_log(pages[0]))
    eventually(lambda: server.connections() == {'sockets': 2, 'followers': 0})
    server.add('for both')
    for page in pages:
        eventually(lambda page=page: page.get_by_text('for both').first.is_visible())


def test_tabs_without_web_locks_elect_one_leader(tabs: Tabs, server: RunningServer) -> None:
    tabs.context.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined }); delete crypto.randomUUID"
    )
    tabs.open_many(4)
    tabs.should_agree()
    tabs.close(tabs.leader())
    server.add('after the first')
    tabs.should_agree()
    leader = tabs.leader()
    crash(leader)
    tabs.forget(leader)
    server.add('after the second, which crashed')
    tabs.should_agree()
    follower = tabs.followers()[0]
    crash(follower)
    tabs.forget(follower)
    tabs.should_agree()


def test_tabs_opened_in_the_same_moment_without_web_locks_end_with_one_leader(tabs: Tabs) -> None:
    tabs.context.add_init_script("Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined })")
    pages = [tabs.context.new_page() for _ in range(4)]
    for page in pages:
        page.evaluate(f'setTimeout(() => location.replace("{tabs.server.url}/"), 0)')
    tabs.pages.extend(pages)
    tabs.should_agree()
