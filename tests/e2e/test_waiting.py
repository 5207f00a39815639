"""What waits can be seen and dropped, and what the server refuses is told until a person has read it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Locator, Page

from tests.e2e.browser import Tabs, eventually, status
from tests.e2e.test_writes import add, of_server, titles
from tests.server import RunningServer

TOO_LONG = 501


@contextmanager
def hanging(server: RunningServer) -> Iterator[None]:
    """Have a server do nothing for the time of a block, and answer what it was sent meanwhile afterwards."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def open_list(page: Page, said: str) -> Locator:
    page.bring_to_front()
    page.get_by_role('button', name=said, exact=True).click()
    dialog = page.get_by_role('dialog', name='Waiting changes')
    dialog.wait_for()
    return dialog


def listed(dialog: Locator) -> list[str]:
    return dialog.locator('.todosync-waiting-text').all_inner_texts()


def drop(dialog: Locator, text: str) -> None:
    dialog.get_by_role('button', name=f'Drop: {text}', exact=True).click()


def submit(page: Page, title: str) -> None:
    page.bring_to_front()
    page.locator('.todo-form input').fill(title)
    page.keyboard.press('Enter')


def test_what_waits_is_listed_in_words_and_can_be_dropped_in_every_tab_without_a_server(
    tabs: Tabs, server: RunningServer
) -> None:
    for title in ('Buy milk', 'Call Ann', 'Pay the rent'):
        server.add(title)
    tabs.open_many(2)
    leader, (follower,) = tabs.leader(), tabs.followers()
    eventually(lambda: all(len(titles(page)) == 3 for page in tabs.pages))
    server.kill()
    follower.bring_to_front()
    add(follower, 'Water the plants')
    follower.get_by_role('checkbox', name='Call Ann').click()
    follower.get_by_role('button', name='Delete Pay the rent').click()
    follower.get_by_role('button', name='Edit Buy milk').click()
    follower.keyboard.type('Buy oats')
    follower.keyboard.press('Enter')
    expected = [
        'Add “Water the plants”', 'Check “Call Ann”', 'Delete “Pay the rent”', 'Rename “Buy milk” to “Buy oats”',
    ]  # fmt: skip
    dialog = open_list(follower, '4 changes waiting')
    assert listed(dialog) == expected
    drop(dialog, expected[1])
    dialog.get_by_text(f'Dropped: {expected[1]}').wait_for()
    drop(dialog, expected[2])
    eventually(lambda: listed(dialog) == [expected[0], expected[3]])
    for page in tabs.pages:
        eventually(lambda page=page: titles(page) == ['Water the plants', 'Pay the rent', 'Call Ann', 'Buy oats'])
        assert not page.get_by_role('checkbox', name='Call Ann').is_checked()
    follower.keyboard.press('Escape')
    dialog.wait_for(state='hidden')
    drop(open_list(leader, '2 changes waiting'), expected[3])
    for page in tabs.pages:
        eventually(lambda page=page: titles(page) == ['Water the plants', 'Pay the rent', 'Call Ann', 'Buy milk'])
    server.start()
    eventually(lambda: of_server(server) == ['Water the plants', 'Pay the rent', 'Call Ann', 'Buy milk'])
    tabs.should_agree()
    assert [todo['completed'] for todo in server.todos()] == [False] * 4


def test_who_drops_a_new_todo_is_told_what_is_dropped_with_it_by_the_keyboard_alone(
    tabs: Tabs, server: RunningServer
) -> None:
    page = tabs.open()
    server.kill()
    add(page, 'Buy milk')
    add(page, 'Call Ann')
    page.get_by_role('checkbox', name='Buy milk').click()
    page.get_by_role('button', name='3 changes waiting').press('Enter')
    dialog = page.get_by_role('dialog')
    eventually(lambda: len(listed(dialog)) == 3)
    dialog.get_by_role('button', name='Drop: Add “Buy milk”').press('Enter')
    dialog.get_by_text('1 later change of it is dropped, too.').wait_for()
    assert titles(page) == ['Call Ann', 'Buy milk'], 'nothing is dropped yet'
    dialog.get_by_role('button', name='Keep').press('Enter')
    dialog.get_by_text('1 later change').wait_for(state='hidden')
    dialog.get_by_role('button', name='Drop: Add “Buy milk”').press('Enter')
    eventually(lambda: page.evaluate('document.activeElement.innerText') == 'Drop all 2')
    page.keyboard.press('Enter')
    eventually(lambda: listed(dialog) == ['Add “Call Ann”'])
    eventually(lambda: page.evaluate('document.activeElement.ariaLabel') == 'Drop: Add “Call Ann”')
    page.keyboard.press('Escape')
    server.start()
    eventually(lambda: of_server(server) == ['Call Ann'])
    tabs.should_agree()


def test_what_may_have_been_sent_is_not_said_to_be_dropped(tabs: Tabs, server: RunningServer) -> None:
    page, other = tabs.open_many(2)
    with hanging(server):
        submit(page, 'Buy milk')
        submit(other, 'Call Ann')
        for tab in tabs.pages:
            dialog = open_list(tab, '2 changes waiting')
            drop(dialog, 'Add “Buy milk”')
            dialog.get_by_text('It is being saved, so it cannot be dropped now.').wait_for()
        drop(dialog, 'Add “Call Ann”')  # it waits behind the other one
        eventually(lambda: listed(dialog) == ['Add “Buy milk”'])
    eventually(lambda: of_server(server) == ['Buy milk'])
    for tab in tabs.pages:
        tab.get_by_text('All changes are saved.').wait_for()
        tab.keyboard.press('Escape')
    tabs.should_agree()


def test_several_refusals_are_one_notice_with_all_the_texts_and_are_told_until_they_are_read(
    tabs: Tabs, server: RunningServer
) -> None:
    page = tabs.open()
    server.kill()
    for number in range(7):
        submit(page, f'{number}' * TOO_LONG)
        eventually(lambda number=number: len(titles(page)) == number + 1)
    server.start()
    page.get_by_text('7 changes could not be saved:').wait_for()
    notice = page.locator('.q-notification')
    eventually(lambda: notice.count() == 1)
    assert notice.locator('li').count() == 7
    assert 'Title is too long (maximum is 500 characters). You had written “666' in notice.inner_text()
    page.reload()
    page.get_by_text('7 changes could not be saved:').wait_for()
    page.close()
    tabs.pages.remove(page)
    page = tabs.open()
    page.get_by_text('7 changes could not be saved:').wait_for()
    page.get_by_role('button', name='Copy text').click()
    field = page.locator('.todo-form input')
    field.fill('')
    field.click()
    page.keyboard.press('Control+V')
    assert field.input_value().replace(' ', '') == ''.join(f'{number}' * TOO_LONG for number in range(7))
    eventually(lambda: page.evaluate('todosync.writes.unread()') == [])
    other = tabs.open()
    eventually(lambda: status(other)['connected'])
    assert [tab.locator('.q-notification').count() for tab in tabs.pages] == [0, 0]
    assert of_server(server) == []


def test_what_was_refused_while_nobody_had_a_page_open_is_told_to_whoever_opens_the_next(
    tabs: Tabs, server: RunningServer
) -> None:
    page = tabs.open()
    with hanging(server):
        submit(page, 'x' * TOO_LONG)
        submit(page, 'Buy milk')
        eventually(lambda: len(titles(page)) == 2)
        tabs.close(page)
    eventually(lambda: server.connections() == {'sockets': 0, 'followers': 0})
    page = tabs.open()
    page.get_by_text('You had written “xxx').wait_for()
    eventually(lambda: titles(page) == ['Buy milk'])
    assert of_server(server) == ['Buy milk']
