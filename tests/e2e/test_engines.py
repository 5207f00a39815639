"""What holds in Chromium holds in Firefox and in WebKit; and in all three where http is plain, so without locks."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.browser import Chromium, Tabs, event_log, eventually, status, stopped
from tests.e2e.engines import Firefox, WebKit
from tests.server import ROOT, RunningServer, running_server

pytestmark = [pytest.mark.any_database, pytest.mark.long]

CACHEABLE = ROOT / 'tests' / 'apps' / 'cacheable.py'
WITHOUT_WEBSOCKETS = ROOT / 'tests' / 'apps' / 'without_websockets.py'
FIELD = '.todo-form input'
LEAD_TIME = 1.0  # enough to tell two tabs what to do together
STOP_SECONDS = 8  # longer than the silence after which a leader is replaced, and than the server's ping time-out
BUSY_MS = 9000  # longer than that silence, too
ROUNDS = 30  # on a machine with a processor for each tab, the first one is enough

SECURE_FIREFOX, SECURE_WEBKIT = ('firefox', 'secure'), ('webkit', 'secure')
SECURE_CHROMIUM = ('chromium', 'secure')
ENGINES = ('chromium', 'firefox', 'webkit')
PLAIN_CHROMIUM, PLAIN_FIREFOX, PLAIN_WEBKIT = ('chromium', 'plain'), ('firefox', 'plain'), ('webkit', 'plain')

# The tab leaves the election and takes part again, as a page does that comes from the back-forward cache. When its
# question who leads has gone unanswered it is busy, as the other tab is, so that neither hears of the other's claim
# before it has made its own.
CLAIM = """(start) => {
    dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }));
    dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
    setTimeout(() => { while (Date.now() < start + 600); }, 300);
}"""


def run_in(*places: tuple[str, str]) -> pytest.MarkDecorator:
    """Run a test in some engines, each on an address that makes a secure context or on one of plain http."""
    return pytest.mark.parametrize(('engine', 'server'), places, indirect=True)


@pytest.fixture(scope='module')
def secure(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp('secure'), main=CACHEABLE, DATABASE_URL=new_database()) as server:
        yield server


@pytest.fixture(scope='module')
def plain(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Iterator[RunningServer]:
    """A server on this machine's own name, which is not ``localhost`` to a browser, wherever it points to."""
    storage, host = tmp_path_factory.mktemp('plain'), socket.gethostname()
    with running_server(storage, main=CACHEABLE, host=host, DATABASE_URL=new_database()) as server:
        yield server


@pytest.fixture(scope='module')
def polled(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Iterator[RunningServer]:
    storage = tmp_path_factory.mktemp('polled')
    with running_server(storage, main=WITHOUT_WEBSOCKETS, DATABASE_URL=new_database()) as server:
        yield server


@pytest.fixture(scope='module')
def plain_polled(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Iterator[RunningServer]:
    storage, host = tmp_path_factory.mktemp('plain-polled'), socket.gethostname()
    with running_server(storage, main=WITHOUT_WEBSOCKETS, host=host, DATABASE_URL=new_database()) as server:
        yield server


@pytest.fixture
def server(request: pytest.FixtureRequest, new_database: Callable[[], str]) -> RunningServer:
    return request.getfixturevalue(request.param)


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Chromium | Firefox | WebKit:
    return request.getfixturevalue(request.param)


@pytest.fixture
def tabs(engine: Chromium | Firefox | WebKit, server: RunningServer) -> Iterator[Tabs]:
    profile: Any = engine.fresh_context()
    yield Tabs(profile, server)
    profile.close()


@run_in(SECURE_FIREFOX, SECURE_WEBKIT)
def test_tabs_share_one_socket_and_show_what_is_added_in_a_follower(tabs: Tabs, server: RunningServer) -> None:
    tabs.open_many(4)
    tabs.should_agree()
    title, total = f'from {len(server.todos())}', f'{len(server.todos()) + 1} total'
    follower = tabs.followers()[-1]
    follower.fill(FIELD, title)
    follower.press(FIELD, 'Enter')
    # rows are rendered for the next frame, which a hidden tab has when it is shown
    has_row = f"document.hidden || document.querySelector('.todo-rows').innerText.includes('{title}')"
    for page in tabs.pages:
        eventually(lambda page=page: total in page.evaluate("document.querySelector('h1').innerText"))
        eventually(lambda page=page: page.evaluate(has_row))
    tabs.should_agree()


@run_in(SECURE_FIREFOX, SECURE_WEBKIT, PLAIN_CHROMIUM, PLAIN_FIREFOX, PLAIN_WEBKIT)
def test_closing_the_leader_loses_nothing(tabs: Tabs, server: RunningServer) -> None:
    tabs.open_many(4)
    type_drafts(tabs.pages)
    for number in range(2):
        tabs.close(tabs.leader())
        server.add(f'meanwhile {number}')
        tabs.should_agree()
    should_keep_drafts(tabs.pages)


@run_in(SECURE_FIREFOX, SECURE_WEBKIT)
def test_reloading_the_leader_is_a_hand_over(tabs: Tabs, server: RunningServer) -> None:
    tabs.open_many(3)
    type_drafts(tabs.pages)
    leader, followers = tabs.leader(), tabs.followers()
    leader.reload(wait_until='commit')
    server.add('meanwhile')
    eventually(lambda: status(leader)['connected'])
    tabs.should_agree()
    should_keep_drafts(followers)


@run_in(SECURE_FIREFOX, SECURE_WEBKIT, PLAIN_CHROMIUM, PLAIN_FIREFOX, PLAIN_WEBKIT)
def test_a_leader_that_goes_away_and_back_takes_part_again(
    engine: Chromium | Firefox | WebKit, tabs: Tabs, server: RunningServer
) -> None:
    tabs.open_many(3)
    type_drafts(tabs.pages)
    leader, followers = tabs.leader(), tabs.followers()
    leader.goto(f'{server.url}/up', wait_until='commit')
    tabs.pages.remove(leader)
    server.add('while the leader was away')
    tabs.should_agree()
    leader.evaluate('void setTimeout(() => history.back())')
    tabs.pages.append(leader)
    tabs.should_agree()
    # Firefox caches no page that has a socket or has asked for a lock: there it is loaded again
    should_keep_drafts(followers if isinstance(engine, Firefox) else tabs.pages)


@run_in(SECURE_FIREFOX, PLAIN_FIREFOX)
def test_a_leader_whose_process_is_killed_is_replaced(engine: Firefox, tabs: Tabs, server: RunningServer) -> None:
    tabs.open_many(3)
    type_drafts(tabs.pages)
    leader = tabs.leader()
    os.kill(engine.renderer_pid(leader), signal.SIGKILL)
    tabs.forget(leader)
    server.add('after the crash')
    tabs.should_agree()
    should_keep_drafts(tabs.pages)


@run_in(SECURE_FIREFOX, SECURE_WEBKIT, PLAIN_FIREFOX)
def test_a_leader_that_is_stopped_is_replaced_and_steps_down_when_it_wakes(
    engine: Firefox | WebKit, tabs: Tabs, server: RunningServer
) -> None:
    tabs.open_many(3)
    type_drafts(tabs.pages)
    leader, followers = tabs.leader(), tabs.followers()
    with stopped(engine.renderer_pid(leader)):
        stopped_since = time.monotonic()
        server.add('while the leader was stopped')
        tabs.pages.remove(leader)
        tabs.should_agree()
        time.sleep(max(0, stopped_since + STOP_SECONDS - time.monotonic()))  # the fault itself
    tabs.pages.append(leader)
    tabs.should_agree()
    assert tabs.leader() in followers
    assert any('this tab no longer leads' in line for line in event_log(leader)), 'its socket may still be open'
    should_keep_drafts(tabs.pages)


@run_in(*((engine, server) for engine in ENGINES for server in ('polled', 'plain_polled')))
def test_a_leader_whose_websocket_is_blocked_polls_and_carries_the_others(tabs: Tabs, server: RunningServer) -> None:
    tabs.open_many(3)
    tabs.should_agree()
    transport = 'todosync.tab.carrier.real.io.engine.transport.name'
    assert tabs.leader().evaluate(transport) == 'polling'
    follower = tabs.followers()[-1]
    title = f'from {len(server.todos())}'
    follower.fill(FIELD, title)
    follower.press(FIELD, 'Enter')
    eventually(lambda: title in [todo['title'] for todo in server.todos()])
    tabs.should_agree()
    type_drafts(tabs.pages)
    for number in range(2):
        tabs.close(tabs.leader())
        server.add(f'meanwhile {number}')
        tabs.should_agree()
    assert tabs.leader().evaluate(transport) == 'polling'
    should_keep_drafts(tabs.pages)


@run_in(SECURE_CHROMIUM, SECURE_FIREFOX, SECURE_WEBKIT, PLAIN_CHROMIUM, PLAIN_FIREFOX, PLAIN_WEBKIT)
def test_a_leader_whose_page_keeps_the_main_thread_busy_loses_nothing(tabs: Tabs, server: RunningServer) -> None:
    tabs.open_many(3)
    leader, *followers = tabs.leader(), *tabs.followers()
    type_drafts([leader, followers[0]])
    work = f'const end = Date.now() + {BUSY_MS}; while (Date.now() < end); window.wasBusy = true;'
    leader.evaluate(f'void setTimeout(() => {{ {work} }})')
    title = f'while the leader was busy: {len(server.todos())}'
    followers[-1].fill(FIELD, title)
    followers[-1].press(FIELD, 'Enter')
    eventually(lambda: title in [todo['title'] for todo in server.todos()])
    eventually(lambda: leader.evaluate('window.wasBusy'))
    tabs.should_agree()
    assert [todo['title'] for todo in server.todos()].count(title) == 1
    should_keep_drafts([leader, followers[0]])


@run_in(PLAIN_CHROMIUM, PLAIN_FIREFOX, PLAIN_WEBKIT)
def test_without_locks_two_tabs_that_claim_to_lead_in_the_same_millisecond_end_with_the_lowest_id(tabs: Tabs) -> None:
    tabs.pages += [tabs.context.new_page() for _ in range(2)]
    do_at_once(tabs.pages, f"() => location.replace('{tabs.server.url}/')")
    tabs.should_agree()
    for page in tabs.pages:
        missing = page.evaluate('[isSecureContext, typeof navigator.locks, typeof crypto.randomUUID]')
        assert missing == [False, 'undefined', 'undefined']
    ids = [page.evaluate('window.todosync.tab.id') for page in tabs.pages]
    for _ in range(ROUNDS):
        before = max(map(last_term_led, tabs.pages))
        do_at_once(tabs.pages, CLAIM)
        eventually(lambda before=before: max(map(last_term_led, tabs.pages)) > before)
        tabs.should_agree()
        if len(set(map(last_term_led, tabs.pages))) == 1:
            assert status(tabs.leader())['leader'] == min(ids), [event_log(page) for page in tabs.pages]
            return
    pytest.skip('one tab always heard of the claim of the other before it made its own')


def type_drafts(pages: list[Any]) -> None:
    for number, page in enumerate(pages):
        page.fill(FIELD, f'draft {number}')
        page.evaluate(f"window.draft = 'draft {number}'")


def should_keep_drafts(pages: list[Any]) -> None:
    """Assert that what was typed is still there, and that the page was not loaded again."""
    for page in pages:
        assert page.evaluate('window.draft'), 'nothing made a reload necessary'
        assert page.input_value(FIELD) == page.evaluate('window.draft')


def do_at_once(pages: list[Any], run: str) -> None:
    """Have tabs call a JavaScript function in the same millisecond; it is given the time of that."""
    start = int((time.time() + LEAD_TIME) * 1000)
    for page in pages:
        page.evaluate(f'void setTimeout({run}, {start} - Date.now(), {start})')


def last_term_led(page: Any) -> int:
    terms = re.findall('this tab leads in term ([0-9]+)', ' '.join(event_log(page)))
    return int(terms[-1]) if terms else 0
