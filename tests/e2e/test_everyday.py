"""What people do every day, as they do it: by keyboard, in low windows, on paper, from window to window."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import Chromium, Tabs, cdp, eventually, status
from tests.server import RunningServer

FOCUSED = '() => document.activeElement.ariaLabel ?? document.activeElement.tagName'
SHOWN = """() => [
    document.querySelector('.items-left').innerText,
    document.querySelectorAll('.todo [type=checkbox]:not(:checked)').length,
]"""
NOTE_PRINTED_ROWS = """addEventListener('afterprint', () => {
    const rows = [...document.querySelectorAll('[role=listitem]')];
    window.printed = rows.filter((row) => row.checkVisibility()).length;
}, { capture: true })"""


def fill(server: RunningServer, count: int) -> None:
    begin = datetime(2026, 1, 1)
    rows = [
        {'title': f'todo {number:05}', 'at': (begin + timedelta(seconds=number)).isoformat(' ')}
        for number in range(1, count + 1)
    ]
    server.execute('INSERT INTO todos(title, created_at) VALUES (:title, :at)', *rows)


def row(page: Page, title: str) -> Locator:
    return page.locator('.todo', has=page.get_by_role('checkbox', name=title, exact=True))


def add(server: RunningServer, *titles: str) -> None:
    """Add todos; the first one stands on top."""
    for title in reversed(titles):
        server.add(title)


def should_have_focus(page: Page, label: str) -> None:
    eventually(lambda: page.evaluate(FOCUSED) == label)


@pytest.mark.parametrize('count', [300, 1200])
def test_a_print_has_all_rows_and_none_of_the_controls(tabs: Tabs, count: int) -> None:
    fill(tabs.server, count)
    tabs.context.add_init_script(NOTE_PRINTED_ROWS)  # before the page has its own listener
    page = tabs.open()
    page.get_by_role('checkbox', name=f'todo {count:05}').wait_for()
    pdf = page.pdf(format='A4')
    assert page.evaluate('printed') == count
    assert len(re.findall(rb'/Type\s*/Page\b', pdf)) > count / 60
    page.emulate_media(media='print')
    for part in ('.todo-form', '.todo-bar', '.page-footer', '.icon-delete', '.icon-auto'):
        expect(page.locator(part).first).to_be_hidden()
    page.emulate_media(media='screen')
    expect(row(page, f'todo {count:05}')).to_be_visible()


def test_the_search_of_the_browser_finds_todos_that_are_not_in_view(tabs: Tabs) -> None:
    fill(tabs.server, 500)
    page = tabs.open()
    eventually(lambda: page.evaluate("window.find('todo 00001')"))
    assert page.locator('.todo').count() == 500


def test_in_a_long_list_it_finds_them_after_its_key_and_until_a_person_goes_on(tabs: Tabs) -> None:
    fill(tabs.server, 1200)
    page = tabs.open()
    page.get_by_role('checkbox', name='todo 01200').wait_for()
    assert page.locator('.todo').count() < 100
    page.bring_to_front()
    page.keyboard.press('Control+f')
    eventually(lambda: page.locator('.todo').count() == 1200)
    assert page.evaluate("window.find('todo 00001')")
    page.mouse.click(5, 5)
    eventually(lambda: page.locator('.todo').count() < 200)


def test_each_row_says_which_of_how_many_it_is(tabs: Tabs) -> None:
    fill(tabs.server, 60)
    page = tabs.open()
    last = row(page, 'todo 00001')
    expect(last).to_have_attribute('aria-posinset', '60')
    expect(last).to_have_attribute('aria-setsize', '60')
    tabs.server.add('new')
    expect(last).to_have_attribute('aria-posinset', '61')
    expect(row(page, 'new')).to_have_attribute('aria-setsize', '61')


def test_a_half_typed_edit_is_neither_saved_nor_lost_when_the_window_is_left(
    chromium: Chromium, server: RunningServer
) -> None:
    server.add('Milk')
    tabs = Tabs(chromium.context, server)  # pages of one window: what is in front has the focus
    page = tabs.open()
    page.bring_to_front()
    eventually(lambda: page.evaluate('document.hasFocus()'))
    row(page, 'Milk').get_by_role('button', name='Edit').click()
    editor = page.locator('[data-editing] .todo-edit')
    editor.fill('Milk and hal')
    page.keyboard.press('ArrowLeft')
    other = tabs.context.new_page()
    other.bring_to_front()
    eventually(lambda: not page.evaluate('document.hasFocus()'))
    assert [todo['title'] for todo in tabs.server.todos()] == ['Milk']
    page.bring_to_front()
    eventually(lambda: page.evaluate('document.hasFocus()'))
    page.keyboard.type('x')
    expect(editor).to_have_value('Milk and haxl')
    page.keyboard.press('Enter')
    eventually(lambda: [todo['title'] for todo in tabs.server.todos()] == ['Milk and haxl'])
    for opened in (page, other):
        opened.close()


def test_the_focus_goes_to_the_neighbour_when_a_checked_row_leaves_the_filter(tabs: Tabs) -> None:
    add(tabs.server, 'one', 'two', 'three')
    page = tabs.open('/?filter=active')
    for title, focused in (('two', 'three'), ('three', 'one'), ('one', 'What needs to be done?')):
        page.get_by_role('checkbox', name=title, exact=True).focus()
        page.keyboard.press('Space')
        expect(row(page, title)).to_have_count(0)
        should_have_focus(page, focused)


def test_the_focus_is_never_lost_whatever_is_done(tabs: Tabs) -> None:
    add(tabs.server, 'one', 'two', 'three', 'four')
    page = tabs.open()
    page.get_by_role('button', name='Delete two').focus()
    page.keyboard.press('Enter')
    should_have_focus(page, 'Delete three')
    page.get_by_role('button', name='Edit three').focus()
    page.keyboard.press('Enter')
    page.keyboard.press('Escape')
    should_have_focus(page, 'Edit three')
    page.keyboard.press('Enter')
    page.keyboard.type(' ')
    page.keyboard.press('Enter')
    should_have_focus(page, 'Edit four')
    page.get_by_label('Mark all as complete').focus()
    page.keyboard.press('Space')
    should_have_focus(page, 'Mark all as complete')
    page.get_by_role('button', name='Clear completed').focus()
    page.keyboard.press('Enter')
    should_have_focus(page, 'What needs to be done?')


def test_somebody_elses_delete_leaves_the_focus_in_the_list(tabs: Tabs) -> None:
    add(tabs.server, 'one', 'two', 'three')
    page = tabs.open()
    page.get_by_role('checkbox', name='two').focus()
    [gone] = (todo['id'] for todo in tabs.server.todos() if todo['title'] == 'two')
    tabs.server.request('DELETE', f'/todos/{gone}')
    should_have_focus(page, 'three')


def test_what_is_typed_into_a_todo_that_somebody_else_deletes_is_told(tabs: Tabs, server: RunningServer) -> None:
    add(server, 'Buy milk', 'Call Ann')
    page = tabs.open()
    row(page, 'Buy milk').get_by_role('button', name='Edit').click()
    page.keyboard.type('Buy bread and')
    server.execute("DELETE FROM todos WHERE title = 'Buy milk'")
    page.get_by_text('You had written “Buy bread and').wait_for()


def test_what_is_typed_into_a_todo_that_leaves_the_filter_is_saved(tabs: Tabs, server: RunningServer) -> None:
    add(server, 'Buy milk', 'Call Ann')
    page = tabs.open('/?filter=active')
    row(page, 'Buy milk').get_by_role('button', name='Edit').click()
    page.keyboard.type('Buy bread')
    server.execute("UPDATE todos SET completed = true WHERE title = 'Buy milk'")
    expect(row(page, 'Buy milk')).to_have_count(0)
    eventually(lambda: page.title() and {todo['title'] for todo in server.todos()} == {'Buy bread', 'Call Ann'})


def test_a_key_that_is_held_acts_once(tabs: Tabs) -> None:
    add(tabs.server, 'one', 'two', 'three', 'four')
    page = tabs.open()
    page.get_by_role('button', name='Delete one').focus()
    page.keyboard.down('Enter')
    should_have_focus(page, 'Delete two')
    for _ in range(5):
        page.keyboard.down('Enter')  # again and again, as long as it is held
    page.keyboard.up('Enter')
    page.get_by_role('button', name='Edit two').focus()
    page.keyboard.down('Enter')
    for _ in range(5):
        page.keyboard.down('Enter')
    page.keyboard.up('Enter')
    expect(page.locator('[data-editing]')).to_have_count(1)
    page.keyboard.press('Escape')
    assert page.locator('.todo-title').all_inner_texts() == ['two', 'three', 'four']


def test_a_double_click_on_a_word_selects_it_in_the_editor(tabs: Tabs) -> None:
    tabs.server.add('Milk and bread')
    page = tabs.open()
    box = page.locator('.todo-title').bounding_box()
    assert box is not None
    page.mouse.dblclick(box['x'] + 20, box['y'] + box['height'] / 2)
    editor = page.locator('[data-editing] .todo-edit')
    selected = editor.evaluate('(field) => field.value.slice(field.selectionStart, field.selectionEnd)')
    assert selected.strip() == 'Milk'


@pytest.mark.parametrize('waits', [False, True], ids=['connected', 'offline'])
def test_three_hundred_todos_are_checked_and_cleared_at_once(tabs: Tabs, waits: bool) -> None:
    fill(tabs.server, 300)
    page, other = tabs.open(), tabs.open()
    eventually(lambda: other.locator('.todo').count() == 300)
    page.bring_to_front()
    if waits:
        tabs.server.kill()
        page.locator('#popup[aria-hidden=false]').wait_for()
    page.get_by_label('Mark all as complete').check()
    assert page.evaluate(SHOWN) == ['0 items left', 0]
    page.get_by_role('button', name='Clear completed').click()
    expect(page.locator('.todo')).to_have_count(0)
    page.get_by_role('button', name='Undo').click()
    expect(page.locator('.todo')).to_have_count(300)
    if waits:
        tabs.server.start()
    eventually(lambda: sum(todo['completed'] for todo in tabs.server.todos()) == 300)
    eventually(lambda: other.locator('.items-left').inner_text() == '0 items left')


def test_many_writes_of_one_moment_arrive_as_few_messages(tabs: Tabs) -> None:
    fill(tabs.server, 300)
    page = tabs.open()
    eventually(lambda: page.locator('.items-left').inner_text() == '300 items left')
    sent: list[str] = []
    cdp_session = cdp(page)
    cdp_session.send('Network.enable')
    cdp_session.on('Network.webSocketFrameSent', lambda event: sent.append(event['response']['payloadData']))
    page.get_by_label('Mark all as complete').check()
    eventually(lambda: sum(todo['completed'] for todo in tabs.server.todos()) == 300)
    eventually(lambda: page.evaluate('todosync.writes.view.waiting') == 0)
    writes = [frame for frame in sent if 'todosync_write' in frame]
    assert 0 < len(writes) <= 8, len(writes)


@pytest.mark.parametrize('size', [(320, 256), (640, 360), (844, 390)], ids=['400 %', 'low', 'landscape phone'])
def test_a_low_window_has_room_for_some_rows(chromium: Chromium, server: RunningServer, size: tuple[int, int]) -> None:
    fill(server, 30)
    width, height = size
    context = chromium.browser.new_context(viewport={'width': width, 'height': height})
    page = context.new_page()
    page.goto(server.url)
    eventually(lambda: status(page)['connected'])
    rows = page.locator('.todo-rows')
    eventually(lambda: rows.evaluate('(list) => list.clientHeight') >= height * 0.7)
    assert page.evaluate('document.documentElement.scrollWidth <= innerWidth')
    last = page.get_by_role('checkbox', name='todo 00001')
    last.click()
    expect(last).to_be_checked()
    context.close()


def test_a_refused_edit_stays_open_and_says_why(tabs: Tabs) -> None:
    tabs.server.add('Milk')
    page = tabs.open()
    row(page, 'Milk').get_by_role('button', name='Edit').click()
    editor = page.locator('[data-editing] .todo-edit')
    editor.fill('x' * 501)
    page.keyboard.press('Enter')
    page.get_by_text('Title is too long (maximum is 500 characters)').first.wait_for()
    expect(editor).to_have_value('x' * 501)
    expect(editor).to_have_attribute('aria-invalid', 'true')
    assert editor.evaluate('(field) => field === document.activeElement')
    page.keyboard.press('Escape')
    expect(page.locator('.todo-title')).to_have_text('Milk')


def connection_states(page: Page) -> Any:
    return page.locator('.connection-state').inner_text()


def test_people_see_in_a_word_whether_they_are_connected_and_hear_when_that_ends(tabs: Tabs) -> None:
    page = tabs.open()
    eventually(lambda: connection_states(page) == 'Synced')
    expect(page.locator('.leader-badge')).to_be_hidden()
    page.locator('.connection summary').click()
    expect(page.locator('.leader-badge')).to_have_text('Leader')
    tabs.server.kill()
    eventually(lambda: connection_states(page) == 'Offline')
    expect(page.get_by_role('status').filter(has_text='Offline. What you do is kept')).to_have_count(1)
    tabs.server.start()
    eventually(lambda: connection_states(page) == 'Synced')
