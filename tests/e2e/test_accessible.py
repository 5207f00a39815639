"""axe finds nothing: on the todo page, whatever state it is in, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import BrowserContext, Page

from tests.e2e.browser import Chromium, eventually, status
from tests.server import RunningServer

AXE = (Path(axe_playwright_python.__file__).parent / 'axe.min.js').read_text()
FINDINGS = """async () => (await axe.run({ exclude: '#popup' })).violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary}`))"""
"""What axe finds; not in NiceGUI's own "Connection lost", which stands in no landmark."""


@pytest.fixture(params=['light', 'dark'])
def context(chromium: Chromium, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    context = chromium.browser.new_context(
        color_scheme=request.param, reduced_motion='reduce', viewport={'width': 390, 'height': 844}
    )
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, server: RunningServer) -> Page:
    page = context.new_page()
    page.goto(server.url)
    eventually(lambda: status(page)['connected'])
    return page


def should_be_accessible(page: Page) -> None:
    if not page.evaluate('window.axe !== undefined'):
        page.evaluate(AXE)

    def has_no_findings() -> bool:
        findings = page.evaluate(FINDINGS)
        assert not findings, findings
        return True

    eventually(has_no_findings)  # what fades in has less contrast for a moment


def test_axe_finds_nothing_in_any_state_of_the_page(page: Page, server: RunningServer) -> None:
    should_be_accessible(page)  # without todos
    for title in ('one', 'two', 'three'):
        server.add(title)
    page.get_by_role('checkbox', name='two').check()
    page.get_by_role('button', name='Clear completed').wait_for()
    should_be_accessible(page)
    page.get_by_role('button', name='View').click()
    should_be_accessible(page)
    page.keyboard.press('Escape')
    page.locator('.connection summary').click()
    page.locator('.event').first.wait_for()
    should_be_accessible(page)
    page.locator('.connection summary').click()
    page.get_by_role('button', name='Edit one').click()
    should_be_accessible(page)
    page.locator('[data-editing] .todo-edit').fill('x' * 501)
    page.keyboard.press('Enter')
    page.get_by_text('Title is too long').first.wait_for()
    should_be_accessible(page)
    page.keyboard.press('Escape')
    page.get_by_role('button', name='Delete three').click()
    page.get_by_role('button', name='Undo').wait_for()
    should_be_accessible(page)


def test_axe_finds_nothing_in_a_list_of_which_only_a_part_is_rendered(page: Page, server: RunningServer) -> None:
    server.execute('INSERT INTO todos(title) VALUES (:title)', *({'title': f'todo {n}'} for n in range(1000)))
    page.locator('.todo').first.wait_for()
    should_be_accessible(page)


def test_axe_finds_nothing_while_the_server_is_away(page: Page, server: RunningServer) -> None:
    server.add('one')
    page.get_by_role('checkbox', name='one').wait_for()
    server.kill()
    page.locator('.connection-state', has_text='Offline').wait_for()
    page.get_by_role('checkbox', name='one').check()
    should_be_accessible(page)
