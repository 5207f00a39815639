"""A page of which a part did not come, as when the server ended while it was loaded, is loaded again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from tests.e2e.browser import Chromium, eventually, status
from tests.server import ROOT, RunningServer, running_server

PARTS = [f'**/{part}' for part in ('nicegui.js', 'leader.js', 'tab.js', 'vue.esm*', 'quasar.important*', 'socket.io*')]
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


def test_a_part_that_is_missing_for_good_does_not_load_it_for_ever(context: BrowserContext, app: RunningServer) -> None:
    page = context.new_page()
    times = loads(page)
    questions: list[str] = []  # whether the server answers; each is put at once when a part is found missing
    page.on('request', lambda request: request.resource_type == 'fetch' and questions.append(request.url))
    page.route('**/nicegui.js', lambda route: route.fulfill(status=404))
    page.goto(app.url)
    eventually(lambda: page.evaluate('document.readyState') == 'complete' and len(times) == 2)
    assert len(questions) == 1


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
    assert page.evaluate('sessionStorage.getItem("todosync-reloaded:parts")') is None
    assert len(times) == 1
