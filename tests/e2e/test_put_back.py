"""Tabs that are open while the database is put back show it, and what is written from then on."""

from __future__ import annotations

import pytest

from tests.databases import keep
from tests.e2e.browser import Tabs, event_log, eventually, shown
from tests.server import RunningServer

pytestmark = pytest.mark.long


def test_open_tabs_show_a_database_that_was_put_back(tabs: Tabs, server: RunningServer) -> None:
    server.add('first')
    tabs.open_many(3)
    tabs.should_agree()
    put_back = keep(server.database_url)
    eventually(server.is_up)
    for number in range(3):
        server.add(f'lost {number}')
    tabs.should_agree()
    loaded_at = [page.evaluate('performance.timeOrigin') for page in tabs.pages]
    put_back()
    eventually(server.is_up)
    tabs.should_agree()
    assert [[todo['title'] for todo in shown(page)] for page in tabs.pages] == [['first']] * 3
    server.add('second')
    tabs.should_agree()
    assert [todo['title'] for todo in shown(tabs.pages[2])] == ['second', 'first']
    assert [page.evaluate('performance.timeOrigin') for page in tabs.pages] == loaded_at, 'without being loaded anew'
    assert any('all 1' in entry for entry in event_log(tabs.pages[2]))
