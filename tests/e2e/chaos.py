"""Random faults against real browsers and a real server, checked all along against the database.

The same seed draws the same steps; what the machine makes of their timing is its own affair. Run it with
``make chaos SEED=7 MINUTES=10 DATABASE=postgresql``; it prints each step before taking it.

Two people have a browser each. What they write is kept while the server is dead, stands still or refuses it.
In the end each write is done once, in the order in which they acted, or they were told why not (``chaos_ledger.py``).
The module is long because each thing that can happen to a tab is a few lines here.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright._impl._errors import TargetClosedError
from playwright.sync_api import CDPSession, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tests.databases import KINDS, other_program
from tests.e2e.browser import (
    Chromium,
    cdp,
    crash,
    dump,
    emulate_network,
    eventually,
    freeze,
    renderer_pid,
    should_agree,
    status,
    thaw,
)
from tests.e2e.chaos_ledger import MARK, Ledger
from tests.e2e.chaos_server import ServerFaults
from tests.e2e.chaos_truth import Truth, ViolationError
from tests.e2e.proxy import Proxy
from tests.postgres import running_postgres
from tests.server import RunningServer, running_server

PEOPLE = ('Ann', 'Bob')
"""Who has a browser each."""
MAX_TABS = 6
STEPS_BETWEEN_CHECKS = 12
PAUSE_MAX = 0.4
"""The longest time in seconds between two steps. Hand-overs are shorter, so steps come before, in and after them."""
AGREEMENT_TIMEOUT = 60.0
LOCK_TIMEOUT = 5


CLOCK_JUMPS = [-86400.0, -3600.0, -30.0, 30.0, 3600.0, 86400.0]
"""By how many seconds the clock of a tab may be wrong."""
JUMP = """(milliseconds) => {
  const real = (globalThis.realDate ??= Date);
  const now = () => real.now() + milliseconds;
  globalThis.Date = new Proxy(real, {
    get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
    construct: (target, values) => (values.length ? new target(...values) : new target(now())),
  });
}"""


NOTHING_WAITS = """async () => {
  const outbox = todosync.tab.relays.find((relay) => relay.queue);
  return outbox.shown.size === 0 && (await outbox.queue.entries()).length === 0;
}"""


@dataclass
class ChaosTab:
    """A tab, what is wrong with it at the moment, and what it has shown."""

    name: str
    page: Page
    person: str
    frozen: bool = False
    stopped_pid: int | None = None
    offline: CDPSession | None = None
    loaded_at: float = 0.0
    version: int = -1
    may_go_back: int = 0
    """How often an older database has taken the place since it was seen that the tab shows it."""

    @property
    def responsive(self) -> bool:
        return not self.frozen and self.stopped_pid is None


class Chaos:
    """One run.

    :param seed: draws the steps
    :param proxy: leads the browser to the server
    :param say: called with a line for each step
    """

    def __init__(
        self,
        seed: int,
        proxy: Proxy,
        browser: Chromium,
        directory: Path,
        say: Callable[[str], None],
    ) -> None:
        self._random = random.Random(seed)
        self._say = say
        self._url = proxy.url
        self._browsers = dict(zip(PEOPLE, (browser.context, browser.fresh_context()), strict=True))
        self._tabs: list[ChaosTab] = []
        self._count = 0
        self._edits: dict[str, int] = {}
        """How often each person's row has been written, by the beginning of its title."""
        self._is_forbidden = False
        self._ledger = Ledger(proxy.server.database_url)
        self._ledger.begin()
        for context in self._browsers.values():
            self._ledger.listen(context)
        self._gone_back = 0
        """How often an older database has taken the place since everything agreed."""
        self._truth = Truth()
        self._faults = ServerFaults(self._random, proxy, self._truth, directory, self._may_go_back)
        self.steps = 0
        self._actions: list[tuple[int, Callable[[], str | None]]] = [
            (10, self._open),
            (6, self._close),
            (5, self._reload),
            (5, self._move),
            (3, self._crash),
            (4, self._freeze),
            (4, self._thaw),
            (3, self._stop_renderer),
            (4, self._continue_renderer),
            (4, self._go_offline),
            (5, self._go_online),
            (4, self._show),
            (3, self._jump_clock),
            (2, self._begin_a_new_session),
            (14, self._enter_in_a_tab),
            (24, self._write_in_a_tab),
            (3, self._forbid_or_allow),
            (10, self._write_by_rest),
            (8, self._write_by_sql),
            *self._faults.actions,
        ]

    @property
    def _server(self) -> RunningServer:
        return self._faults.server

    def run(self, seconds: float) -> None:
        """Take steps for a time. Then end all faults, and check that everything agrees.

        :raises ViolationError: what must hold did not
        """
        deadline = time.monotonic() + seconds
        self._step(self._open)
        while time.monotonic() < deadline:
            actions = [action for weight, action in self._actions for _ in range(weight)]
            self._step(self._random.choice(actions))
            time.sleep(self._random.uniform(0, PAUSE_MAX))
            if self.steps % STEPS_BETWEEN_CHECKS == 0:
                self.settle()
        self.settle()

    def settle(self) -> None:
        """End all faults; then every tab must agree with the database, and nothing be lost or doubled."""
        self._say('settle')
        self._faults.end()
        for tab in list(self._tabs):
            with contextlib.suppress(TargetClosedError):  # it has crashed
                self._heal(tab)
        for person in PEOPLE:  # what waits is sent by a page of the same person
            if not any(tab.person == person for tab in self._tabs):
                self._say(f'open a tab of {person}')
                self._open_tab(person)
        self._is_forbidden = False
        self._ledger.forbid(forbidden=False)  # also where an older database has brought it back
        pages = [[tab.page for tab in self._tabs if tab.person == person] for person in PEOPLE]
        try:
            should_agree([of_one for of_one in pages if of_one], self._server, timeout=AGREEMENT_TIMEOUT)
        except AssertionError as error:
            raise ViolationError(f'{error}\n{dump([tab.page for tab in self._tabs])}') from error
        self._check_versions()
        self._gone_back = 0
        for tab in self._tabs:
            tab.may_go_back = 0
        loaded_at = {tab.name: tab.loaded_at for tab in self._tabs}
        self._check_that_nothing_waits()
        self._ledger.check()
        self._truth.check([todo['title'] for todo in self._server.todos()], loaded_at)

    def stop(self) -> None:
        """End the processes that chaos has started."""
        self._faults.stop()

    def _step(self, action: Callable[[], str | None]) -> None:
        self.steps += 1
        self._faults.end_what_is_too_long()
        done = action()
        if done:
            self._say(f'{self.steps} {done}')
        self._check_versions()

    def _pick(self, condition: Callable[[ChaosTab], bool]) -> ChaosTab | None:
        fitting = [tab for tab in self._tabs if condition(tab)]
        return self._random.choice(fitting) if fitting else None

    def _new_title(self, where: str) -> str:
        self._count += 1
        return f'{self._count} {where}'

    # what happens to tabs

    def _open(self) -> str | None:
        if len(self._tabs) >= MAX_TABS or self._faults.is_hanging:
            return None
        return f'open {self._open_tab(self._random.choice(PEOPLE)).name}'

    def _open_tab(self, person: str) -> ChaosTab:
        self._count += 1
        tab = ChaosTab(f'tab {self._count} of {person}', self._browsers[person].new_page(), person)
        self._tabs.append(tab)
        tab.page.on('crash', lambda _: self._drop(tab))  # a tab may share the process of one that is made to crash
        with contextlib.suppress(Exception):  # the server may be away
            tab.page.goto(self._url, wait_until='commit', timeout=5000)
        return tab

    def _close(self) -> str | None:
        if len(self._tabs) < 2 or not (tab := self._pick(lambda tab: tab.stopped_pid is None)):
            return None
        self._tabs.remove(tab)
        tab.page.close(run_before_unload=False)
        return f'close {tab.name}'

    def _reload(self) -> str | None:
        if self._faults.is_hanging:
            return None
        if not (tab := self._pick(lambda tab: tab.responsive and tab.offline is None)):
            return None
        with contextlib.suppress(Exception):
            tab.page.reload(wait_until='commit', timeout=5000)
        return f'reload {tab.name}'

    def _move(self) -> str | None:
        if self._faults.is_hanging:
            return None
        if not (tab := self._pick(lambda tab: tab.responsive and tab.offline is None)):
            return None
        self._faults.lead_away()
        with contextlib.suppress(Exception):
            tab.page.reload(wait_until='commit', timeout=5000)
        if self._random.random() < 0.5:
            return f'move {tab.name} to another process, and what connects from now on'
        self._faults.lead_back()
        return f'move {tab.name} to another process'

    def _crash(self) -> str | None:
        if len(self._tabs) < 2 or not (tab := self._pick(lambda tab: tab.responsive)):
            return None
        crash(tab.page)
        self._drop(tab)
        with contextlib.suppress(Exception):
            tab.page.close()
        return f'crash {tab.name}'

    def _freeze(self) -> str | None:
        if not (tab := self._pick(lambda tab: tab.responsive)):
            return None
        tab.frozen = True
        freeze(tab.page)
        return f'freeze {tab.name}'

    def _thaw(self) -> str | None:
        if not (tab := self._pick(lambda tab: tab.frozen)):
            return None
        tab.frozen = False
        thaw(tab.page)
        return f'thaw {tab.name}'

    def _stop_renderer(self) -> str | None:
        if self._faults.is_hanging:
            return None
        if any(tab.stopped_pid for tab in self._tabs):
            return None
        if not (tab := self._pick(lambda tab: tab.responsive)):
            return None
        pid = renderer_pid(tab.page)
        os.kill(pid, signal.SIGSTOP)
        tab.stopped_pid = pid
        return f'stop {tab.name}'

    def _continue_renderer(self) -> str | None:
        if not (tab := self._pick(lambda tab: tab.stopped_pid is not None)):
            return None
        self._continue(tab)
        return f'continue {tab.name}'

    def _go_offline(self) -> str | None:
        if not (tab := self._pick(lambda tab: tab.responsive and tab.offline is None)):
            return None
        tab.offline = cdp(tab.page)
        emulate_network(tab.offline, offline=True)
        return f'cut off {tab.name}'

    def _go_online(self) -> str | None:
        if not (tab := self._pick(lambda tab: tab.responsive and tab.offline is not None)):
            return None
        self._bring_online(tab)
        return f'bring back {tab.name}'

    def _show(self) -> str | None:
        if not (tab := self._pick(lambda tab: tab.responsive)):
            return None
        tab.page.bring_to_front()
        return f'show {tab.name}'

    def _drop(self, tab: ChaosTab) -> None:
        if tab in self._tabs:
            self._tabs.remove(tab)

    def _jump_clock(self) -> str | None:
        if self._faults.is_hanging:
            return None
        if not (tab := self._pick(lambda tab: tab.responsive)):
            return None
        seconds = self._random.choice(CLOCK_JUMPS)
        tab.page.add_init_script(f'({JUMP})({seconds * 1000})')
        with contextlib.suppress(Exception):  # the page is being loaded
            tab.page.evaluate(JUMP, seconds * 1000)
        return f'set the clock of {tab.name} to {seconds:+g} s'

    def _begin_a_new_session(self) -> str | None:
        """Have a person lose their cookies, and load their pages again, as after signing in anew."""
        person = self._random.choice(PEOPLE)
        tabs = [tab for tab in self._tabs if tab.person == person]
        if self._faults.is_away or not tabs or not all(tab.responsive and tab.offline is None for tab in tabs):
            return None
        self._browsers[person].clear_cookies()
        for tab in tabs:
            with contextlib.suppress(Exception):
                tab.page.reload(wait_until='commit', timeout=5000)
        return f'begin a new session of {person}'

    def _may_go_back(self) -> None:
        self._gone_back += 1
        self._ledger.go_back()
        for tab in self._tabs:
            tab.may_go_back += 1

    # who writes

    def _enter_in_a_tab(self) -> str | None:
        if not (tab := self._pick(lambda tab: tab.responsive)):
            return None
        title = self._new_title(f'in {tab.name}')
        try:
            entry = tab.page.get_by_role('textbox').first
            entry.fill(title, timeout=2000)
            entry.press('Enter', timeout=2000)
            if entry.input_value(timeout=2000) == '':  # the page took it; without a connection it stays in the field
                loaded_at = tab.page.evaluate('performance.timeOrigin')
                self._truth.entered[title] = (tab.name, loaded_at)
        except Exception as error:
            if 'Timeout' not in str(error) and 'closed' not in str(error) and 'navigat' not in str(error):
                raise
            return f'could not enter {title!r}'
        return f'enter {title!r}'

    def _write_in_a_tab(self) -> str | None:
        """Have a person make a row, or change one of theirs, whether or not the server is there."""
        if not (tab := self._pick(lambda tab: tab.responsive)):
            return None
        theirs = [name for name in self._edits if name.endswith(f'{MARK}{tab.person}')]
        name = self._random.choice(['', *theirs[-5:]])
        number = self._edits[name] + 1 if name else 0
        row = name or self._new_title(f'{MARK.strip()} {tab.person}')
        title = f'{row} v{number}'
        try:
            if not self._ledger.write(tab.person, tab.page, name, title):
                return None
        except PlaywrightError:
            return f'could not write {title!r}'  # the page is being loaded
        self._edits[row] = number
        return f'write {title!r} in {tab.name}'

    def _forbid_or_allow(self) -> str | None:
        """Have the database refuse new rows of persons, or take them again."""
        if self._faults.is_hanging:
            return None  # it may hold a lock
        self._is_forbidden = not self._is_forbidden
        self._ledger.forbid(forbidden=self._is_forbidden)
        return 'refuse new rows' if self._is_forbidden else 'allow new rows'

    def _write_by_rest(self) -> str | None:
        if self._faults.is_away:
            return None
        title = self._new_title('by REST')
        self._server.add(title)
        self._truth.acknowledged.add(title)
        return f'post {title!r}'

    def _write_by_sql(self) -> str:
        title = self._new_title('by SQL')
        statement = self._random.choice(
            [
                'INSERT INTO todos(title) VALUES (:title) RETURNING title',
                'UPDATE todos SET completed = NOT completed RETURNING title',
                'DELETE FROM todos WHERE id = (SELECT min(id) FROM todos) RETURNING title',
            ]
        )
        kind = statement.split()[0].lower()
        try:
            with other_program(self._server.database_url) as connection:
                if connection.dialect.name == 'postgresql':
                    connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_TIMEOUT}s'")
                titles = connection.execute(text(statement), {'title': title}).scalars().all()
        except OperationalError as error:
            if not self._faults.is_hanging or 'lock' not in str(error):
                raise
            return f'could not {kind} by SQL'  # the server was stopped while it wrote
        if kind == 'insert':
            self._truth.acknowledged.update(titles)
        elif kind == 'delete':
            self._truth.deleted.update(titles)
        return f'{kind} by SQL'

    # what must hold

    def _check_that_nothing_waits(self) -> None:
        for tab in self._tabs:
            try:
                eventually(lambda tab=tab: tab.page.evaluate(NOTHING_WAITS), timeout=AGREEMENT_TIMEOUT)
            except AssertionError as error:
                raise ViolationError(f'{tab.name} has writes that wait: {error}') from error

    def _check_versions(self) -> None:
        if self._faults.is_hanging:
            return  # a page that is being loaded would not answer
        for tab in self._tabs:
            if not tab.responsive:
                continue
            try:
                loaded_at, version = tab.page.evaluate(
                    "[performance.timeOrigin, window.todosync.stream('todos').version]"
                )
            except Exception:
                continue  # the page is being loaded
            if loaded_at != tab.loaded_at:  # a process takes a second to notice, and may have made the page before
                tab.may_go_back = self._gone_back
            elif version < tab.version:
                if tab.may_go_back:
                    tab.may_go_back -= 1
                    tab.version = version
                    continue
                raise ViolationError(f'{tab.name} went back from version {tab.version} to {version}')
            tab.loaded_at, tab.version = loaded_at, version

    # the end of faults

    def _heal(self, tab: ChaosTab) -> None:
        if tab.stopped_pid is not None:
            self._continue(tab)
        if tab.frozen:
            tab.frozen = False
            thaw(tab.page)
        if tab.offline is not None:
            self._bring_online(tab)
        if not tab.page.url.startswith(self._url):  # it was opened or reloaded while the server was away
            tab.page.goto(self._url, wait_until='commit')
        try:
            eventually(lambda: status(tab.page))
        except AssertionError as error:
            raise ViolationError(f'{tab.name} has not started: {error}\n{tab.page.content()[-3000:]}') from error

    def _continue(self, tab: ChaosTab) -> None:
        assert tab.stopped_pid is not None
        os.kill(tab.stopped_pid, signal.SIGCONT)
        tab.stopped_pid = None

    def _bring_online(self, tab: ChaosTab) -> None:
        assert tab.offline is not None
        emulate_network(tab.offline, offline=False)
        tab.offline.detach()
        tab.offline = None


def run_chaos(seed: int, seconds: float, directory: Path, say: Callable[[str], None], **settings: str) -> int:
    """Run chaos against a server and a browser of its own.

    :param settings: the server's
    :return: how many steps were taken
    :raises ViolationError: what must hold did not
    """
    say(f'seed {seed}, {seconds:.0f} s')
    with (
        sync_playwright() as playwright,
        running_server(directory / 'storage', ENV='production', **settings) as server,
        Proxy(server) as proxy,
    ):
        browser = Chromium(playwright, directory / 'profile')
        browser.start()
        try:
            chaos = Chaos(seed, proxy, browser, directory, say)
            try:
                chaos.run(seconds)
            finally:
                chaos.stop()
            return chaos.steps
        finally:
            browser.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description='Random faults, checked against the database.')
    parser.add_argument('--seed', type=int, default=random.randrange(10**6))
    parser.add_argument('--minutes', type=float, default=10)
    parser.add_argument('--database', choices=KINDS, default=KINDS[0])
    arguments = parser.parse_args()
    started = time.monotonic()

    def say(line: str) -> None:
        print(f'{time.monotonic() - started:7.2f} {line}', flush=True)  # noqa: T201

    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = {}
        if arguments.database == 'postgresql':
            settings['DATABASE_URL'] = stack.enter_context(running_postgres()).create_database()
        try:
            steps = run_chaos(arguments.seed, arguments.minutes * 60, directory, say, **settings)
        except ViolationError as violation:
            say(f'VIOLATION with seed {arguments.seed}: {violation}')
            sys.exit(1)
        say(f'{steps} steps without a violation, seed {arguments.seed}')


if __name__ == '__main__':
    main()
