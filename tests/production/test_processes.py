"""Several processes behind Caddy: browsers on different ones see each other, and none is lost when one dies."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Page
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.browser import Chromium, Tabs, eventually, shown, status
from tests.production.stack import COLLECTING_LIMIT, RunningStack
from tests.server import ROOT
from todosync.production import watchdog

pytestmark = pytest.mark.long


@pytest.fixture
def browsers(stack: RunningStack, chromium: Chromium) -> Iterator[list[Tabs]]:
    """Two browsers, each on another process, and nobody else."""
    eventually(lambda: stack.connections() == {'sockets': 0, 'followers': 0})  # those of the test before have ended
    browsers = []
    for cookie in stack.cookies():
        context = chromium.fresh_context()
        context.add_cookies([{'name': 'todosync_process', 'value': cookie, 'url': stack.url}])
        browsers.append(Tabs(context, stack))
    yield browsers
    for browser in browsers:
        browser.context.close()


def titles(page: Page) -> list[str]:
    return [todo['title'] for todo in shown(page)]


def add(page: Page, title: str) -> None:
    field = page.get_by_role('textbox').first
    field.fill(title)
    field.press('Enter')


def test_a_change_in_a_browser_on_one_process_shows_in_a_browser_on_the_other(
    stack: RunningStack, browsers: list[Tabs]
) -> None:
    here, there = (browser.open() for browser in browsers)
    eventually(lambda: [stack.connections_of(name)['sockets'] for name in stack.apps] == [1, 1])
    add(here, 'Buy milk')
    there.get_by_text('Buy milk').first.wait_for()
    add(there, 'Water the plants')
    here.get_by_text('Water the plants').first.wait_for()


def test_all_tabs_of_a_browser_share_one_socket_of_one_process(stack: RunningStack, browsers: list[Tabs]) -> None:
    browser = browsers[0]
    browser.open_many(3)
    browser.should_agree()
    eventually(lambda: sorted(stack.connections_of(name)['followers'] for name in stack.apps) == [0, 2])


def test_a_browser_whose_process_is_killed_comes_back_on_another_by_itself(
    stack: RunningStack, browsers: list[Tabs]
) -> None:
    page = browsers[0].open()
    home = eventually(lambda: next(name for name in stack.apps if stack.connections_of(name)['sockets'] == 1))
    survivor = next(name for name in stack.apps if name != home)
    stack.kill_process(home)
    eventually(lambda: stack.add('Written meanwhile'))  # a request that reaches a process as it dies may fail
    eventually(lambda: status(page)['connected'] and 'Written meanwhile' in titles(page))
    eventually(lambda: stack.connections_of(survivor)['sockets'] == 1)
    add(page, 'Written on the other process')
    eventually(lambda: 'Written on the other process' in [todo['title'] for todo in stack.todos()])
    eventually(lambda: stack.ask(home, '/up').is_success)  # and the killed one is there again


@pytest.mark.any_database
def test_whichever_process_is_asked_answers_for_all(stack: RunningStack, browsers: list[Tabs]) -> None:
    for browser in browsers:
        browser.open_many(2)

    def figures(name: str) -> dict[str, float]:
        families = text_string_to_metric_families(stack.ask(name, '/metrics').text)
        samples = [sample for family in families for sample in family.samples]
        names = {sample.name for sample in samples}
        return {name: sum(sample.value for sample in samples if sample.name == name) for name in names}

    expected = {'todosync_followers': 2, 'todosync_sockets': 2, 'todosync_browsers': 2, 'todosync_owns_jobs': 1}
    for name in stack.apps:
        # a process that has been killed before counts for as long as it may only be late
        eventually(lambda name=name: figures(name).items() >= expected.items())  # type: ignore[misc]


@pytest.mark.any_database
def test_what_is_worth_a_session_stays_out_of_the_logs(stack: RunningStack, browsers: list[Tabs]) -> None:
    page = browsers[0].open()
    page.reload()
    eventually(lambda: status(page)['connected'])
    client_id = re.search(r'client_id[^0-9a-f]{1,12}([0-9a-f-]{36})', page.content())
    assert client_id
    secrets = [cookie['value'] for cookie in browsers[0].context.cookies() if cookie['name'] == 'session']
    assert secrets
    page.close()  # Caddy logs a socket when it has ended
    browsers[0].pages.clear()
    eventually(lambda: 'transport=websocket' in stack.log_path.read_text())
    log = stack.log_path.read_text()
    assert 'client_id=REDACTED' in log
    assert not [secret for secret in (*secrets, client_id.group(1)) if secret in log]


@pytest.mark.any_database
def test_caddy_is_restarted_when_it_dies_and_pages_go_on(stack: RunningStack, browsers: list[Tabs]) -> None:
    page = browsers[0].open()
    page.evaluate('window.same = true')
    stack.kill_process('caddy')
    eventually(stack.is_up)
    stack.add('After the break')
    eventually(lambda: 'After the break' in titles(page))
    assert page.evaluate('window.same'), 'the page was loaded again'


@pytest.mark.any_database
def test_a_rolling_restart_answers_every_request(stack: RunningStack) -> None:
    supervisor = watchdog.connect(stack.runtime)
    with suppress(xmlrpc.client.Fault):  # it has ended
        supervisor.stopProcess('static')
    supervisor.startProcess('static', False)
    stack.kill_process('static', signal.SIGSTOP)  # the files of the release before are still being collected
    before = stack.processes
    command = [sys.executable, '-m', 'todosync', 'restart']
    restart = subprocess.Popen(command, env=stack.environment, stdout=subprocess.PIPE, text=True)
    written = 0
    while restart.poll() is None:
        stack.add(f'During the restart {written}')
        written += 1
    assert restart.returncode == 0
    after = stack.processes
    assert all(before[name] != after[name] for name in stack.apps)
    assert before['caddy'] == after['caddy']
    # those of the new release, too
    eventually(lambda: supervisor.getProcessInfo('static')['statename'] == 'EXITED', timeout=COLLECTING_LIMIT)
    assert supervisor.getProcessInfo('static')['exitstatus'] == 0
    assert sum(todo['title'].startswith('During the restart') for todo in stack.todos()) == written


@pytest.mark.any_database
def test_a_release_that_does_not_start_leaves_the_others_as_they_were_and_can_be_taken_back(tmp_path: Path) -> None:
    main = tmp_path / 'main.py'
    release = (ROOT / 'main.py').read_text()
    main.write_text(release)
    stack = RunningStack(tmp_path / 'storage', main=main)
    stack.start()
    try:
        before = stack.processes
        main.write_text('raise SystemExit("broken")')
        done = restart(stack)
        assert (done.returncode, done.stdout) == (1, '')
        assert done.stderr == 'Error: no more is restarted: app-0 ends when it is started; its log says why\n'
        assert stack.processes['app-1'] == before['app-1']
        stack.add('Written meanwhile')
        main.write_text(release)
        done = restart(stack)
        assert done.stdout.splitlines() == ['app-0 is restarted and healthy', 'app-1 is restarted and healthy']
        stack.add('Written afterwards')
    finally:
        stack.stop()


def restart(stack: RunningStack) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, '-m', 'todosync', 'restart']
    return subprocess.run(command, env=stack.environment, capture_output=True, text=True, check=False)


# the last one of this module: nobody needs the stack any more
def test_sigterm_has_everything_end_by_itself_with_sockets_open(stack: RunningStack, browsers: list[Tabs]) -> None:
    for browser in browsers:
        browser.open()
    processes, before = stack.processes, stack.log_path.read_text()
    stack.stop(signal.SIGTERM)
    log = stack.log_path.read_text().removeprefix(before)
    assert not [name for name in processes if f"killing '{name}'" in log], 'supervisord kills what takes eight seconds'
    assert not [name for name, pid in processes.items() if os.path.exists(f'/proc/{pid}')]
