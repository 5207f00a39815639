"""A person takes back what they have done last, by Ctrl+Z: in any tab, offline, and where others have acted since."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.e2e.browser import Tabs, eventually
from tests.e2e.test_writes import add, box, of_server, titles
from tests.server import RunningServer

UNDO = 'ControlOrMeta+z'


def leave_fields(page: Page) -> None:
    page.get_by_role('heading').click()


def undo(page: Page, told: str) -> None:
    page.keyboard.press(UNDO)
    eventually(lambda: told in page.locator('.q-notification').all_inner_texts())  # a refusal stays until it was read


def done(server: RunningServer) -> list[str]:
    return [todo['title'] for todo in server.todos() if todo['completed']]


@pytest.mark.parametrize('role', ['leader', 'follower'])
def test_toggle_edit_delete_and_add_are_undone_the_last_first(tabs: Tabs, server: RunningServer, role: str) -> None:
    server.add('Call Ann')
    tabs.open_many(2)
    page = tabs.leader() if role == 'leader' else tabs.followers()[0]
    add(page, 'Buy milk')
    page.get_by_role('checkbox', name='Buy milk').click()
    page.get_by_role('button', name='Edit Buy milk').click()
    page.keyboard.type('Buy oat milk ')
    page.keyboard.press('Enter')
    page.get_by_role('button', name='Delete Buy oat milk').click()
    eventually(lambda: of_server(server) == ['Call Ann'])
    undo(page, 'Undone: deleted “Buy oat milk”')
    eventually(lambda: of_server(server) == ['Buy oat milk', 'Call Ann'])
    undo(page, 'Undone: changed “Buy milk”')
    eventually(lambda: of_server(server) == ['Buy milk', 'Call Ann'])
    assert done(server) == ['Buy milk']
    eventually(lambda: page.locator('.q-notification').all_inner_texts() == ['Undone: changed “Buy milk”'])
    undo(page, 'Undone: changed “Buy milk”')
    eventually(lambda: done(server) == [])
    undo(page, 'Undone: added “Buy milk”')
    eventually(lambda: of_server(server) == ['Call Ann'])
    undo(page, 'There is nothing to undo')
    tabs.should_agree()


def test_ten_undos_in_a_row_leave_one_notice_and_everything_as_it_was(tabs: Tabs, server: RunningServer) -> None:
    for number in range(5):
        server.add(f'todo {number}')
    page, other = tabs.open_many(2)
    eventually(lambda: len(titles(page)) == 5)
    before = server.todos()
    for number in range(5):
        page.get_by_role('checkbox', name=f'todo {number}').click()
    for number in range(5):
        page.get_by_role('button', name=f'Delete todo {number}').click()
    eventually(lambda: of_server(server) == [])
    for _ in range(10):
        page.keyboard.press(UNDO)
    eventually(lambda: server.todos() == before)
    eventually(lambda: page.locator('.q-notification').all_inner_texts() == ['Undone: changed “todo 0”'])
    tabs.should_agree()
    assert titles(other) == titles(page)


def test_without_a_server_undo_shows_at_once_and_is_done_in_order_when_it_is_back(
    tabs: Tabs, server: RunningServer
) -> None:
    """Of what was done before the server went away, and of what still waits."""
    for title in ('Buy milk', 'Call Ann'):
        server.add(title)
    tabs.open_many(2)
    page, other = tabs.leader(), tabs.followers()[0]
    page.get_by_role('checkbox', name='Buy milk').click()
    page.get_by_role('button', name='Delete Call Ann').click()
    eventually(lambda: (of_server(server), done(server)) == (['Buy milk'], ['Buy milk']))
    server.kill()
    add(page, 'Pay the rent')
    page.get_by_role('button', name='Edit Pay the rent').click()
    page.keyboard.type('Pay the rent in time ')
    page.keyboard.press('Enter')
    other.get_by_text('Pay the rent in time').wait_for()
    undo(page, 'Undone: changed “Pay the rent”')
    eventually(
        lambda: all([title.strip() for title in titles(tab)] == ['Pay the rent', 'Buy milk'] for tab in tabs.pages)
    )
    undo(page, 'Undone: added “Pay the rent”')
    undo(page, 'Undone: deleted “Call Ann”')
    eventually(lambda: all(titles(tab) == ['Call Ann', 'Buy milk'] for tab in tabs.pages))
    undo(page, 'Undone: changed “Buy milk”')
    eventually(lambda: not any(box(tab, 'Buy milk') for tab in tabs.pages))
    server.start()
    eventually(lambda: (of_server(server), done(server)) == (['Call Ann', 'Buy milk'], []))
    page.get_by_text('not saved yet').wait_for(state='hidden')
    assert page.get_by_text('Not undone').count() == 0
    tabs.should_agree()


def test_what_somebody_else_has_changed_since_stays_and_the_next_undo_goes_on(
    tabs: Tabs, server: RunningServer
) -> None:
    todo = server.add('Buy milk')
    page = tabs.open()
    page.get_by_role('checkbox', name='Buy milk').click()
    page.get_by_role('button', name='Edit Buy milk').click()
    page.keyboard.type('Buy oats')
    page.keyboard.press('Enter')
    eventually(lambda: of_server(server) == ['Buy oats'])
    server.request('PATCH', f'/todos/{todo["id"]}', {'todo': {'title': 'Buy bread'}})
    eventually(lambda: titles(page) == ['Buy bread'])
    page.keyboard.press(UNDO)
    page.get_by_text('Not undone: somebody has meanwhile changed it (title: “Buy bread”)').wait_for()
    assert titles(page) == ['Buy bread']
    undo(page, 'Undone: changed “Buy bread”')
    eventually(lambda: done(server) == [])
    assert of_server(server) == ['Buy bread']


def test_a_todo_that_somebody_else_has_changed_does_not_vanish_with_the_undo_of_its_add(
    tabs: Tabs, server: RunningServer
) -> None:
    page = tabs.open()
    add(page, 'Buy milk')
    eventually(lambda: of_server(server) == ['Buy milk'])
    [todo] = server.todos()
    server.request('PATCH', f'/todos/{todo["id"]}', {'todo': {'completed': True}})
    eventually(lambda: box(page, 'Buy milk'))
    page.keyboard.press(UNDO)
    page.get_by_text('“Buy milk”: Not undone: somebody has meanwhile changed it (completed)').wait_for()
    assert (titles(page), of_server(server)) == (['Buy milk'], ['Buy milk'])


def test_while_one_types_the_keys_belong_to_the_field(tabs: Tabs, server: RunningServer) -> None:
    page = tabs.open()
    add(page, 'Buy milk')
    field = page.locator('.todo-form input')
    page.keyboard.type('Call')
    page.keyboard.press(UNDO)
    eventually(lambda: field.input_value() != 'Call')
    page.keyboard.press('ControlOrMeta+a')
    assert titles(page) == ['Buy milk']
    page.keyboard.type('Call Ann')
    page.keyboard.press('Enter')
    eventually(lambda: titles(page) == ['Call Ann', 'Buy milk'])
    undo(page, 'Undone: added “Call Ann”')  # the field is empty again, and has nothing to take back
    eventually(lambda: of_server(server) == ['Buy milk'])
    page.get_by_role('button', name='Edit Buy milk').click()
    page.keyboard.press(UNDO)
    page.keyboard.press('Escape')
    assert titles(page) == ['Buy milk']


def test_what_was_done_before_a_reload_can_be_undone_but_not_what_was_refused(
    tabs: Tabs, server: RunningServer
) -> None:
    server.add('Buy milk')
    page = tabs.open()
    page.get_by_role('checkbox', name='Buy milk').click()
    eventually(lambda: done(server) == ['Buy milk'])
    page.get_by_role('button', name='Edit Buy milk').click()
    page.locator('[data-editing] .todo-edit').fill('x' * 501)
    page.keyboard.press('Enter')
    page.get_by_text('Title is too long').wait_for()
    page.reload()
    page.get_by_role('checkbox', name='Buy milk').wait_for()
    leave_fields(page)
    undo(page, 'Undone: changed “Buy milk”')
    eventually(lambda: done(server) == [])
    undo(page, 'There is nothing to undo')


def test_the_notice_of_a_delete_undoes_that_delete_only(tabs: Tabs, server: RunningServer) -> None:
    server.add('Buy milk')
    server.add('Call Ann')
    page = tabs.open()
    page.get_by_role('button', name='Delete Call Ann').click()
    page.get_by_role('checkbox', name='Buy milk').click()
    page.get_by_role('button', name='Undo').click()
    eventually(lambda: of_server(server) == ['Call Ann', 'Buy milk'])
    assert done(server) == ['Buy milk']
    undo(page, 'Undone: changed “Buy milk”')
    undo(page, 'There is nothing to undo')
