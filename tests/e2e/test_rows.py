"""Rows that are declared in Python, in real browsers: each element shows its field, and writes what a person sets."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import Tabs, eventually
from tests.server import ROOT, RunningServer, running_server


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp('rows'), main=ROOT / 'tests' / 'apps' / 'rows.py') as server:
        server.execute("INSERT INTO tasks(name, note, count, level, stars, state, done) VALUES "
                       "('Buy milk', '', 2, 1, 1, 'open', 0), ('Call Ann', '', 3, 1, 1, 'open', 0)")  # fmt: skip
        yield server


def select(server: RunningServer, statement: str) -> list[Any]:
    database = server.storage / 'development.sqlite3'
    with sqlite3.connect(database) as connection:
        return connection.execute(statement).fetchall()


def stored(server: RunningServer, field: str, name: str = 'Buy milk') -> Any:
    [[value]] = select(server, f"SELECT {field} FROM tasks WHERE name = '{name}'")
    return value


def row(page: Page, number: int = 0) -> Locator:
    return page.locator('[role=listitem]').nth(number)


def test_each_element_shows_its_field_in_two_tabs_and_writes_what_is_set(tabs: Tabs, server: RunningServer) -> None:
    page, other = tabs.open_many(2)
    page.bring_to_front()  # a person acts in a tab that they see; choices close in one that loses the focus
    here, there = row(page), row(other)
    expect(here.locator('.summary')).to_have_text('2 x Buy milk')
    expect(here.locator('.many')).to_be_visible()

    here.locator('.q-checkbox').click()
    expect(there.locator('.q-toggle')).to_have_attribute('aria-checked', 'true')
    expect(there.locator('.summary')).to_have_class(r'summary line-through')
    expect(there.locator('.many')).to_be_hidden()
    eventually(lambda: stored(server, 'done') == 1)

    here.locator('input.q-field__native').first.fill('Buy bread')
    page.keyboard.press('Enter')
    expect(there.locator('.summary')).to_have_text('2 x Buy bread')
    here.locator('textarea').fill('from the baker')
    here.locator('input[type=number]').fill('5')
    here.locator('textarea').focus()
    expect(there.locator('textarea')).to_have_value('from the baker')
    expect(there.locator('.summary')).to_have_text('5 x Buy bread')
    eventually(lambda: stored(server, 'count', 'Buy bread') == 5)

    here.locator('.q-rating__icon').nth(3).click()
    eventually(lambda: stored(server, 'stars', 'Buy bread') == 4)
    here.locator('.q-slider').click(position={'x': 50, 'y': 10})
    eventually(lambda: stored(server, 'level', 'Buy bread') == 5)

    here.locator('.q-select').click()
    page.get_by_role('option', name='Closed').click()
    expect(there.locator('.state')).to_have_text('Closed')
    expect(there.locator('.toggle [aria-pressed=true]')).to_have_text('Closed')
    here.locator('.q-radio').nth(0).click()
    expect(there.locator('.state')).to_have_text('Open')
    expect(there.locator('.q-select')).to_contain_text('Open')

    here.get_by_role('button', name='Double').click()
    expect(there.locator('.summary')).to_have_text('10 x Buy bread')
    expect(there.locator('textarea')).to_have_value('doubled')
    here.get_by_role('button', name='Reset').click()
    expect(there.locator('.summary')).to_have_text('1 x Buy bread')
    here.get_by_role('button', name='Tell').click()
    page.get_by_text('This is Buy bread').wait_for()
    here.get_by_role('button', name='Delete').click()
    expect(row(other).locator('.summary')).to_have_text('3 x Call Ann')
    page.get_by_role('button', name='Undo').click()
    expect(row(other).locator('.summary')).to_have_text('1 x Buy bread')
    eventually(lambda: stored(server, 'level', 'Buy bread') == 5)


def test_no_id_stands_twice_in_the_document(tabs: Tabs) -> None:
    page = tabs.open()
    expect(row(page, 1).locator('.summary')).to_be_visible()
    ids = page.evaluate('[...document.querySelectorAll("[id]")].map(({ id }) => id)')
    assert [found for found in set(ids) if ids.count(found) > 1] == []


def test_what_is_being_typed_stays_whatever_others_write_and_over_a_reload(tabs: Tabs, server: RunningServer) -> None:
    page = tabs.open()
    note = row(page).locator('textarea')
    note.focus()
    page.keyboard.type('half a sent')
    server.execute("UPDATE tasks SET note = 'by another', count = 7 WHERE name = 'Buy milk'")
    expect(row(page).locator('.summary')).to_have_text('7 x Buy milk')
    expect(note).to_have_value('half a sent')
    page.keyboard.type('ence')
    page.reload()
    expect(note).to_have_value('half a sentence')
    note.focus()
    note.blur()
    eventually(lambda: stored(server, 'note') == 'half a sentence')
    expect(page.get_by_text('Somebody else had meanwhile written “by another”')).to_be_visible()


def test_esc_takes_back_what_was_typed(tabs: Tabs, server: RunningServer) -> None:
    page = tabs.open()
    name = row(page).locator('input.q-field__native').first
    name.fill('Buy')
    page.keyboard.press('Escape')
    expect(name).to_have_value('Buy milk')
    name.blur()
    assert [found for [found] in select(server, 'SELECT name FROM tasks ORDER BY name')] == ['Buy milk', 'Call Ann']


def test_a_refusal_stands_beside_the_field_with_what_was_typed(tabs: Tabs, server: RunningServer) -> None:
    page = tabs.open()
    name = row(page).locator('input.q-field__native').first
    name.fill('')
    name.blur()
    expect(row(page).get_by_role('alert')).to_be_visible()
    expect(name).to_have_value('')
    expect(row(page).locator('.why')).to_have_text('A task needs a name')
    expect(page.locator('.q-notification')).to_have_count(0)
    name.fill('Buy cheese')
    name.blur()
    expect(row(page).get_by_role('alert')).to_be_hidden()
    eventually(lambda: stored(server, 'count', 'Buy cheese') == 2)


def test_a_choice_that_is_refused_is_taken_back_and_told(tabs: Tabs, server: RunningServer) -> None:
    page = tabs.open()
    stars = row(page).locator('.q-rating__icon--active')
    expect(stars).to_have_count(1)
    row(page).locator('.q-rating__icon').nth(4).click()
    page.get_by_text('Nothing has five stars').wait_for()
    expect(stars).to_have_count(1)
    assert stored(server, 'stars') == 1


def test_what_was_typed_into_a_row_that_is_deleted_is_told(tabs: Tabs, server: RunningServer) -> None:
    page = tabs.open()
    row(page).locator('textarea').fill('important')
    server.execute("DELETE FROM tasks WHERE name = 'Buy milk'")
    expect(page.get_by_text('You had written “important”')).to_be_visible()


def test_without_a_server_what_is_set_shows_and_is_done_later(tabs: Tabs, server: RunningServer) -> None:
    page, other = tabs.open_many(2)
    server.kill()
    row(page).locator('.q-checkbox').click()
    expect(row(other).locator('.q-checkbox')).to_have_attribute('aria-checked', 'true')
    row(page).get_by_role('button', name='Double').click()
    expect(row(other).locator('.summary')).to_have_text('4 x Buy milk')
    expect(row(other).locator('.waits')).to_be_visible()
    server.start()
    eventually(lambda: stored(server, 'count') == 4 and stored(server, 'done') == 1)
    expect(row(other).locator('.waits')).to_be_hidden()


def test_rows_are_found_as_a_person_types_also_without_a_server_and_shown_by_a_condition(
    tabs: Tabs, server: RunningServer
) -> None:
    page = tabs.open()
    summaries = page.locator('.summary')
    expect(summaries).to_have_text(['2 x Buy milk', '3 x Call Ann'])
    row(page).locator('.q-checkbox').click()
    page.get_by_role('button', name='Missing').click()
    expect(summaries).to_have_text(['3 x Call Ann'])
    page.get_by_role('button', name='All').click()
    expect(summaries).to_have_text(['2 x Buy milk', '3 x Call Ann'])
    server.kill()
    page.get_by_role('button', name='Several').click()
    expect(summaries).to_have_text(['3 x Call Ann'])
    page.get_by_role('button', name='Unrated').click()
    expect(summaries).to_have_text([])
    page.get_by_role('button', name='Any').click()
    expect(summaries).to_have_text(['2 x Buy milk', '3 x Call Ann'])
    page.get_by_label('Search').fill('ANN')
    expect(summaries).to_have_text(['3 x Call Ann'])
    page.get_by_label('Search').fill('')
    expect(summaries).to_have_text(['2 x Buy milk', '3 x Call Ann'])


def test_choices_stay_open_while_others_change_the_row(tabs: Tabs, server: RunningServer) -> None:
    page = tabs.open()
    row(page).locator('.q-select').click()
    expect(page.get_by_role('option')).to_have_count(2)
    for count in range(3, 8):
        server.execute(f"UPDATE tasks SET count = {count} WHERE name = 'Buy milk'")
        expect(row(page).locator('.summary')).to_have_text(f'{count} x Buy milk')
        expect(page.get_by_role('option')).to_have_count(2)
    page.get_by_role('option', name='Closed').click()
    expect(row(page).locator('.state')).to_have_text('Closed')


def test_a_verb_shows_at_once_and_is_done_when_the_server_is_back(tabs: Tabs, server: RunningServer) -> None:
    page = tabs.open()
    expect(row(page).locator('.summary')).to_have_text('2 x Buy milk')
    server.kill()
    row(page).get_by_role('button', name='Reset').click()
    expect(row(page).locator('.summary')).to_have_text('1 x Buy milk')
    assert stored(server, 'count') == 2, 'nobody has written it yet'
    server.start()
    eventually(lambda: stored(server, 'count') == 1)
    expect(row(page).locator('.summary')).to_have_text('1 x Buy milk')


def test_what_the_browser_and_what_handlers_have_written_is_taken_back_in_one_order(
    tabs: Tabs, server: RunningServer
) -> None:
    page = tabs.open()
    take_back = page.get_by_role('button', name='Take back')
    row(page).locator('.q-checkbox').click()
    page.get_by_role('button', name='Add').click()
    expect(row(page, 2).locator('.summary')).to_have_text('1 x Zoo')
    row(page).get_by_role('button', name='Double').click()
    expect(row(page).locator('.summary')).to_have_text('4 x Buy milk')
    take_back.click()
    expect(row(page).locator('.summary')).to_have_text('2 x Buy milk')
    take_back.click()
    page.get_by_text('Undone: added “Zoo”').wait_for()
    expect(page.locator('.summary')).to_have_count(2)
    assert stored(server, 'done') == 1
    row(page).get_by_role('button', name='Reset').click()
    expect(row(page).locator('.summary')).to_have_text('1 x Buy milk')
    server.kill()
    take_back.click()
    page.keyboard.press('ControlOrMeta+z')
    expect(row(page).locator('.summary')).to_have_class('summary')
    expect(row(page).locator('.summary')).to_have_text('2 x Buy milk')
    server.start()
    eventually(lambda: (stored(server, 'done'), stored(server, 'count')) == (0, 2))
