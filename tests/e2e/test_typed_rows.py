"""Fields of many types in real browsers: each element shows its field, and writes what a person sets."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import Tabs, eventually
from tests.e2e.test_rows import row
from tests.server import ROOT, RunningServer, running_server

pytestmark = pytest.mark.any_database
FIRST = """INSERT INTO payments(id, price, discount, day, kind, tags)
           VALUES (lower(hex(randomblob(16))), 10.5, 0.25, '2026-01-02', 'FOOD', '["a"]')"""


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp('typed'), main=ROOT / 'tests' / 'apps' / 'typed.py') as server:
        server.execute(FIRST)
        yield server


def stored(server: RunningServer, fields: str) -> Any:
    with sqlite3.connect(server.storage / 'development.sqlite3') as connection:
        return connection.execute(f'SELECT {fields} FROM payments ORDER BY id').fetchall()


def test_each_type_is_shown_in_two_tabs_and_written_exactly(tabs: Tabs, server: RunningServer) -> None:
    page, other = tabs.open_many(2)
    page.bring_to_front()
    here, there = row(page), row(other)
    expect(other.locator('.summary')).to_have_text('10.50 for 1 things')
    expect(there.locator('.rest')).to_have_text('rest 10.25')
    expect(there.locator('.tags')).to_have_text('["a"]')
    expect(here.get_by_label('Price', exact=True)).to_have_value('10.50')
    expect(page.locator('.spent')).to_have_text('€10.50')
    expect(here.locator('.money')).to_have_text('€21.00 on 1/2/26')
    expect(here.locator('.cents')).to_have_text('€3.00 at ')
    expect(here.locator('.when')).not_to_be_empty()

    here.get_by_label('Price', exact=True).fill('0.1')
    page.keyboard.press('Enter')
    expect(other.locator('.summary')).to_have_text('0.10 for 1 things')
    here.get_by_label('Discount', exact=True).fill('')
    here.get_by_label('Day', exact=True).fill('2025-12-31')
    here.get_by_label('At', exact=True).fill('10:30')
    here.get_by_label('Price', exact=True).focus()
    expect(there.locator('.rest')).to_have_text('rest ')
    expect(there.locator('.old')).to_have_class('old text-red')
    expect(there.get_by_label('At', exact=True)).to_have_value('10:30:00')
    eventually(lambda: stored(server, 'discount, day, at') == [(None, '2025-12-31', '10:30:00.000000')])

    here.locator('.q-select').click()
    page.get_by_role('option', name='Rent').click()
    expect(there.locator('.word')).to_have_text('to live')
    here.get_by_role('button', name='Double').click()
    expect(other.locator('.summary')).to_have_text('0.20 for 1 things')
    eventually(lambda: stored(server, 'price, kind') == [(0.2, 'RENT')])
    here.locator('.q-slider').click(position={'x': 50, 'y': 10})
    expect(other.locator('.summary')).to_have_text('50.00 for 1 things')
    here.get_by_role('button', name='Waive').click()
    expect(other.locator('.summary')).to_have_text('0.00 for 1 things')


def test_what_has_too_many_decimals_is_refused_beside_the_field(tabs: Tabs, server: RunningServer) -> None:
    page = tabs.open()
    row(page).get_by_label('Price', exact=True).fill('1.005')
    page.keyboard.press('Enter')
    expect(row(page).get_by_role('alert')).to_have_text('Price has too many decimals (maximum is 2)')
    assert stored(server, 'price') == [(10.5,)]


def test_rows_are_ordered_by_their_decimals_while_the_server_does_not_know_them_yet(
    tabs: Tabs, server: RunningServer
) -> None:
    server.execute(FIRST.replace('10.5', '9.75'))
    page = tabs.open()
    expect(row(page, 1).get_by_label('Price', exact=True)).to_have_value('9.75')
    row(page, 1).get_by_role('button', name='Double').click()
    expect(row(page, 0).get_by_label('Price', exact=True)).to_have_value('19.50')
    expect(page.locator('.summary')).to_have_text('30.00 for 2 things')


def test_a_row_with_a_uuid_is_made_in_the_browser_deleted_and_put_back(tabs: Tabs, server: RunningServer) -> None:
    page, other = tabs.open_many(2)
    page.bring_to_front()
    outcome = page.evaluate('todosync.writes.insert("payments", { price: "99.90" }).then(({ state }) => state)')
    assert outcome == 'done'
    expect(row(other).get_by_label('Price', exact=True)).to_have_value('99.90')
    before = UUID(page.evaluate('todosync.stream("payments").rows[0].id')).hex
    assert (before,) in stored(server, 'id')
    row(page).get_by_role('button', name='Delete').click()
    expect(row(other).get_by_label('Price', exact=True)).to_have_value('10.50')
    page.get_by_role('button', name='Undo').click()
    expect(row(other).get_by_label('Price', exact=True)).to_have_value('99.90')
    eventually(lambda: (before,) in stored(server, 'id'))
    row(other).get_by_role('button', name='Waive').click()
    expect(page.locator('.summary')).to_have_text('10.50 for 2 things')
