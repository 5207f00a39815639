"""What a change of the list renders in a tab: what shows it, and no more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.e2e.browser import Chromium, Tabs, eventually
from tests.server import ROOT, RunningServer, running_server


@pytest.fixture(scope='module')
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    storage = tmp_path_factory.mktemp('live')
    with running_server(storage, main=ROOT / 'tests' / 'apps' / 'live.py') as server:
        for name in ('Buy milk', 'Call Ann', 'Water the plants'):
            server.add(name)
        yield server


@pytest.fixture
def page(chromium: Chromium, app: RunningServer) -> Iterator[Page]:
    context = chromium.fresh_context()
    yield Tabs(context, app).open()
    context.close()


def rows(page: Page) -> list[str]:
    return page.locator('[role=listitem]').all_inner_texts()


def settled(page: Page) -> dict[str, int]:
    """Return how often each part has been rendered, once nothing is rendered any more."""
    before: dict[str, int] = page.evaluate('new Promise((done) => setTimeout(() => done({ ...renders }), 300))')
    eventually(lambda: page.evaluate('renders') == before)
    return before


def test_a_change_renders_its_row_and_what_shows_the_stream(app: RunningServer, page: Page) -> None:
    todo = app.todos()[1]
    before = settled(page)
    app.request('PATCH', f'/todos/{todo["id"]}', {'todo': {'title': 'Call Bob'}})
    eventually(lambda: 'Call Bob' in rows(page))
    after = settled(page)
    assert after['row'] == before['row'] + 1
    assert after['live'] == before['live'] + 1
    assert after['page'] == before['page'], 'the whole page was rendered'


def test_a_new_row_is_rendered_alone(app: RunningServer, page: Page) -> None:
    before = settled(page)
    app.add('Feed the cat')
    eventually(lambda: rows(page)[0] == 'Feed the cat')
    assert page.locator('output').inner_text() == str(len(rows(page)))
    after = settled(page)
    assert after['row'] == before['row'] + 1
    assert after['page'] == before['page'], 'the whole page was rendered'


def test_what_python_changes_in_the_row_shows_in_every_row(page: Page) -> None:
    page.get_by_role('button', name='mark').click()
    eventually(lambda: rows(page) and all(text.endswith('marked') for text in rows(page)))
