"""Streams with scopes and rights, in browsers of two people."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.e2e.browser import Chromium, eventually
from tests.server import ROOT, RunningServer, running_server

SECRET = 'buy a ring'


@pytest.fixture(scope='module')
def app(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Iterator[RunningServer]:
    storage = tmp_path_factory.mktemp('scopes')
    main = ROOT / 'tests' / 'apps' / 'scopes.py'
    with running_server(storage, main=main, DATABASE_URL=new_database()) as server:
        yield server


@pytest.fixture
def house(chromium: Chromium, app: RunningServer) -> Iterator[House]:
    app.execute('DELETE FROM scoped_tasks')
    app.execute('DELETE FROM project_members')
    for person, project in (('ann', 7), ('ann', 8), ('bob', 8)):
        join(app, person, project)
    house = House(chromium, app)
    yield house
    for context in house.contexts:
        context.close()


def join(app: RunningServer, person: str, project: int) -> None:
    app.execute('INSERT INTO project_members(person, project_id) VALUES (:p, :s)', {'p': person, 's': project})


class House:
    """Browsers of people, and all that the server sends to each."""

    def __init__(self, chromium: Chromium, app: RunningServer) -> None:
        self._chromium = chromium
        self._app = app
        self.contexts: list[BrowserContext] = []
        self.received: dict[str, str] = {}

    def browser(self, person: str) -> BrowserContext:
        context = self._chromium.fresh_context()
        context.set_extra_http_headers({'X-User': person})
        self.contexts.append(context)
        self.received[person] = ''
        return context

    def open(self, context: BrowserContext, person: str, projects: str) -> Page:
        page = context.new_page()

        def note(payload: str | bytes) -> None:
            self.received[person] += payload if isinstance(payload, str) else payload.decode()

        page.on('websocket', lambda socket: socket.on('framereceived', note))
        page.goto(f'{self._app.url}/{projects}')
        eventually(lambda: page.evaluate('todosync.status.connected'))
        return page

    def add(self, row_id: int, project: int, title: str) -> None:
        row = {'i': row_id, 'p': project, 't': title}
        self._app.execute('INSERT INTO scoped_tasks(id, project_id, title, done) VALUES (:i, :p, :t, false)', row)


def shown(page: Page, project: int) -> list[str]:
    return page.locator(f'[data-list="{project}"] [role=listitem]').all_inner_texts()


def text(page: Page, what: str, project: int) -> str:
    return page.locator(f'[data-{what}="{project}"]').inner_text()


def held(page: Page, project: int) -> list[str]:
    rows: list[str] = page.evaluate(f'todosync.stream("scoped_tasks", {project}).rows.map((row) => row.title)')
    return rows


def test_a_row_that_moves_leaves_one_project_and_enters_the_other(house: House, app: RunningServer) -> None:
    ann, bob = house.browser('ann'), house.browser('bob')
    both, only_8 = house.open(ann, 'ann', '7,8'), house.open(bob, 'bob', '8')
    house.add(1, 7, SECRET)
    house.add(2, 8, 'paint')
    eventually(lambda: (shown(both, 7), shown(both, 8)) == ([SECRET], ['paint']))
    eventually(lambda: shown(only_8, 8) == ['paint'])
    assert text(both, 'summary', 7) == '0 of 1 done'
    assert text(both, 'python', 8) == 'Python: 1'
    app.execute('UPDATE scoped_tasks SET project_id = 7 WHERE id = 2')
    eventually(lambda: (shown(both, 7), shown(both, 8)) == ([SECRET, 'paint'], []))
    eventually(lambda: shown(only_8, 8) == [])
    app.execute('UPDATE scoped_tasks SET project_id = 8, done = true WHERE id = 2')
    eventually(lambda: shown(only_8, 8) == ['paint'])
    eventually(lambda: text(only_8, 'summary', 8) == '1 of 1 done')
    assert SECRET in house.received['ann']
    assert SECRET not in house.received['bob']


def test_tabs_of_a_browser_show_different_projects_over_one_socket(house: House, app: RunningServer) -> None:
    ann = house.browser('ann')
    house.add(1, 7, 'seven')
    house.add(2, 8, 'eight')
    first, second, third = house.open(ann, 'ann', '7'), house.open(ann, 'ann', '8'), house.open(ann, 'ann', '8')
    roles = [page.evaluate('todosync.status.role') for page in (first, second, third)]
    assert roles == ['leader', 'follower', 'follower']
    eventually(lambda: (shown(first, 7), shown(second, 8), shown(third, 8)) == (['seven'], ['eight'], ['eight']))
    app.execute("UPDATE scoped_tasks SET title = 'ocho' WHERE id = 2")
    eventually(lambda: shown(second, 8) == shown(third, 8) == ['ocho'])
    first.close()
    eventually(lambda: 'leader' in [page.evaluate('todosync.status.role') for page in (second, third)])
    app.execute('UPDATE scoped_tasks SET project_id = 8 WHERE id = 1')
    eventually(lambda: shown(second, 8) == shown(third, 8) == ['ocho', 'seven'])


def test_who_loses_the_right_has_nothing_left_in_any_tab(house: House, app: RunningServer) -> None:
    ann, bob = house.browser('ann'), house.browser('bob')
    house.add(1, 8, 'paint')
    of_ann = house.open(ann, 'ann', '8')
    tabs = [house.open(bob, 'bob', '8') for _ in range(2)]
    for page in (of_ann, *tabs):
        eventually(lambda page=page: shown(page, 8) == ['paint'])
    app.execute("DELETE FROM project_members WHERE person = 'bob'")
    for page in tabs:
        eventually(lambda page=page: (shown(page, 8), held(page, 8)) == ([], []))
        eventually(lambda page=page: 'You may not read this' in text(page, 'refused', 8))
        assert text(page, 'python', 8) == 'Python: 0'
    house.add(2, 8, SECRET)
    eventually(lambda: shown(of_ann, 8) == [SECRET, 'paint'])
    assert SECRET not in house.received['bob']
    join(app, 'bob', 8)
    for page in tabs:
        eventually(lambda page=page: shown(page, 8) == [SECRET, 'paint'])
        eventually(lambda page=page: text(page, 'refused', 8) == '')


def test_who_may_not_read_gets_no_row_whatever_they_ask(house: House, app: RunningServer) -> None:
    house.add(1, 7, SECRET)
    ann, bob = house.browser('ann'), house.browser('bob')
    of_ann, of_bob = house.open(ann, 'ann', '7'), house.open(bob, 'bob', '7,8')
    eventually(lambda: shown(of_ann, 7) == [SECRET])
    eventually(lambda: 'You may not read this' in text(of_bob, 'refused', 7))
    ask = """new Promise((done) => todosync.tab.carrier.real.emit(
        'todosync_fetch', { stream: 'scoped_tasks', scope: 7, version: null }, done))"""
    assert of_bob.evaluate(ask) == {'ok': True}
    eventually(lambda: of_bob.evaluate('todosync.stream("scoped_tasks", 7).refused'))
    write = """(values) => todosync.writes.update('scoped_tasks', 1, values)"""
    outcome = of_bob.evaluate(write, {'title': 'mine'})
    assert outcome['state'] == 'refused'
    assert outcome['gone']
    house.add(2, 8, 'paint')
    eventually(lambda: shown(of_bob, 8) == ['paint'])
    moved = of_bob.evaluate("todosync.writes.update('scoped_tasks', 2, { project_id: 7 })")
    assert 'may not write here' in moved['errors'][0]
    inserted = of_bob.evaluate("todosync.writes.insert('scoped_tasks', { project_id: 7, title: 'spam' })")
    assert 'may not write here' in inserted['errors'][0]
    assert shown(of_bob, 8) == ['paint']
    assert SECRET not in house.received['bob']
    done = of_ann.evaluate("todosync.writes.insert('scoped_tasks', { project_id: 7, title: 'zoo' })")
    assert done['state'] == 'done'
    eventually(lambda: shown(of_ann, 7) == [SECRET, 'zoo'])
    assert app.request('GET', '/scoped_tasks/export.json?project_id=7', **{'X-User': 'bob'})[0] == 403
    status, rows = app.request('GET', '/scoped_tasks/export.json?project_id=7', **{'X-User': 'ann'})
    assert status == 200
    assert SECRET in str(rows)
