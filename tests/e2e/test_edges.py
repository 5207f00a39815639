"""The longest text, pages that are loaded before anybody goes there, and pages that end, as in plain NiceGUI."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page

from tests.e2e.browser import ARGUMENTS, CHROMIUM, Chromium, eventually, status, three_tabs
from tests.server import ROOT, running_program


@pytest.fixture(scope='module')
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp('edges')
    with running_program(ROOT / 'tests' / 'apps' / 'edges.py', folder) as port:
        url = f'http://127.0.0.1:{port}'
        eventually(lambda: events(url) == [])
        yield url


@pytest.fixture
def pages(chromium: Chromium, url: str) -> Iterator[list[Page]]:
    """Three tabs; the first leads."""
    with three_tabs(chromium, url) as pages:
        yield pages


@pytest.mark.parametrize('role', ['leader', 'follower'])
def test_the_longest_text_arrives_and_a_longer_one_harms_nobody(pages: list[Page], role: str) -> None:
    page = next(page for page in pages if status(page)['role'] == role)
    page.bring_to_front()
    page.locator('textarea').focus()
    for number in (1, 2):
        page.keyboard.press('y')
        eventually(lambda number=number: page.locator('.changes').inner_text() == str(number))
    page.keyboard.press('y')
    eventually(lambda: page.locator('#too_long_message_popup').get_attribute('aria-hidden') == 'false')
    for other in pages:
        other.bring_to_front()
        other.get_by_role('button', name='more').click()
        eventually(lambda other=other: other.locator('.changes').inner_text() == 'clicked')
    assert sorted(status(page)['role'] for page in pages) == ['follower', 'follower', 'leader']


def test_a_carried_page_that_the_server_deletes_is_told_that_only(pages: list[Page], url: str) -> None:
    follower = next(page for page in pages if status(page)['role'] == 'follower')
    follower.goto(f'{url}/ends')
    eventually(lambda: status(follower) == {**status(follower), 'role': 'follower', 'connected': True})
    follower.get_by_role('button', name='end').click()
    eventually(lambda: httpx.get(f'{url}/told').json() == ['deleted'])


def test_a_leader_whose_page_the_server_deletes_makes_way_for_the_next_tab(chromium: Chromium, url: str) -> None:
    context = chromium.fresh_context()
    first, second = context.new_page(), context.new_page()
    first.goto(f'{url}/ends')
    eventually(lambda: status(first)['role'] == 'leader' and status(first)['connected'])
    first.get_by_role('button', name='end').click()
    second.goto(url)
    for page in (second, first):
        eventually(lambda page=page: status(page)['connected'])
    context.close()


def test_a_page_that_is_loaded_in_advance_is_served_and_joins_the_others_when_it_is_shown(
    url: str, tmp_path: Path
) -> None:
    # a browser that is driven loads nothing in advance: this one is only told where to begin
    arguments = [*ARGUMENTS, f'--user-data-dir={tmp_path}', f'{url}/start']
    browser = subprocess.Popen(
        [CHROMIUM, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        eventually(lambda: 'clicked' in events(url))
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()
    assert [event for event in events(url) if not event.startswith('/')] == ['prerendering: true', 'clicked']


def events(url: str) -> list[str]:
    return httpx.get(f'{url}/events').json()
