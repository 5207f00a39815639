"""A real Chromium, started as a person starts it: pages can be hidden, frozen and cached, and all share one profile."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, Playwright

from tests.server import RunningServer

CHROMIUM = shutil.which('chromium') or '/usr/bin/chromium'
ARGUMENTS = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--window-size=1280,800',
]
START_TIMEOUT = 90.0
PATIENCE = 90.0
"""How many seconds a condition is waited for. Long, for slow machines: a test that passes does not need them."""
Result = TypeVar('Result')


def eventually(condition: Callable[[], Result], *, timeout: float = PATIENCE) -> Result:
    """Wait until a condition returns something true, and return that.

    What it raises counts as not yet; at the end of the time the last exception, or what was returned, is the reason.
    """
    deadline = time.monotonic() + timeout
    while True:
        reason: object
        try:
            result = condition()
            if result:
                return result
            reason = result
        except Exception as error:
            reason = error
        if time.monotonic() > deadline:
            raise AssertionError(f'not within {timeout} s: {reason}') from (
                reason if isinstance(reason, Exception) else None
            )
        time.sleep(0.05)


@contextlib.contextmanager
def three_tabs(chromium: Chromium, url: str) -> Iterator[list[Page]]:
    """Open an app in three tabs of a browser, as soon as it serves, and see them share a socket."""
    context = chromium.fresh_context()
    try:
        pages = [context.new_page() for _ in range(3)]
        eventually(lambda: pages[0].goto(url))
        for page in pages:
            page.goto(url)
            eventually(lambda page=page: status(page)['connected'])
        eventually(lambda: sorted(status(page)['role'] for page in pages) == ['follower', 'follower', 'leader'])
        yield pages
    finally:
        context.close()


class Chromium:
    """A Chromium process and its default profile.

    :param playwright: the driver
    :param profile: directory of the profile, which outlives restarts
    :param arguments: further command-line arguments
    """

    def __init__(self, playwright: Playwright, profile: Path, *arguments: str) -> None:
        self._playwright = playwright
        self._profile = profile
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._browser: Browser | None = None

    def start(self) -> None:
        port_file = self._profile / 'DevToolsActivePort'
        port_file.unlink(missing_ok=True)
        self._profile.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [
                CHROMIUM,
                *ARGUMENTS,
                *self._arguments,
                '--remote-debugging-port=0',
                f'--user-data-dir={self._profile}',
                'about:blank',
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        eventually(port_file.read_text, timeout=START_TIMEOUT)
        self.connect()

    def connect(self) -> None:
        """Connect the driver; again, if it does not know all pages."""
        port = (self._profile / 'DevToolsActivePort').read_text().splitlines()[0]
        # without defaults: with them every page believes that it is visible and focused, whatever it is
        self._browser = self._playwright.chromium.connect_over_cdp(f'http://127.0.0.1:{port}', no_defaults=True)

    def quit(self) -> None:
        """End the browser as a person does, so that it can restore its tabs."""
        assert self._process is not None
        with contextlib.suppress(Exception):
            self.browser.new_browser_cdp_session().send('Browser.close')
        self._process.wait(START_TIMEOUT)
        self._browser = None
        self._process = None

    def show_each_tab(self) -> None:
        """Show one tab after the other, because a browser loads a restored tab only when it is shown."""
        session = self.browser.new_browser_cdp_session()
        for target in session.send('Target.getTargets')['targetInfos']:
            if target['type'] == 'page':
                session.send('Target.activateTarget', {'targetId': target['targetId']})
        session.detach()

    def stop(self) -> None:
        """End the browser and all its processes; safe to call twice."""
        if self._browser is not None:
            with contextlib.suppress(Exception):
                self._browser.close()
            self._browser = None
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGCONT)
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    @property
    def browser(self) -> Browser:
        assert self._browser is not None, 'the browser is not running'
        return self._browser

    @property
    def context(self) -> BrowserContext:
        """The default profile, in which pages are tabs of one window: the one in front hides the others."""
        return self.browser.contexts[0]

    def fresh_context(self) -> BrowserContext:
        """Return a profile of its own, like another browser."""
        return self.browser.new_context()


class Tabs:
    """The tabs of one browser that a test has open on a server.

    :param context: the browser profile
    :param server: the server
    """

    def __init__(self, context: BrowserContext, server: RunningServer) -> None:
        self.context = context
        self.server = server
        self.pages: list[Page] = []

    def open(self, path: str = '/', *, wait: bool = True) -> Page:
        """Open a tab."""
        page = self.context.new_page()
        self.pages.append(page)
        page.goto(self.server.url + path, wait_until='commit')
        if wait:
            eventually(lambda: status(page)['connected'])
        return page

    def open_many(self, count: int) -> list[Page]:
        """Open several tabs, one after the other."""
        return [self.open() for _ in range(count)]

    def close(self, page: Page) -> None:
        """Close a tab as a person does."""
        self.pages.remove(page)
        page.close(run_before_unload=False)

    def forget(self, page: Page) -> None:
        """Drop a tab that has crashed."""
        self.pages.remove(page)
        with contextlib.suppress(Exception):
            page.close()

    def leader(self) -> Page:
        """Return the tab that leads, once it is exactly one."""
        return eventually(lambda: _only(self._leaders()))

    def followers(self) -> list[Page]:
        """Return the other tabs."""
        leader = self.leader()
        return [page for page in self.pages if page is not leader]

    def _leaders(self) -> list[Page]:
        return [page for page in self.pages if status(page)['role'] == 'leader']

    def should_agree(self, *, timeout: float = PATIENCE) -> None:
        """Assert what must hold after any fault.

        One tab leads, the server has one socket of this browser and reaches all tabs, every tab is connected and
        shows exactly what the database holds.
        """
        should_agree([self.pages], self.server, timeout=timeout)


def should_agree(browsers: list[list[Page]], server: RunningServer, *, timeout: float = PATIENCE) -> None:
    """Assert what must hold after any fault, see :meth:`Tabs.should_agree`.

    :param browsers: the tabs of each browser
    """
    eventually(lambda: _agree(browsers, server), timeout=timeout)


def _agree(browsers: list[list[Page]], server: RunningServer) -> bool:
    for pages in browsers:
        roles = sorted(status(page)['role'] for page in pages)
        expected = sorted(['leader'] + ['follower'] * (len(pages) - 1))
        assert roles == expected, (roles, [event_log(page) for page in pages])
    connections, tabs = server.connections(), sum(map(len, browsers))
    assert connections == {'sockets': len(browsers), 'followers': tabs - len(browsers)}, connections
    todos = server.todos()
    for page in [page for pages in browsers for page in pages]:
        assert status(page)['connected']
        assert shown(page) == todos
        assert page.evaluate('window.did_handshake')
    return True


def status(page: Page) -> dict[str, Any]:
    """Return what the tab says of itself."""
    return dict(page.evaluate('({ ...window.todosync.status })'))


def shown(page: Page) -> list[dict[str, Any]]:
    """Return the todos that the tab holds."""
    return list(page.evaluate("window.todosync.stream('todos').items"))


def event_log(page: Page) -> list[str]:
    """Return the tab's event log, oldest first, without times."""
    entries = page.evaluate('window.todosync.log.view.entries.map((e) => `${e.category}: ${e.text}`)')
    return list(reversed(entries))


def cdp(page: Page) -> CDPSession:
    """Return a session of the DevTools protocol for a tab."""
    return page.context.new_cdp_session(page)


def freeze(page: Page) -> None:
    """Freeze a tab as the browser does to save memory: timers and sockets stop, message handlers go on."""
    cdp(page).send('Page.setWebLifecycleState', {'state': 'frozen'})


def thaw(page: Page) -> None:
    """End a freeze."""
    cdp(page).send('Page.setWebLifecycleState', {'state': 'active'})


def crash(page: Page) -> None:
    """Have a tab's process die."""
    with contextlib.suppress(Exception):
        page.goto('chrome://crash', timeout=5000)


def renderer_pid(page: Page) -> int:
    """Return the process that runs a tab: the one that works most by far while the tab is made to work."""
    session = page.context.browser.new_browser_cdp_session()  # type: ignore[union-attr]

    def cpu_times() -> dict[int, float]:
        processes = session.send('SystemInfo.getProcessInfo')['processInfo']
        return {process['id']: process['cpuTime'] for process in processes if process['type'] == 'renderer'}

    before = cpu_times()
    while True:
        page.evaluate('() => { const end = performance.now() + 400; while (performance.now() < end); }')
        worked = sorted((seconds - before.get(pid, 0), pid) for pid, seconds in cpu_times().items())
        (others, _), (most, pid) = [(0.0, 0), *worked][-2:]
        if most > max(0.2, 3 * others):
            session.detach()
            return pid


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process during a block, like a machine without free memory."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def offline(*pages: Page) -> Iterator[None]:
    """Cut tabs off the network for the time of a block."""
    sessions = [cdp(page) for page in pages]  # the same for both calls: each session has an opinion of its own
    for session in sessions:
        emulate_network(session, offline=True)
    try:
        yield
    finally:
        for session in sessions:
            emulate_network(session, offline=False)
            session.detach()


def emulate_network(session: CDPSession, *, offline: bool) -> None:
    """Cut the session's tab off the network, or end that."""
    session.send('Network.enable')
    conditions = {'offline': offline, 'latency': 0, 'downloadThroughput': -1, 'uploadThroughput': -1}
    session.send('Network.emulateNetworkConditions', conditions)


def _only(items: list[Result]) -> Result | None:
    return items[0] if len(items) == 1 else None


def dump(pages: list[Page]) -> str:
    """Return the event logs of tabs, for the message of a failure."""
    return json.dumps([event_log(page) for page in pages], indent=1)
