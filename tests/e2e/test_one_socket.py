"""All tabs of a browser share one WebSocket, and every one is fully alive."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route

from tests.e2e.browser import Tabs, eventually, shown, status
from tests.server import RunningServer


def test_five_tabs_share_one_socket_and_show_what_is_added_in_a_follower(tabs: Tabs) -> None:
    opened: list[str] = []
    tabs.context.on('page', lambda page: page.on('websocket', lambda socket: opened.append(socket.url)))
    pages = tabs.open_many(5)
    tabs.should_agree()
    assert len(opened) == 1, opened

    follower = tabs.followers()[-1]
    field = follower.get_by_role('textbox').first
    field.fill('Buy milk')
    field.press('Enter')
    for page in pages:
        eventually(lambda page=page: page.get_by_text('Buy milk').first.is_visible())
        eventually(lambda page=page: '1 total' in page.locator('h1').inner_text())
    tabs.should_agree()


def test_a_leader_whose_page_has_no_list_passes_it_on_to_those_that_have(tabs: Tabs, server: RunningServer) -> None:
    tabs.open('/status')
    follower = tabs.open()
    assert [status(page)['role'] for page in tabs.pages] == ['leader', 'follower']
    server.add('over REST')
    eventually(follower.get_by_text('over REST').first.is_visible)


@pytest.mark.parametrize('locks', [True, False], ids=['with locks', 'without locks'])
def test_tabs_of_a_build_with_another_protocol_keep_apart(tabs: Tabs, server: RunningServer, locks: bool) -> None:
    if not locks:
        tabs.context.add_init_script('delete Navigator.prototype.locks')
    tabs.open_many(2)
    tabs.context.route('**/writable.js', speak_another_protocol)
    newer = tabs.open_many(2)
    assert newer[0].evaluate('todosync.tab.channel.name') != tabs.pages[0].evaluate('todosync.tab.channel.name')
    assert [status(page)['role'] for page in tabs.pages] == ['leader', 'follower', 'leader', 'follower']
    assert server.connections() == {'sockets': 2, 'followers': 2}

    server.add('for both builds')
    for page in tabs.pages:
        eventually(page.get_by_text('for both builds').first.is_visible)
    tabs.close(tabs.pages[0])
    eventually(lambda: [status(page)['role'] for page in tabs.pages] == ['leader', 'leader', 'follower'])
    tabs.close(newer[0])
    eventually(lambda: [status(page)['role'] for page in tabs.pages] == ['leader', 'leader'])
    server.add('for those who are left')
    for page in tabs.pages:
        eventually(page.get_by_text('for those who are left').first.is_visible)


def speak_another_protocol(route: Route) -> None:
    """Serve the script as a later build has it."""
    body = re.sub(r'PROTOCOL = (\d+);', lambda match: f'PROTOCOL = {int(match[1]) + 1};', route.fetch().text())
    route.fulfill(body=body, content_type='text/javascript')


def test_a_write_of_any_program_reaches_every_tab(tabs: Tabs, server: RunningServer) -> None:
    tabs.open_many(3)
    server.add('over REST')
    server.execute("INSERT INTO todos(title) VALUES ('by SQL')")
    tabs.should_agree()
    assert {todo['title'] for todo in shown(tabs.pages[2])} == {'over REST', 'by SQL'}


def test_closing_the_leader_loses_nothing(tabs: Tabs, server: RunningServer) -> None:
    tabs.open_many(4)
    drafts = {}
    for number, page in enumerate(tabs.followers()):
        page.get_by_role('textbox').first.fill(f'draft {number}')
        drafts[page] = f'draft {number}'
    tabs.close(tabs.leader())
    for number in range(5):
        server.add(f'meanwhile {number}')
    tabs.should_agree()
    assert {page: page.get_by_role('textbox').first.input_value() for page in tabs.pages} == drafts


def test_reloading_the_leader_is_a_hand_over(tabs: Tabs, server: RunningServer) -> None:
    tabs.open_many(3)
    leader = tabs.leader()
    others = tabs.followers()
    others[0].evaluate('window.marked = true')
    leader.reload(wait_until='commit')
    server.add('meanwhile')
    eventually(lambda: status(leader)['connected'])
    tabs.should_agree()
    assert others[0].evaluate('window.marked'), 'a hand-over must not reload a page'
