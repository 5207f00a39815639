"""Plain NiceGUI code works in every tab, whether it leads or follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.e2e.browser import Chromium, Tabs, eventually
from tests.server import ROOT, RunningServer, running_server

pytestmark = pytest.mark.any_database


@pytest.fixture(scope='module')
def app(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Iterator[RunningServer]:
    storage, main = tmp_path_factory.mktemp('features'), ROOT / 'tests' / 'apps' / 'features.py'
    with running_server(storage, main=main, DATABASE_URL=new_database()) as server:
        yield server


@pytest.fixture(scope='module')
def features(chromium: Chromium, app: RunningServer) -> Iterator[Tabs]:
    context = chromium.fresh_context()
    tabs = Tabs(context, app)
    tabs.open_many(3)
    yield tabs
    context.close()


@pytest.fixture(params=['leader', 'follower'])
def page(request: pytest.FixtureRequest, features: Tabs) -> Page:
    return features.leader() if request.param == 'leader' else features.followers()[-1]


def says(page: Page, text: str) -> None:
    eventually(lambda: page.locator('.log').inner_text() == text)


def press(page: Page, name: str) -> None:
    page.bring_to_front()
    page.get_by_role('button', name=name, exact=True).click()


def test_handlers_run_in_the_tabs_own_client(features: Tabs) -> None:
    for clicks, page in enumerate(features.pages, start=1):
        for _ in range(clicks):
            press(page, 'count')
    for clicks, page in enumerate(features.pages, start=1):
        says(page, f'clicked {clicks}')
    assert len({page.locator('.client').inner_text() for page in features.pages}) == 3
    eventually(lambda: features.server.connections() == {'sockets': 1, 'followers': 2})


def test_timers_tick(page: Page) -> None:
    before = int(page.locator('.ticks').inner_text())
    eventually(lambda: int(page.locator('.ticks').inner_text()) > before + 2)


def test_bindings_follow_what_is_typed(page: Page) -> None:
    page.get_by_label('bound').fill('a text')
    eventually(lambda: page.locator('.bound-label').inner_text() == 'a text')


def test_dialogs_can_be_awaited(page: Page) -> None:
    press(page, 'ask')
    press(page, 'yes')
    says(page, 'answered yes')


def test_notifications_show_in_the_tab_that_asked(page: Page, features: Tabs) -> None:
    press(page, 'notify')
    eventually(lambda: page.locator('.q-notification', has_text='a notification').count() == 1)
    others = [other for other in features.pages if other is not page]
    page.evaluate("document.querySelectorAll('.q-notification').forEach((shown) => shown.remove())")
    assert all(other.locator('.q-notification').count() == 0 for other in others)


def test_javascript_returns_its_result(page: Page) -> None:
    press(page, 'compute')
    says(page, 'computed 42')


def test_uploads_and_downloads_work(page: Page, tmp_path: Path) -> None:
    file = tmp_path / 'file.txt'
    file.write_text('12345')
    page.locator('.upload input[type=file]').set_input_files(file)
    says(page, 'uploaded 5')
    with page.expect_download() as download:
        press(page, 'download')
    assert download.value.path().read_text() == 'downloaded'


def test_tab_storage_is_the_tabs_own(page: Page) -> None:
    press(page, 'remember')
    says(page, 'tab storage 1')


def test_refreshables_are_rendered_anew(page: Page) -> None:
    press(page, 'count')
    press(page, 'refresh')
    eventually(lambda: page.get_by_text('item 0').is_visible())


def test_a_frame_that_is_too_large_is_refused_as_in_plain_nicegui(page: Page) -> None:
    page.evaluate("window.emitEvent('shout', 'x'.repeat(1_100_000))")
    eventually(lambda: page.locator('#too_long_message_popup').get_attribute('aria-hidden') == 'false')
    page.evaluate("window.emitEvent('shout', 'x'.repeat(900_000))")
    says(page, 'heard 900000')


def test_tabs_on_different_pages_share_one_socket(features: Tabs) -> None:
    other = features.open('/other')
    press(other, 'more')
    eventually(lambda: other.locator('.n').inner_text() == '1')
    eventually(lambda: features.server.connections() == {'sockets': 1, 'followers': 3})
    features.close(other)


def test_navigation_by_the_server_happens_in_the_tab_that_asked(features: Tabs) -> None:
    page = features.open('/')
    press(page, 'go')
    eventually(lambda: page.locator('.other').is_visible())
    assert all(other.locator('.other').count() == 0 for other in features.pages if other is not page)
    features.close(page)


def test_what_cannot_be_cloned_is_sent_as_json_makes_it(page: Page) -> None:
    page.get_by_text('functions', exact=True).click()
    says(page, "got {'answer': 42}")
    page.get_by_text('compute').click()
    says(page, 'computed 42')


def test_the_page_gets_the_answers_to_what_it_emits(page: Page) -> None:
    assert page.evaluate("() => new Promise((resolve) => socket.emit('double', 21, resolve))") == 42
    page.evaluate(
        """() => new Promise((resolve) => {
            socket.emit('log', { client_id: clientId, level: 'debug', message: 'answered' }, resolve);
        })"""
    )


def test_a_page_that_disconnects_comes_back_when_it_connects(page: Page, features: Tabs) -> None:
    page.evaluate("socket.once('disconnect', (reason) => { window.lostBecause = reason; }).disconnect()")
    assert page.evaluate('[socket.connected, socket.id ?? null, lostBecause]') == [False, None, 'io client disconnect']
    other = next(tab for tab in features.pages if tab is not page)
    eventually(lambda: other.evaluate('socket.connected'))
    other.get_by_text('compute').click()
    says(other, 'computed 42')
    page.evaluate("window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    assert page.evaluate('todosync.tab.channel') is None, 'it stays so until it connects'

    page.evaluate('socket.connect()')
    eventually(lambda: page.evaluate('socket.connected'))
    page.get_by_text('functions', exact=True).click()
    says(page, "got {'answer': 42}")


@pytest.mark.parametrize(
    ('loss', 'reason'),
    [
        ('socket.io.engine.close()', 'forced close'),
        ('socket.io.engine.transport.onClose("transport close")', 'transport close'),
    ],
)
def test_a_page_whose_connection_breaks_connects_again_and_loses_no_click(page: Page, loss: str, reason: str) -> None:
    eventually(lambda: page.evaluate('socket.connected'))
    page.evaluate(
        """() => {
            window.told = [];
            socket.once('disconnect', (reason) => told.push(reason));
            socket.io.once('reconnect_attempt', () => told.push('tries'));
            socket.io.once('reconnect', () => told.push('again'));
            socket.once('connect', () => told.push('connected'));
        }"""
    )
    page.evaluate(f'{loss}; [...document.querySelectorAll("button")].find((b) => b.innerText === "COMPUTE").click()')
    assert page.evaluate('told[0]') == reason
    says(page, 'computed 42')
    eventually(lambda: page.evaluate('told') == [reason, 'tries', 'again', 'connected'])


def test_the_page_speaks_to_its_socket_as_to_a_real_one(page: Page) -> None:
    assert page.evaluate("socket.emitWithAck('double', 21)") == 42
    assert page.evaluate("socket.timeout(10000).emitWithAck('sum', 1, 2, 3)") == 6
    refused = "socket.timeout(50).emitWithAck('nobody listens').catch((error) => error.message)"
    assert page.evaluate(refused) == 'operation has timed out'
    page.evaluate(
        "socket.on('pair', (...args) => { window.pair = args; }); socket.onAny((name) => { window.heard = name; })"
    )
    press(page, 'pair')
    eventually(lambda: page.evaluate('window.pair') == ['left', 'right'])
    assert page.evaluate('[socket.active, socket.disconnected]') == [True, False]
    assert page.evaluate('socket.offAny().listenersAny()') == []


def test_the_server_gets_the_answers_to_what_it_emits(page: Page) -> None:
    page.evaluate(
        "socket.on('question', (left, right, answer) => { answer(`${right} ${left}`); answer('not a second time'); })"
    )
    press(page, 'question')
    says(page, 'the page says right left')


def test_what_is_emitted_without_a_connection_is_sent_when_there_is_one(page: Page) -> None:
    assert page.evaluate('socket.close().active') is False
    page.evaluate("socket.emit('double', 4, (answer) => { window.doubled = answer; })")
    page.evaluate("socket.volatile.emit('double', 5, () => { window.doubled = 'not worth waiting for'; })")
    page.evaluate('socket.open()')
    eventually(lambda: page.evaluate('window.doubled') == 8)
