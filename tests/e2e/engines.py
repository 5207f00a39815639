"""Firefox and WebKit, for the same tests: a tab of either can be used like a page of Playwright."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Playwright
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service

FIREFOX = '/usr/bin/firefox-esr'
FIREFOX_PREFERENCES: dict[str, str | float | bool] = {
    # tabs of one site would share processes otherwise, and a fault of one would hit others
    'dom.ipc.processCount.webIsolated': 16,
}
WEBKIT = '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser'
WEBKIT_DRIVER = '/usr/bin/WebKitWebDriver'
WORK_MS = 400
"""How long a tab is kept busy to find its process: much longer than other tabs work meanwhile."""


class Firefox:
    """A Firefox, driven through Playwright over WebDriver BiDi.

    :param playwright: the driver
    :param directory: where the browser's files go
    """

    def __init__(self, playwright: Playwright, directory: Path) -> None:
        self._playwright = playwright
        self._directory = directory
        self._pid_file = directory / 'pid'
        self._browser: Browser | None = None

    def start(self) -> None:
        # Playwright has the browser end itself when one of its processes crashes, and keeps its process to itself
        launcher = self._directory / 'firefox'
        launcher.write_text(
            f'#!/bin/sh\necho $$ >"{self._pid_file}"\nunset MOZ_CRASHREPORTER_SHUTDOWN\nexec {FIREFOX} "$@"\n'
        )
        launcher.chmod(0o700)
        self._browser = self._playwright.firefox.launch(
            channel='moz-firefox', executable_path=launcher, firefox_user_prefs=FIREFOX_PREFERENCES
        )

    def stop(self) -> None:
        """End the browser and all its processes; safe to call twice."""
        if self._browser is None:
            return
        with ended(self._pid):
            self._browser.close()
        self._browser = None

    def fresh_context(self) -> BrowserContext:
        """Return a profile of its own, like another browser."""
        assert self._browser is not None, 'the browser is not running'
        return self._browser.new_context()

    def renderer_pid(self, page: Page) -> int:
        """Return the process that runs a tab."""
        return busiest_process(self._pid, page)

    @property
    def _pid(self) -> int:
        return int(self._pid_file.read_text())


class WebKit:
    """WebKitGTK's MiniBrowser on a display of its own, driven through Selenium. A start of it is a profile."""

    def __init__(self) -> None:
        self._display: subprocess.Popen[bytes] | None = None
        self._name = ''

    def start(self) -> None:
        read_end, write_end = os.pipe()
        self._display = subprocess.Popen(
            ['Xvfb', '-displayfd', str(write_end), '-screen', '0', '1280x800x24', '-nolisten', 'tcp'],
            pass_fds=[write_end],
            stderr=subprocess.DEVNULL,
        )
        os.close(write_end)
        with os.fdopen(read_end) as numbers:
            self._name = f':{numbers.readline().strip()}'

    def stop(self) -> None:
        """End the display; safe to call twice."""
        if self._display is not None:
            self._display.terminate()
            self._display.wait()
            self._display = None

    def fresh_context(self) -> WebKitProfile:
        """Return a profile of its own, like another browser."""
        return WebKitProfile(self._name)

    def renderer_pid(self, page: WebKitPage) -> int:
        """Return the process that runs a tab."""
        return busiest_process(page.profile.pid, page)


class WebKitProfile:
    """A MiniBrowser with an empty profile, and its driver.

    :param display: the X display that it is shown on
    """

    def __init__(self, display: str) -> None:
        options = Options()
        options.binary_location = WEBKIT
        options.add_argument('--automation')
        options.page_load_strategy = 'none'  # as with Playwright's ``wait_until='commit'``
        self._service = Service(
            WEBKIT_DRIVER, env={**os.environ, 'DISPLAY': display}, popen_kw={'start_new_session': True}
        )
        try:
            self.driver = webdriver.WebKitGTK(options=options, service=self._service)
        except Exception:
            with ended(self.pid):
                self._service.stop()
            raise
        self._unused = list(self.driver.window_handles)

    @property
    def pid(self) -> int:
        """The process that all others of this browser descend from, and whose process group they are in."""
        return int(self._service.process.pid)

    def new_page(self) -> WebKitPage:
        """Open a tab behind the tab that is open already."""
        if self._unused:
            return WebKitPage(self, self._unused.pop())
        self.driver.switch_to.window(self.driver.window_handles[0])  # the driver may be at a tab that has been closed
        self.driver.switch_to.new_window('tab')
        return WebKitPage(self, self.driver.current_window_handle)

    def close(self) -> None:
        """End the browser and all its processes."""
        with ended(self.pid):  # a browser of which a page has crashed would stay behind
            self.driver.quit()


class WebKitPage:
    """A tab of WebKit, with as much of Playwright's ``Page`` as the tests use.

    :param profile: the browser that it belongs to
    :param handle: the driver's name for it
    """

    def __init__(self, profile: WebKitProfile, handle: str) -> None:
        self.profile = profile
        self._handle = handle

    def goto(self, url: str, *, wait_until: str = 'commit') -> None:
        self._driver.get(url)

    def reload(self, *, wait_until: str = 'commit') -> None:
        self._driver.refresh()

    def close(self, *, run_before_unload: bool = False) -> None:
        self._driver.close()

    def evaluate(self, expression: str) -> Any:
        return self._driver.execute_script(f'return ({expression})')

    def fill(self, selector: str, text: str) -> None:
        field = self._find(selector)
        field.clear()
        field.send_keys(text)

    def press(self, selector: str, key: str) -> None:
        self._find(selector).send_keys(getattr(Keys, key.upper()))

    def input_value(self, selector: str) -> str:
        return str(self._find(selector).get_property('value'))

    def _find(self, selector: str) -> WebElement:
        return self._driver.find_element(By.CSS_SELECTOR, selector)

    @property
    def _driver(self) -> webdriver.WebKitGTK:
        self.profile.driver.switch_to.window(self._handle)
        return self.profile.driver


def busiest_process(root: int, page: Any) -> int:
    """Return the process that runs a tab: the one that works while the tab is made to work.

    :param root: the process that all others of the browser descend from
    :param page: the tab
    """
    before = cpu_ticks(root)
    page.evaluate(f'(() => {{ const end = performance.now() + {WORK_MS}; while (performance.now() < end); }})()')
    after = cpu_ticks(root)
    return max(after, key=lambda pid: after[pid] - before.get(pid, 0))


def cpu_ticks(root: int) -> dict[int, int]:
    """Return how long each descendant of a process has worked, in the kernel's ticks."""
    ticks = {}
    for pid in descendants(root):
        fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
        ticks[pid] = int(fields[11]) + int(fields[12])
    return ticks


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    files = Path(f'/proc/{pid}/task').glob('*/children')
    children = [int(child) for file in files for child in file.read_text().split()]
    return children + [descendant for child in children for descendant in descendants(child)]


@contextlib.contextmanager
def ended(group: int) -> Iterator[None]:
    """Let a block end a browser in good order, and see to it that nothing is left of its process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGCONT)  # a process that is stopped would be waited for
    with contextlib.suppress(Exception):
        yield
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
