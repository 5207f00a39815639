"""When the rows change, a tab renders the parts that show the change and no others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page

from tests.e2e.browser import Chromium, Tabs, eventually
from tests.server import ROOT, RunningServer, running_server

LONG = 600
"""Rows of a list that is not rendered as a whole when the browser has time."""


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
    """Wait until nothing is being rendered, and return how often each part was rendered."""
    counts: list[dict[str, int]] = [{}]

    def is_as_before() -> bool:
        counts.append(page.evaluate('new Promise((done) => setTimeout(() => done({ ...renders }), 300))'))
        return counts[-1] == counts[-2]

    eventually(is_as_before)
    return counts[-1]


def test_a_change_renders_its_row_and_nothing_that_looks_the_same(app: RunningServer, page: Page) -> None:
    todo = app.todos()[1]
    before = settled(page)
    app.request('PATCH', f'/todos/{todo["id"]}', {'todo': {'title': 'Call Bob'}})
    eventually(lambda: 'Call Bob' in rows(page))
    assert settled(page) == {**before, 'row': before['row'] + 1}


def test_a_new_row_is_rendered_alone_and_what_counts_them(app: RunningServer, page: Page) -> None:
    before = settled(page)
    app.add('Feed the cat')
    eventually(lambda: rows(page)[0] == 'Feed the cat')
    eventually(lambda: page.locator('output').get_attribute('title') == str(len(rows(page))))
    assert settled(page) == {**before, 'row': before['row'] + 1, 'live': before['live'] + 1}


def test_rows_show_what_has_changed_before_they_are_scrolled_to_and_back(app: RunningServer, page: Page) -> None:
    begin = datetime(2026, 1, 1)
    added = [{'title': f'todo {n}', 'at': (begin + timedelta(seconds=n)).isoformat(' ')} for n in range(LONG)]
    app.execute('DELETE FROM todos')
    app.execute('INSERT INTO todos(title, created_at) VALUES (:title, :at)', *added)
    ids = [todo['id'] for todo in reversed(app.todos())]
    top = f'todo {LONG - 1}'
    eventually(lambda: rows(page)[:1] == [top])

    def rename(number: int, title: str) -> None:
        app.request('PATCH', f'/todos/{ids[number]}', {'todo': {'title': title}})

    def scroll_to(top: int) -> None:
        page.locator('.q-virtual-scroll').evaluate('(list, top) => list.scrollTo(0, top)', top)

    rename(LONG - 1, 'in view')
    eventually(lambda: rows(page)[0] == 'in view')
    scroll_to(30)
    rename(LONG - 140, 'out of view')
    assert 'out of view' not in rows(page)
    scroll_to(24 * 130)
    eventually(lambda: 'out of view' in rows(page))
    rename(LONG - 140, 'in view, too')
    eventually(lambda: 'in view, too' in rows(page))
    app.request('DELETE', f'/todos/{ids[LONG - 139]}')
    eventually(lambda: f'todo {LONG - 139}' not in rows(page))
    rename(LONG - 2, 'out of view')
    scroll_to(0)
    eventually(lambda: rows(page)[:3] == ['in view', 'out of view', f'todo {LONG - 3}'])
    scroll_to(24 * 130)
    eventually(lambda: 'in view, too' in rows(page) and f'todo {LONG - 139}' not in rows(page))


def test_a_scroll_right_after_rows_were_rendered_is_not_taken_back(app: RunningServer, page: Page) -> None:
    for number in range(200 - len(app.todos())):
        app.add(f'more {number}')
    titles = [todo['title'] for todo in app.todos()]
    eventually(lambda: rows(page)[:1] == titles[:1])
    page.locator('.q-virtual-scroll').evaluate("""(list) => {
      // told of new rows before the next frame
      const observer = new MutationObserver(() => { observer.disconnect(); list.scrollTo(0, 24 * 60); });
      observer.observe(list, { childList: true, subtree: true });
      list.scrollTo(0, 24 * 130);
    }""")
    eventually(lambda: titles[61] in rows(page))


def test_what_python_changes_in_the_row_shows_in_every_row(page: Page) -> None:
    page.get_by_role('button', name='mark').click()
    eventually(lambda: rows(page) and all(text.endswith('marked') for text in rows(page)))
