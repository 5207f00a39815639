"""A page of which a part did not come, as when the server ended while it was loaded, is loaded again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from tests.e2e.browser import Chromium, eventually, status
from tests.server import ROOT, RunningServer, running_server

PARTS = [f'**/{part}' for part in ('nicegui.js', 'leader.js', 'vue.esm*', 'quasar.important*', 'socket.io*')]
SENTENCE = 'A part of this page did not come.'


@pytest.fixture(scope='module')
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp('storage'), main=ROOT / 'tests' / 'apps' / 'features.py') as server:
        yield server


@pytest.fixture
def context(chromium: Chromium) -> Iterator[BrowserContext]:
    context = chromium.fresh_context()
    yield context
    context.close()


def abort(route: Route) -> None:
    route.abort()


def loads(page: Page) -> list[str]:
    """Return a list that grows with each load of the page."""
    found: list[str] = []
    page.on('domcontentloaded', lambda page: found.append(page.url))
    return found


@pytest.mark.parametrize('part', PARTS)
def test_it_is_loaded_again_once_the_server_answers(context: BrowserContext, app: RunningServer, part: str) -> None:
    page = context.new_page()
    page.route(part, abort)
    page.route('**/leader.js', abort)  # by it the page finds out whether the server answers
    page.goto(app.url)
    page.get_by_text(SENTENCE).wait_for()
    page.unroute_all()
    eventually(lambda: status(page)['connected'])
    assert page.get_by_text(SENTENCE).count() == 0


def test_a_page_that_broke_off_is_loaded_again(context: BrowserContext, app: RunningServer) -> None:
    page = context.new_page()

    def break_off(route: Route) -> None:
        response = route.fetch()
        begin, _, _ = response.text().partition('<meta name="todosync-session"')
        route.fulfill(response=response, body=begin)

    page.route(f'{app.url}/', break_off, times=1)
    page.goto(app.url)
    eventually(lambda: status(page)['connected'])


NOTE_WAITS = """
const wait = setTimeout;
globalThis.setTimeout = (then, milliseconds, ...values) => {
  if (milliseconds > 1000) sessionStorage.waits = (sessionStorage.waits ?? "") + " " + milliseconds;
  return wait(then, 0, ...values);
};
"""


def test_a_page_that_does_not_start_is_loaded_again_less_and_less_often(
    context: BrowserContext, app: RunningServer
) -> None:
    page = context.new_page()
    page.route('**/nicegui.js', lambda route: route.fulfill(status=404))
    page.add_init_script(NOTE_WAITS)
    page.goto(app.url)
    eventually(lambda: page.evaluate('sessionStorage.waits').split()[:4] == ['4000', '16000', '60000', '60000'])


def test_a_page_that_works_without_a_part_of_its_own_is_loaded_again_once(
    context: BrowserContext, app: RunningServer
) -> None:
    page = context.new_page()
    asked: list[str] = []
    page.on('request', lambda request: 'nowhere' in request.url and asked.append(request.url))

    def add_a_part_that_is_nowhere(route: Route) -> None:
        response = route.fetch()
        link = '<link rel="stylesheet" href="/nowhere.css">'
        route.fulfill(response=response, body=response.text().replace('</head>', f'{link}</head>'))

    page.route(f'{app.url}/', add_a_part_that_is_nowhere)
    page.goto(app.url)
    eventually(lambda: status(page)['connected'] and len(asked) == 2)
    assert page.evaluate('sessionStorage.getItem("todosync-reloads-in-vain")') == '1'


def test_what_another_site_does_not_send_changes_nothing(context: BrowserContext, app: RunningServer) -> None:
    page = context.new_page()
    times = loads(page)
    page.goto(app.url)
    eventually(lambda: status(page)['connected'])
    failed = page.evaluate(
        """() => new Promise((resolve) => {
            const script = Object.assign(document.createElement("script"), { src: "http://127.0.0.1:9/none.js" });
            script.onerror = () => setTimeout(() => resolve(true));
            document.head.append(script);
        })"""
    )
    assert failed
    assert page.evaluate('sessionStorage.getItem("todosync-reloads-in-vain")') is None
    assert len(times) == 1
