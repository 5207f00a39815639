"""Streams that a page begins to show later, in a dialog and on a sub-page, as leader and as follower."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Chromium, eventually
from tests.server import ROOT, RunningServer, running_server


@pytest.fixture(scope='module')
def app(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Iterator[RunningServer]:
    main = ROOT / 'tests' / 'apps' / 'late.py'
    with running_server(tmp_path_factory.mktemp('late'), main=main, DATABASE_URL=new_database()) as server:
        yield server


@pytest.fixture
def pages(chromium: Chromium, app: RunningServer) -> Iterator[list[Page]]:
    for table in ('late_words', 'late_tags'):
        app.execute(f'DELETE FROM {table}')
    for text in ('pear', 'apple', 'fig'):
        add_word(app, text)
    context = chromium.fresh_context()
    pages = []
    for role in ('leader', 'follower'):
        pages.append(page := context.new_page())
        page.goto(app.url)
        eventually(lambda page=page, role=role: page.evaluate('todosync.status.role') == role)
    yield pages
    context.close()


def add_word(app: RunningServer, text: str) -> None:
    values = {'t': text, 'l': 'en'}
    app.execute('INSERT INTO late_words(language, text, known) VALUES (:l, :t, false)', values)


def open_words(page: Page) -> None:
    page.get_by_role('button', name='Words').click()


@pytest.mark.parametrize('first', ['leader', 'follower'])
def test_a_dialog_shows_a_stream_of_its_own_in_its_order_and_what_happens_to_it(
    pages: list[Page], app: RunningServer, first: str
) -> None:
    one, other = pages if first == 'leader' else reversed(pages)
    open_words(one)
    words = one.locator('[data-word]')
    expect(words).to_have_text(['apple', 'fig', 'pear'])
    add_word(app, 'banana')
    expect(words).to_have_text(['apple', 'banana', 'fig', 'pear'])
    expect(one.locator('[data-role]')).to_have_text(first)

    open_words(other)
    of_other = other.locator('[data-word]')
    expect(of_other).to_have_text(['apple', 'banana', 'fig', 'pear'])
    for number, page in enumerate(pages, 1):  # a tab's own writes show with their totals, and in the other tab
        page.locator('[data-known]').nth(number).click()
        for each in pages:
            expect(each.locator('[data-summary]')).to_have_text(f'{number} of 4 known')
    add_word(app, 'cherry')
    for shown in (words, of_other):
        expect(shown).to_have_text(['apple', 'banana', 'cherry', 'fig', 'pear'])


def test_a_sub_page_to_which_somebody_goes_shows_a_stream_of_its_own(pages: list[Page], app: RunningServer) -> None:
    app.execute("INSERT INTO late_tags(name) VALUES ('red')")
    for page in pages:
        page.get_by_role('link', name='Tags').click()
        expect(page.locator('[data-list=tags] [role=listitem]')).to_have_text(['red'])
    app.execute("INSERT INTO late_tags(name) VALUES ('blue')")
    for page in pages:
        expect(page.locator('[data-list=tags] [role=listitem]')).to_have_text(['blue', 'red'])
