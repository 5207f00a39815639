"""Whoever needs other colours, or a larger font, sees all of the page."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page

from tests.e2e.browser import Chromium, cdp, eventually, status
from tests.server import RunningServer

pytestmark = pytest.mark.any_database
COLOURS = """async (picture) => {
    const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${picture}`)).blob());
    const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    return new Set(new Uint32Array(data.buffer)).size;
}"""
LARGER = 2


def opened(context: BrowserContext, server: RunningServer, font: int = 16) -> Page:
    page = context.new_page()
    cdp(page).send('Page.setFontSizes', {'fontSizes': {'standard': font}})
    page.goto(server.url)
    eventually(lambda: status(page)['connected'])
    page.get_by_role('listitem').first.wait_for()
    return page


def colours(part: Locator) -> int:
    """Return how many colours a part of the page shows."""
    return int(part.page.evaluate(COLOURS, base64.b64encode(part.screenshot()).decode()))


@pytest.fixture
def forced(chromium: Chromium, server: RunningServer) -> Iterator[Page]:
    server.add('Buy milk')
    context = chromium.browser.new_context(forced_colors='active', reduced_motion='reduce')
    yield opened(context, server)
    context.close()


def test_with_forced_colours_every_button_and_every_choice_is_seen(forced: Page) -> None:
    box = forced.get_by_role('checkbox', name='Buy milk')
    box.click()
    forced.mouse.move(0, 0)
    for name in ('Add todo', 'Edit Buy milk', 'Delete Buy milk'):
        assert colours(forced.get_by_role('button', name=name)) > 1, name
    style: Any = forced.locator('.todo-filter button').evaluate_all(
        '(buttons) => buttons.map((button) => getComputedStyle(button).backgroundColor)'
    )
    chosen, *others = style
    assert chosen not in others
    assert box.evaluate("(box) => getComputedStyle(box, '::before').backgroundColor") != box.evaluate(
        '(box) => getComputedStyle(box).backgroundColor'
    )


def test_a_larger_font_of_the_browser_makes_all_texts_larger_and_titles_keep_their_room(
    chromium: Chromium, server: RunningServer
) -> None:
    server.add('Buy milk')
    parts = ('.todo-title', '.todo-form input', '.todo-filter button', 'h1')
    sizes = []
    for factor in (1, LARGER):
        context = chromium.browser.new_context(viewport={'width': 390, 'height': 844})
        page = opened(context, server, 16 * factor)
        sizes.append([
            page.locator(part).first.evaluate('(part) => parseFloat(getComputedStyle(part).fontSize)') for part in parts
        ])  # fmt: skip
        title = page.locator('.todo-title').bounding_box()
        assert title is not None
        assert title['width'] > 390 / 2
        assert page.evaluate('document.documentElement.scrollWidth <= innerWidth')
        context.close()
    assert sizes[1] == [LARGER * size for size in sizes[0]]
