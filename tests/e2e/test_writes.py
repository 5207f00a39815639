"""What a person does shows at once, is kept whatever happens to tab, page and server, and is done once."""

from __future__ import annotations

import itertools
import os
import signal
import threading

from playwright.sync_api import Page

from tests.e2e.browser import Chromium, Tabs, eventually, shown, status
from tests.server import RunningServer

FAR_AWAY = 0.3
SMALL_NOTICE = 150
"""In pixels: a notice that leaves the page to be used."""
NO_INDEXED_DB = """indexedDB.open = () => { throw new DOMException('no', 'SecurityError'); };"""
NO_ROOM = """void (IDBObjectStore.prototype.add = () => { throw new DOMException('full', 'QuotaExceededError'); })"""
WATCH = """(title) => {
    const box = [...document.querySelectorAll('.todo-checkbox')].find((box) => box.ariaLabel === title);
    window.seen = [];
    const note = () => { window.seen.push(box.checked); requestAnimationFrame(note); };
    box.addEventListener('change', () => setTimeout(note));
}"""
NEXT_FRAMES = '() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))'


class FarAway:
    """Delays what the server sends and gets, as a long way does."""

    def __init__(self, page: Page) -> None:
        session = page.context.new_cdp_session(page)
        session.send('Network.enable')
        session.send('Network.emulateNetworkConditions', {
            'offline': False, 'latency': 1000 * FAR_AWAY, 'downloadThroughput': -1, 'uploadThroughput': -1,
        })  # fmt: skip


def add(page: Page, title: str) -> None:
    field = page.locator('.todo-form input')
    field.fill(title)
    field.press('Enter')
    eventually(lambda: title in titles(page))


def undo(page: Page) -> None:
    button = page.get_by_role('button', name='Undo')
    eventually(lambda: button.count() == 1)  # another notice may still be fading away
    button.click()


def titles(page: Page) -> list[str]:
    return page.locator('.todo-title').all_inner_texts()


def of_server(server: RunningServer) -> list[str]:
    return [todo['title'] for todo in server.todos()]


def box(page: Page, title: str) -> bool:
    return page.get_by_role('checkbox', name=title, exact=True).is_checked()


def test_without_a_server_everything_shows_at_once_and_is_done_when_it_is_back(
    tabs: Tabs, server: RunningServer
) -> None:
    """Also what was done in a tab that was closed, and in one that was reloaded."""
    for title in ('Buy milk', 'Call Ann', 'Pay the rent'):
        server.add(title)
    first, second, third = tabs.open_many(3)
    eventually(lambda: all(len(titles(page)) == 3 for page in tabs.pages))
    server.kill()
    for number in range(4):
        for page, name in ((first, 'first'), (second, 'second')):
            add(page, f'{name} {number}')
            eventually(lambda title=f'{name} {number}': all(title in titles(page) for page in tabs.pages))
    second.get_by_role('checkbox', name='Buy milk').click()
    first.get_by_role('button', name='Delete Call Ann').click()
    third.get_by_role('button', name='Edit Pay the rent').click()
    third.keyboard.type('Pay the rent in time')
    third.keyboard.press('Enter')
    expected = [f'{name} {number}' for number in (3, 2, 1, 0) for name in ('second', 'first')]
    expected += ['Pay the rent in time', 'Buy milk']
    eventually(lambda: all(titles(page) == expected for page in tabs.pages))
    third.get_by_text('11 changes waiting').wait_for()
    tabs.close(tabs.pages[0])
    server.start()
    eventually(lambda: of_server(server) == expected)
    eventually(lambda: all(titles(page) == expected and box(page, 'Buy milk') for page in tabs.pages))
    tabs.pages[0].get_by_role('button', name='waiting').wait_for(state='hidden')
    tabs.should_agree()


def test_the_totals_and_the_title_count_what_the_server_has_yet_to_hear_of(tabs: Tabs, server: RunningServer) -> None:
    server.add('Buy milk')
    server.add('Call Ann')
    page, other = tabs.open_many(2)
    server.kill()
    add(page, 'Pay the rent')
    page.get_by_role('checkbox', name='Buy milk').click()
    page.get_by_role('checkbox', name='Pay the rent').click()
    page.get_by_role('button', name='Delete Call Ann').click()
    for tab in tabs.pages:
        tab.get_by_role('heading', name='Todos (2 total, 2 done)').wait_for()
        eventually(lambda tab=tab: tab.title() == 'Todos (2 total, 2 done)')
    server.start()
    eventually(lambda: of_server(server) == ['Pay the rent', 'Buy milk'])
    assert other.get_by_role('heading').inner_text() == 'Todos (2 total, 2 done)'
    tabs.should_agree()


def test_what_is_deleted_without_a_server_can_be_undone_without_one(tabs: Tabs, server: RunningServer) -> None:
    """Also what was deleted before the server went away."""
    for title in ('Buy milk', 'Call Ann', 'Pay the rent'):
        server.add(title)
    page, other = tabs.open_many(2)
    page.get_by_role('checkbox', name='Call Ann').click()
    eventually(lambda: [todo['completed'] for todo in server.todos()] == [False, True, False])
    before = server.todos()
    page.get_by_role('button', name='Delete Call Ann').click()
    eventually(lambda: of_server(server) == ['Pay the rent', 'Buy milk'])
    server.kill()
    undo(page)
    page.get_by_role('button', name='Delete Buy milk').click()
    page.get_by_text('Deleted “Buy milk”').wait_for()
    undo(page)
    page.get_by_role('button', name='Delete Pay the rent').click()
    expected = ['Call Ann', 'Buy milk']
    eventually(lambda: all(titles(tab) == expected and box(tab, 'Call Ann') for tab in tabs.pages))
    server.start()
    eventually(lambda: of_server(server) == expected)
    tabs.should_agree()
    assert server.todos() == before[1:], 'as it was, in its place'
    assert titles(other) == expected


def test_who_writes_to_what_somebody_else_has_deleted_is_told_its_title(tabs: Tabs, server: RunningServer) -> None:
    todo = server.add('Buy milk')
    page = tabs.open()
    server.kill()
    page.get_by_role('checkbox', name='Buy milk').click()
    page.get_by_text('1 change waiting').wait_for()
    server.execute(f'DELETE FROM todos WHERE id = {todo["id"]}')
    server.start()
    page.get_by_text('“Buy milk” is not there any more; it may have been deleted').wait_for()


def test_who_types_into_what_is_deleted_meanwhile_is_told_its_title_and_keeps_the_text(
    tabs: Tabs, server: RunningServer
) -> None:
    todo = server.add('Buy milk')
    page = tabs.open()
    page.get_by_role('button', name='Edit Buy milk').click()
    page.keyboard.type('Buy oats')
    server.request('DELETE', f'/todos/{todo["id"]}')
    page.get_by_text(
        '“Buy milk” is not there any more; it may have been deleted. You had written “Buy oats”', exact=True
    ).wait_for()


def test_who_deletes_the_last_todo_by_the_keyboard_can_type_the_next_one(tabs: Tabs, server: RunningServer) -> None:
    for title in ('Buy milk', 'Call Ann'):
        server.add(title)
    page = tabs.open()
    page.get_by_role('button', name='Delete Call Ann').press('Enter')
    eventually(lambda: titles(page) == ['Buy milk'])
    page.keyboard.press('Enter')
    eventually(lambda: titles(page) == [])
    page.keyboard.type('Pay the rent')
    page.keyboard.press('Enter')
    eventually(lambda: titles(page) == ['Pay the rent'])


def test_nothing_is_said_to_be_deleted_where_the_browser_has_no_room(tabs: Tabs, server: RunningServer) -> None:
    server.add('Buy milk')
    page = tabs.open()
    eventually(lambda: page.evaluate('todosync.writes.view !== undefined'))
    page.evaluate(NO_ROOM)
    page.get_by_role('button', name='Delete Buy milk').click()
    page.get_by_text('“Buy milk”: This browser has no room to keep the change').wait_for()
    assert titles(page) == ['Buy milk']
    assert page.get_by_role('button', name='Undo').count() == 0


def test_what_is_shown_is_chosen_without_a_server_and_survives_a_reload_and_back(
    tabs: Tabs, server: RunningServer
) -> None:
    server.add('Buy milk')
    server.add('Call Ann')
    page = tabs.open()
    eventually(lambda: len(titles(page)) == 2)
    requests: list[str] = []
    page.on('request', lambda request: requests.append(request.url))
    server.kill()
    page.get_by_role('button', name='Done').click()
    page.get_by_text('Nothing done yet.').wait_for()
    page.get_by_role('button', name='Active').click()
    page.get_by_role('checkbox', name='Buy milk').click()
    eventually(lambda: titles(page) == ['Call Ann'])
    page.go_back()
    eventually(lambda: titles(page) == ['Buy milk'])
    assert page.get_by_role('button', name='Done').get_attribute('aria-pressed') == 'true'
    assert [url for url in requests if 'socket.io' not in url] == []
    server.start()
    eventually(lambda: [todo['completed'] for todo in server.todos()] == [False, True])
    page.reload()
    eventually(lambda: titles(page) == ['Buy milk'])
    page.get_by_role('button', name='All').click()
    eventually(lambda: len(titles(page)) == 2)
    assert page.url.rstrip('/') == server.url.rstrip('/')


def test_what_is_entered_in_the_moment_before_the_tab_is_closed_is_done(tabs: Tabs, server: RunningServer) -> None:
    page, other = tabs.open_many(2)
    server.kill()
    for number in range(5):
        page.locator('.todo-form input').fill(f'at the last moment {number}')
        page.keyboard.press('Enter')
    tabs.close(page)
    server.start()
    eventually(lambda: len(of_server(server)) == 5)
    eventually(lambda: titles(other) == [f'at the last moment {number}' for number in (4, 3, 2, 1, 0)])


def test_what_a_follower_keeps_in_the_moment_before_it_is_closed_waits_for_no_other_tab(
    tabs: Tabs, server: RunningServer
) -> None:
    tabs.open_many(2)
    for number in range(3):
        follower = tabs.open()
        eventually(lambda follower=follower: status(follower)['role'] == 'follower')
        follower.locator('.todo-form input').fill(f'at the last moment {number}')
        follower.keyboard.press('Enter')
        tabs.close(follower)
        eventually(lambda number=number: len(of_server(server)) == number + 1)


def test_far_from_the_server_ten_quick_clicks_never_bounce(tabs: Tabs, server: RunningServer) -> None:
    server.add('Buy milk')
    leader, follower = tabs.open_many(2)
    FarAway(leader)
    for page in (follower, leader):
        page.bring_to_front()
        page.evaluate(WATCH, 'Buy milk')
        for number in range(9):
            page.get_by_role('checkbox', name='Buy milk').click()
            page.evaluate(NEXT_FRAMES)
            assert box(page, 'Buy milk') == (number % 2 == 0)
        eventually(lambda: server.todos()[0]['completed'])
        eventually(lambda: all(box(page, 'Buy milk') for page in tabs.pages))
        seen = page.evaluate('window.seen')
        changes = [now for before, now in itertools.pairwise(seen) if now != before]
        assert len(changes) <= 9, 'the box shows each click once'
        page.get_by_role('checkbox', name='Buy milk').click()
        eventually(lambda: not server.todos()[0]['completed'])


def test_a_refused_change_is_taken_back_and_its_text_comes_back(tabs: Tabs, server: RunningServer) -> None:
    server.add('Buy milk')
    page, other = tabs.open_many(2)
    page.bring_to_front()
    page.get_by_role('button', name='Edit Buy milk').click()
    page.keyboard.insert_text('x' * 501)
    page.keyboard.press('Enter')
    page.get_by_text('Title is too long (maximum is 500 characters).').first.wait_for()
    assert page.locator('.todo-edit').first.input_value() == 'x' * 501, 'the editor is open again'
    assert page.locator('.q-notification').bounding_box()['height'] < SMALL_NOTICE
    page.get_by_role('button', name='Copy text').click()
    page.locator('.todo-form input').click()
    page.keyboard.press('Control+V')
    assert page.locator('.todo-form input').input_value() == 'x' * 501
    eventually(lambda: titles(other) == ['Buy milk'])
    assert of_server(server) == ['Buy milk']


def test_a_refusal_is_explained_even_if_the_tab_that_wrote_is_gone(tabs: Tabs, server: RunningServer) -> None:
    page, other = tabs.open_many(2)
    server.kill()
    page.locator('.todo-form input').fill('y' * 501)
    page.keyboard.press('Enter')
    eventually(lambda: len(shown(page)) == 1)
    tabs.close(page)
    server.start()
    other.get_by_text('You had written “yyy').wait_for()
    eventually(lambda: titles(other) == [])


def test_who_overwrites_somebody_elses_change_is_told_and_can_take_theirs(tabs: Tabs, server: RunningServer) -> None:
    todo = server.add('Buy milk')
    page = tabs.open()
    server.kill()
    page.get_by_role('button', name='Edit Buy milk').click()
    page.keyboard.type('Buy bread')
    page.keyboard.press('Enter')
    eventually(lambda: titles(page) == ['Buy bread'])
    server.execute(f"UPDATE todos SET title = 'Buy oats' WHERE id = {todo['id']}")
    server.start()
    page.get_by_text('Somebody else had meanwhile written “Buy oats”. Yours stands.').wait_for()
    assert of_server(server) == ['Buy bread']
    page.get_by_role('button', name='Take theirs').click()
    eventually(lambda: of_server(server) == ['Buy oats'])


def test_what_somebody_else_writes_into_an_open_editors_todo_is_told(tabs: Tabs, server: RunningServer) -> None:
    todo = server.add('Buy milk')
    page = tabs.open()
    page.get_by_role('button', name='Edit Buy milk').click()
    page.keyboard.type('Buy bread')
    server.request('PATCH', f'/todos/{todo["id"]}', {'todo': {'title': 'Buy oats'}})
    eventually(lambda: shown(page)[0]['title'] == 'Buy oats')
    page.keyboard.press('Enter')
    page.get_by_text('Somebody else had meanwhile written “Buy oats”. Yours stands.').wait_for()
    assert of_server(server) == ['Buy bread']


def test_a_write_whose_answer_is_lost_is_done_once(tabs: Tabs, server: RunningServer) -> None:
    page = tabs.open()
    entered: list[str] = []
    for kills in range(3):
        thread = threading.Thread(target=server.restart if kills == 1 else server.kill)
        thread.start()
        for number in range(10):
            entered.append(f'todo {kills} {number}')
            add(page, entered[-1])
        thread.join()
        if not server.is_running:
            server.start()
        eventually(lambda: of_server(server) == entered[::-1])
        eventually(lambda: status(page)['connected'])
    eventually(lambda: titles(page) == entered[::-1])


def test_where_the_browser_keeps_nothing_the_server_is_asked(chromium: Chromium, server: RunningServer) -> None:
    context = chromium.fresh_context()
    context.add_init_script(NO_INDEXED_DB)
    page = context.new_page()
    page.goto(server.url)
    eventually(lambda: status(page)['connected'])
    add(page, 'Buy milk')
    page.get_by_role('checkbox', name='Buy milk').click()
    eventually(lambda: [todo['completed'] for todo in server.todos()] == [True])
    page.get_by_role('button', name='Edit Buy milk').click()
    page.keyboard.type('Buy oats')
    page.keyboard.press('Enter')
    eventually(lambda: of_server(server) == ['Buy oats'])
    page.get_by_role('button', name='Delete Buy oats').click()
    eventually(lambda: of_server(server) == [])
    context.close()


def test_where_the_browser_keeps_nothing_a_title_entered_as_the_server_dies_is_not_lost(
    chromium: Chromium, server: RunningServer
) -> None:
    context = chromium.fresh_context()
    context.add_init_script(NO_INDEXED_DB)
    page = context.new_page()
    page.goto(server.url)
    eventually(lambda: status(page)['connected'])
    os.kill(server.pid, signal.SIGSTOP)
    field = page.locator('.todo-form input')
    field.fill('Buy milk')
    field.press('Enter')
    eventually(lambda: field.input_value() == '')  # the page cannot know yet that the server is away
    os.kill(server.pid, signal.SIGKILL)  # it does nothing more
    server.kill()
    eventually(lambda: field.input_value() == 'Buy milk')
    field.fill('Buy milk and bread')
    field.press('Enter')
    assert field.input_value() == 'Buy milk and bread', 'now it knows'
    with page.expect_event('load'):
        server.start()
    eventually(lambda: field.input_value() == 'Buy milk and bread')
    eventually(lambda: status(page)['connected'])
    field.press('Enter')
    eventually(lambda: of_server(server) == ['Buy milk and bread'])
    eventually(lambda: field.input_value() == '')
    context.close()


def test_the_open_editor_of_a_row_is_open_again_after_a_restart(tabs: Tabs, server: RunningServer) -> None:
    for title in ('Buy milk', 'Call Ann', 'Pay the rent'):
        server.add(title)
    page = tabs.open()
    page.get_by_role('button', name='Edit Buy milk').click()
    page.keyboard.type('Buy bre')
    with page.expect_event('load'):
        server.restart()
    editor = page.get_by_role('textbox', name='New title')
    eventually(lambda: editor.filter(visible=True).count() == 1)
    page.keyboard.press('End')
    page.keyboard.type('ad')
    page.keyboard.press('Enter')
    eventually(lambda: of_server(server) == ['Pay the rent', 'Call Ann', 'Buy bread'])
    assert editor.filter(visible=True).count() == 0


def test_the_queue_outlives_the_browser(chromium: Chromium, server: RunningServer) -> None:
    page = chromium.context.new_page()
    page.goto(server.url)
    eventually(lambda: status(page)['connected'])
    server.kill()
    add(page, 'Buy milk')
    chromium.quit()
    chromium.start()
    server.start()
    page = chromium.context.new_page()
    page.goto(server.url)
    eventually(lambda: of_server(server) == ['Buy milk'])
    eventually(lambda: titles(page) == ['Buy milk'])
    page.close()
