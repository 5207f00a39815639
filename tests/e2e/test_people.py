"""What a person does waits for that person: others who use the same browser neither see nor send it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.databases import other_program
from tests.e2e.browser import Chromium, eventually, status
from tests.e2e.engines import Firefox, WebKit
from tests.server import ROOT, RunningServer, running_server

APP = ROOT / 'tests' / 'apps' / 'people.py'
pytestmark = pytest.mark.any_database
SHOWN = "[...document.querySelectorAll('.note')].map((note) => note.innerText)"
DATABASES = 'indexedDB.databases().then((all) => all.map(({ name }) => name).sort())'


@pytest.fixture(scope='module')
def app(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp('people'), main=APP, DATABASE_URL=new_database()) as server:
        yield server


@pytest.fixture
def server(app: RunningServer) -> RunningServer:
    if not app.is_running:
        app.start()
    app.execute('DELETE FROM notes_of_people')
    return app


@pytest.fixture
def context(chromium: Chromium) -> Iterator[BrowserContext]:
    context = chromium.fresh_context()
    yield context
    context.close()


def open_as(context: Any, server: RunningServer, path: str) -> Page:
    page: Page = context.new_page()
    page.goto(f'{server.url}{path}')
    eventually(lambda: status(page)['connected'])
    return page


def add(page: Page, text: str) -> None:
    page.bring_to_front()
    page.get_by_label('Note').fill(text)
    page.get_by_role('button', name='Add').click()
    eventually(lambda: text in notes(page))


def notes(page: Page) -> list[str]:
    return list(page.evaluate(SHOWN))


def stored(server: RunningServer) -> list[tuple[str, str]]:
    with other_program(server.database_url) as connection:
        found = connection.exec_driver_sql('SELECT text, "by" FROM notes_of_people ORDER BY id').all()
    return [(text, by) for text, by in found]


def test_what_one_person_has_waiting_is_neither_shown_nor_sent_while_another_is_signed_in(
    context: BrowserContext, server: RunningServer
) -> None:
    page = open_as(context, server, '/sign-in/ann')
    server.kill()
    add(page, 'of Ann')
    add(page, 'of Ann, too')
    page.get_by_text('2 pending', exact=True).wait_for()
    assert page.get_by_text('Not all is saved').is_visible()
    page.close()
    server.start()
    bob = [open_as(context, server, '/sign-in/bob'), open_as(context, server, '/')]
    assert bob[0].get_by_text('You are bob').is_visible()
    add(bob[1], 'of Bob')
    eventually(lambda: stored(server) == [('of Bob', 'bob')])
    for page in bob:
        eventually(lambda page=page: notes(page) == ['of Bob'])
        assert page.get_by_text('0 pending', exact=True).is_visible()
        assert not page.get_by_text('Not all is saved').is_visible()
        assert page.evaluate('todosync.writes.count()') == 0
        page.close()
    page = open_as(context, server, '/new-session')
    eventually(lambda: notes(page) == ['of Bob'])
    page.goto(f'{server.url}/sign-in/ann')  # a new session of hers
    expected = [('of Ann', 'ann'), ('of Ann, too', 'ann'), ('of Bob', 'bob')]
    eventually(lambda: stored(server) == expected)
    eventually(lambda: notes(page) == [text for text, _ in expected])


def test_what_waited_before_anybody_signed_in_is_nobodys(context: BrowserContext, server: RunningServer) -> None:
    page = open_as(context, server, '/')
    server.kill()
    add(page, 'of nobody')
    page.close()
    server.start()
    page = open_as(context, server, '/sign-in/bob')
    add(page, 'of Bob')
    eventually(lambda: stored(server) == [('of Bob', 'bob')])
    assert notes(page) == ['of Bob']
    page.goto(f'{server.url}/sign-out')
    eventually(lambda: stored(server) == [('of nobody', 'nobody'), ('of Bob', 'bob')])


def test_a_tab_of_somebody_who_has_signed_out_elsewhere_keeps_what_is_written_in_it(
    context: BrowserContext, server: RunningServer
) -> None:
    """The tab leads for those of her session, and the server knows by now that another person is signed in."""
    ann = open_as(context, server, '/sign-in/ann')
    of_ann_too = open_as(context, server, '/')
    add(of_ann_too, 'in time')
    eventually(lambda: stored(server) == [('in time', 'ann')])
    bob = open_as(context, server, '/sign-in/bob')
    for page in (ann, of_ann_too):
        add(page, f'too late {page is ann}')
    ann.get_by_text('Somebody else is signed in now').wait_for()
    add(bob, 'of Bob')
    eventually(lambda: stored(server) == [('in time', 'ann'), ('of Bob', 'bob')])
    assert notes(bob) == ['in time', 'of Bob']
    assert status(bob)['role'] == 'leader', 'of his own tabs'
    for page in (ann, of_ann_too):
        page.close()
    bob.goto(f'{server.url}/sign-in/ann')
    eventually(lambda: len(stored(server)) == 4)
    assert {by for text, by in stored(server) if 'too late' in text} == {'ann'}


def test_a_page_without_the_notes_sends_for_the_person_whose_page_it_is(
    context: BrowserContext, server: RunningServer
) -> None:
    open_as(context, server, '/sign-in/ann').goto(f'{server.url}/empty')
    leader = context.pages[0]
    eventually(lambda: status(leader)['role'] == 'leader')
    follower = open_as(context, server, '/')
    assert status(follower)['role'] == 'follower'
    add(follower, 'over the other tab')
    eventually(lambda: stored(server) == [('over the other tab', 'ann')])


def test_who_signs_out_is_told_what_waits_and_leaves_nothing_of_their_own_and_all_of_the_others(
    context: BrowserContext, server: RunningServer
) -> None:
    ann = open_as(context, server, '/sign-in/ann')
    bob = open_as(context, server, '/sign-in/bob')
    add(ann, 'it waits')
    eventually(lambda: len(ann.evaluate(DATABASES)) == 2)
    of_bob = bob.evaluate("document.querySelector('meta[name=todosync-person]').content")
    ann.get_by_role('button', name='Count').click()
    ann.get_by_text('1 waiting', exact=True).wait_for()
    ann.get_by_role('button', name='Forget').click()
    ann.get_by_text('1 forgotten', exact=True).wait_for()
    assert ann.evaluate(DATABASES) == [f'todosync-writes-{of_bob}']
    add(bob, 'of Bob')
    eventually(lambda: stored(server) == [('of Bob', 'bob')])


@pytest.mark.long
@pytest.mark.parametrize('engine', ['firefox', 'webkit'])
def test_in_other_browsers_a_persons_changes_wait_for_that_person_and_can_be_dropped(
    engine: str, request: pytest.FixtureRequest, server: RunningServer, tmp_path: Path
) -> None:
    browser: Firefox | WebKit = request.getfixturevalue(engine)
    profile: Any = browser.fresh_context()
    try:
        page = profile.new_page()
        page.goto(f'{server.url}/sign-in/ann')
        eventually(lambda: status(page)['connected'])
        server.kill()
        for text in ('first', 'second', 'third'):
            page.evaluate(f"void todosync.writes.insert('notes_of_people', {{ text: '{text}' }})")
        eventually(lambda: page.evaluate('todosync.writes.waiting().map(({ text }) => text)') == [
            'Add “first”', 'Add “second”', 'Add “third”',
        ])  # fmt: skip
        assert page.evaluate('todosync.writes.drop(todosync.writes.waiting()[1].sequence)') is True
        eventually(lambda: notes(page) == ['first', 'third'])
        page.goto('about:blank')
        server.start()
        page.goto(f'{server.url}/sign-in/bob')
        eventually(lambda: status(page)['connected'])
        assert page.evaluate('todosync.writes.count()') == 0
        page.goto(f'{server.url}/sign-in/ann')
        eventually(lambda: stored(server) == [('first', 'ann'), ('third', 'ann')])
    finally:
        profile.close()
