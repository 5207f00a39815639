"""What pages keep in ``app.storage`` is the same in all processes, and nobody's change undoes another's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.server import ROOT, RunningServer
from tests.waiting import wait_until

MAIN = ROOT / 'tests' / 'apps' / 'login.py'


@pytest.fixture(scope='module')
def servers(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Iterator[list[RunningServer]]:
    """Two processes that share everything, as behind a proxy that does not keep a browser on one of them."""
    storage, url = tmp_path_factory.mktemp('storage'), new_database()
    (storage / 'nicegui').mkdir()
    (storage / 'nicegui' / 'storage-general.json').write_text(json.dumps({'of before': 1}))
    servers = [RunningServer(storage, main=MAIN, ENV='production', DATABASE_URL=url) for _ in range(2)]
    try:
        for server in servers:
            server.start()
        yield servers
    finally:
        for server in servers:
            server.stop()


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    with httpx.Client(follow_redirects=False, timeout=30) as browser:
        yield browser


def test_a_login_on_one_process_is_known_to_the_other_on_the_next_request(
    servers: list[RunningServer], browser: httpx.Client
) -> None:
    first, second = servers
    assert 'Hello stranger' in browser.get(second.url).text  # which holds the session's storage from now on
    for name in ('Ann', 'Ben', 'Cleo'):
        browser.get(f'{first.url}/login/{name}')
        assert f'Hello {name}' in browser.get(second.url).text
        browser.get(f'{second.url}/logout')
        assert 'Hello stranger' in browser.get(first.url).text


def test_changes_of_different_keys_are_all_kept(servers: list[RunningServer], browser: httpx.Client) -> None:
    browser.get(servers[0].url)  # for the cookie
    urls = [f'{servers[n % 2].url}/{kind}/key{n}/{n}' for n in range(40) for kind in ('user', 'general')]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda url: httpx.get(url, cookies=browser.cookies, timeout=30), urls))
    assert all(answer.is_success for answer in answers)
    for server in servers:
        user, general = browser.get(f'{server.url}/user').json(), browser.get(f'{server.url}/general').json()
        assert {f'key{n}': {'nested': [f'{n}']} for n in range(40)}.items() <= user.items()
        assert {f'key{n}': f'{n}' for n in range(40)}.items() <= general.items()


def test_a_change_reaches_the_other_process_without_a_request(
    servers: list[RunningServer], browser: httpx.Client
) -> None:
    first, second = servers
    browser.get(f'{first.url}/general/told/yes')
    wait_until(lambda: second.request('GET', '/peek')[1].get('told') == 'yes')


def test_what_was_kept_in_files_is_taken_over_and_all_is_there_after_a_restart(
    servers: list[RunningServer], browser: httpx.Client
) -> None:
    first, second = servers
    browser.get(f'{first.url}/login/Ann')
    browser.get(f'{first.url}/general/lasting/yes')
    second.restart()
    assert 'Hello Ann' in browser.get(second.url).text
    general = browser.get(f'{second.url}/general').json()
    assert (general['of before'], general['lasting']) == (1, 'yes')
    assert not list((first.storage / 'nicegui').glob('storage-*'))
