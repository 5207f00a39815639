"""Who is here, and who edits what, in browsers of several people, with several tabs, and on several servers."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.e2e.browser import Chromium, crash, eventually, status
from tests.server import ROOT, RunningServer, running_server
from todosync.presence.spot import GRACE

APP = ROOT / 'tests' / 'apps' / 'presence.py'
pytestmark = pytest.mark.any_database


@pytest.fixture(scope='module')
def app(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp('presence'), main=APP, DATABASE_URL=new_database()) as server:
        yield server


class House:
    """Browsers of people, and all that servers send to each."""

    def __init__(self, chromium: Chromium) -> None:
        self._chromium = chromium
        self.contexts: list[BrowserContext] = []
        self.received: dict[BrowserContext, str] = {}

    def browser(self, person: str) -> BrowserContext:
        context = self._chromium.fresh_context()
        context.set_extra_http_headers({'X-User': person})
        self.contexts.append(context)
        self.received[context] = ''
        return context

    def open(self, context: BrowserContext, server: RunningServer, projects: str = '7') -> Page:
        page = context.new_page()

        def note(payload: str | bytes) -> None:
            self.received[context] += payload if isinstance(payload, str) else payload.decode()

        page.on('websocket', lambda socket: socket.on('framereceived', note))
        page.goto(f'{server.url}/{projects}')
        eventually(lambda: status(page)['connected'])
        return page


@pytest.fixture
def house(chromium: Chromium, app: RunningServer) -> Iterator[House]:
    prepare(app)
    house = House(chromium)
    yield house
    for context in house.contexts:
        context.close()


def prepare(server: RunningServer) -> None:
    server.execute('DELETE FROM errands_of_projects')
    server.execute('DELETE FROM guests')
    for person, project in itertools.product(('ann', 'bob'), (7, 8)):
        server.execute('INSERT INTO guests(name, project_id) VALUES (:n, :p)', {'n': person, 'p': project})
    for row_id, title in ((1, 'paint'), (2, 'sand')):
        row = {'i': row_id, 't': title}
        server.execute("INSERT INTO errands_of_projects(id, project_id, title, note) VALUES (:i, 7, :t, '')", row)


def here(page: Page, project: int = 7) -> str:
    return page.locator(f'[data-here="{project}"]').inner_text()


def editors(page: Page, row: int, *, of: str = 'editors') -> str:
    """Return who edits a row, by its place in the list."""
    return page.locator('[role=listitem]').nth(row).locator(f'.{of}').inner_text()


def enter(page: Page, field: str) -> None:
    page.bring_to_front()
    eventually(page.get_by_label(field).is_visible)
    page.get_by_label(field).focus()


def test_each_person_is_here_once_until_their_last_tab_is_closed(house: House, app: RunningServer) -> None:
    ann, bob = house.browser('ann'), house.browser('bob')
    of_ann = [house.open(ann, app) for _ in range(2)]
    of_bob = [house.open(bob, app) for _ in range(2)]
    for page in of_ann:
        eventually(lambda page=page: here(page) == 'In 7: ann (me), bob')
    for page in of_bob:
        eventually(lambda page=page: here(page) == 'In 7: ann, bob (me)')
        assert page.locator('[data-count="7"]').inner_text() == '2 people'
    assert sorted(status(page)['role'] for page in of_bob) == ['follower', 'leader']
    for page in of_bob:
        page.close()
    eventually(lambda: here(of_ann[0]) == here(of_ann[1]) == 'In 7: ann (me)')


def test_rows_show_who_edits_them_in_every_tab_but_those_of_that_person(house: House, app: RunningServer) -> None:
    ann, bob = house.browser('ann'), house.browser('bob')
    of_ann = [house.open(ann, app) for _ in range(2)]
    of_bob = [house.open(bob, app) for _ in range(2)]
    for page, others in ((of_bob[0], of_ann), (of_bob[1], of_ann), (of_ann[1], of_bob)):
        name = 'bob' if page in of_bob else 'ann'
        enter(page, 'Note of paint')
        for other in others:
            eventually(lambda other=other, name=name: editors(other, 0) == name)
            eventually(lambda other=other, name=name: editors(other, 0, of='editors-of-note') == name)
            assert editors(other, 1) == ''
        assert editors(page, 0) == ''
        enter(page, 'Title of sand')
        for other in others:
            eventually(lambda other=other, name=name: (editors(other, 0), editors(other, 1)) == ('', name))
            assert editors(other, 1, of='editors-of-note') == ''
        page.evaluate('document.activeElement.blur()')
        for other in others:
            eventually(lambda other=other: editors(other, 1) == '')


def test_a_person_whose_leader_is_closed_or_dies_is_here_all_the_time(house: House, app: RunningServer) -> None:
    ann, bob = house.browser('ann'), house.browser('bob')
    watching = house.open(ann, app)
    tabs = [house.open(bob, app) for _ in range(4)]
    eventually(lambda: here(watching) == 'In 7: ann (me), bob')
    enter(tabs[-1], 'Note of paint')
    eventually(lambda: editors(watching, 0) == 'bob')
    watching.evaluate("""
        window.seen = [];
        for (const selector of ['[data-here="7"]', '.editors']) {
          const element = document.querySelector(selector);
          const options = { childList: true, characterData: true, subtree: true };
          new MutationObserver(() => window.seen.push(element.textContent)).observe(element, options);
        }
    """)
    is_slow = False  # a machine on which the tabs need that long shows nothing of what follows
    for end in (lambda page: page.close(), crash):
        leader = next(page for page in tabs if status(page)['role'] == 'leader')
        assert leader is not tabs[-1]
        tabs.remove(leader)
        began = time.monotonic()
        end(leader)
        eventually(lambda: [status(page)['role'] for page in tabs].count('leader') == 1)
        eventually(lambda: all(status(page)['connected'] for page in tabs))
        is_slow |= time.monotonic() - began > GRACE / 2
    enter(tabs[-1], 'Note of sand')
    eventually(lambda: editors(watching, 1) == 'bob')  # what the new leader's server and tabs know is told
    seen = watching.evaluate('window.seen')
    assert is_slow or [text for text in seen if text not in {'', 'bob'}] == [], 'bob was here all the time'
    assert is_slow or 'bob' not in seen, 'and edited the same row until he entered the other one'
    eventually(lambda: editors(tabs[0], 1) == '')


def test_who_may_not_read_neither_sees_nor_is_seen_and_a_lost_right_ends_it(house: House, app: RunningServer) -> None:
    ann, bob, eve = (house.browser(name) for name in ('ann', 'bob', 'eve'))
    of_ann, of_bob, of_eve = house.open(ann, app), house.open(bob, app, '7,8'), house.open(eve, app, '7,8')
    eventually(lambda: here(of_ann) == 'In 7: ann (me), bob')
    eventually(lambda: here(of_bob, 8) == 'In 8: bob (me)')
    enter(of_ann, 'Note of paint')
    eventually(lambda: editors(of_bob, 0) == 'ann')
    app.execute("DELETE FROM guests WHERE name = 'bob' AND project_id = 7")
    eventually(lambda: here(of_ann) == 'In 7: ann (me)')
    eventually(lambda: here(of_bob) == 'In 7:')
    assert of_bob.evaluate("todosync.editors('errands_of_projects', 7, 1)") == ''
    before = len(house.received[bob])
    enter(of_ann, 'Note of sand')
    app.execute("INSERT INTO guests(name, project_id) VALUES ('eve', 8)")
    eventually(lambda: here(of_eve, 8) == 'In 8: bob, eve (me)')
    assert here(of_eve) == 'In 7:'
    assert '"ann"' not in house.received[bob][before:]
    assert '"ann"' not in house.received[eve]
    assert 'In 7: ann' not in house.received[eve]


def test_a_row_that_is_deleted_under_somebody_is_edited_no_more(house: House, app: RunningServer) -> None:
    ann, bob = house.browser('ann'), house.browser('bob')
    of_ann, of_bob = house.open(ann, app), house.open(bob, app)
    enter(of_bob, 'Note of paint')
    eventually(lambda: editors(of_ann, 0) == 'bob')
    app.execute('DELETE FROM errands_of_projects WHERE id = 1')
    eventually(lambda: of_ann.locator('[role=listitem]').count() == 1)
    eventually(lambda: of_ann.evaluate("todosync.editors('errands_of_projects', 7, 1)") == '')


def test_somebody_who_reads_at_two_servers_is_one_person_and_a_killed_server_takes_its_people_along(
    house: House, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    settings = {'main': APP, 'DATABASE_URL': new_database(), 'CABLE': 'sqlite', 'STORAGE_SECRET': 'the same at both'}
    with running_server(tmp_path, **settings) as first, running_server(tmp_path, **settings) as second:
        prepare(first)
        ann, bob = house.browser('ann'), house.browser('bob')
        of_ann, at_second = house.open(ann, first), house.open(house.browser('ann'), second)
        of_bob = house.open(bob, second)
        eventually(lambda: here(of_ann) == here(at_second) == 'In 7: ann (me), bob')
        enter(of_bob, 'Note of paint')
        eventually(lambda: editors(of_ann, 0) == editors(at_second, 0) == 'bob')
        enter(of_ann, 'Note of sand')
        eventually(lambda: editors(of_bob, 1) == 'ann')
        assert editors(at_second, 1) == ''
        second.kill()
        eventually(lambda: here(of_ann) == 'In 7: ann (me)')
        eventually(lambda: editors(of_ann, 0) == '')
        second.start()
        eventually(lambda: here(of_ann) == 'In 7: ann (me), bob')
        eventually(lambda: here(of_bob) == 'In 7: ann, bob (me)')


def test_an_app_without_a_page_function_shows_who_is_here(house: House, tmp_path: Path) -> None:
    main = ROOT / 'tests' / 'apps' / 'script_presence.py'
    with running_server(tmp_path, main=main) as server:
        pages = [house.open(house.browser(''), server, '') for _ in range(2)]
        for page in pages:
            eventually(page.get_by_text('Here: Somebody, Somebody', exact=True).is_visible)
