"""Makes the pictures of the documentation anew, from the app as it is: ``make screenshots``."""

from __future__ import annotations

import base64
import struct
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.server import RunningServer, running_server  # noqa: E402 - the path has to be known first

TARGET = ROOT / 'docs' / 'screenshots'
CHROMIUM = '/usr/bin/chromium'
ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--force-color-profile=srgb']
TODOS = {
    'Send the invoice to Lena': False,
    'Book train tickets to Lyon': False,
    'Water the plants': True,
    'Call the dentist about next week': False,
    'Buy milk': True,
}
TAB = {'width': 620, 'height': 860}
PHONE = {'width': 390, 'height': 844}
GAP = 24


def main() -> None:
    """Make all pictures."""
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as storage, running_server(Path(storage)) as server:
        for title, completed in reversed(TODOS.items()):
            todo = server.add(title)
            server.request('PATCH', f'/todos/{todo["id"]}', {'todo': {'completed': completed}})
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            take_two_tabs(browser, server)
            take_phone(browser, server)
            browser.close()


def take_two_tabs(browser: Browser, server: RunningServer) -> None:
    """Show one browser's two tabs: what is typed into the second one stands in both."""
    context = browser.new_context(viewport=TAB, device_scale_factor=1.5)
    with opened(context.new_page(), server, 'leader') as leader, opened(context.new_page(), server, 'follower') as tab:
        field = tab.locator('.todo-form input')
        field.fill('Pick up the parcel')
        field.press('Enter')
        for page in (leader, tab):
            page.locator('.todo', has_text='Pick up the parcel').wait_for()
            page.locator('.connection summary').click()
        tab.locator('.todo .todo-checkbox').nth(1).click()
        for page in (leader, tab):
            page.get_by_role('checkbox', name='Send the invoice', checked=True).wait_for()
            page.mouse.move(0, 0)
            page.evaluate('document.activeElement.blur()')
        pictures = [page.screenshot(animations='disabled') for page in (leader, tab)]
    side_by_side(context.new_page(), pictures, TARGET / 'two-tabs.png')
    context.close()


def take_phone(browser: Browser, server: RunningServer) -> None:
    """Show a phone at night."""
    context = browser.new_context(
        viewport=PHONE, device_scale_factor=2, color_scheme='dark', has_touch=True, is_mobile=True
    )
    with opened(context.new_page(), server, 'leader') as page:
        page.screenshot(path=TARGET / 'phone-dark.png', animations='disabled')
    context.close()


@contextmanager
def opened(page: Page, server: RunningServer, role: str) -> Iterator[Page]:
    """Open the app and wait until the tab has its role."""
    page.goto(server.url)
    page.locator(f'.leader-badge[data-role={role}][data-connected=true]').wait_for(state='attached')
    yield page


def side_by_side(page: Page, pictures: list[bytes], path: Path) -> None:
    """Put pictures next to each other on a ground that light and dark readers can look at."""
    width, height = struct.unpack('>II', pictures[0][16:24])
    images = ''.join(f'<img src="data:image/png;base64,{base64.b64encode(picture).decode()}">' for picture in pictures)
    page.set_viewport_size({'width': int(width / 1.5) * 2 + 3 * GAP, 'height': int(height / 1.5) + 2 * GAP})
    page.set_content(
        f'<style>body {{ margin: 0; padding: {GAP}px; display: flex; gap: {GAP}px; background: #cfd6d2 }}'
        f'img {{ width: {width / 1.5}px; border-radius: 10px; box-shadow: 0 2px 16px #0003 }}</style>{images}'
    )
    page.wait_for_function('[...document.images].every((image) => image.complete)')
    page.screenshot(path=path)


if __name__ == '__main__':
    main()
