"""A browser's pages share a socket whatever becomes of its cookie, and no page gets into another's session."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import itsdangerous
import pytest

from tests.server import ROOT, RunningServer, running_server
from tests.tabs.test_tabs import Browser, OpenPage, Socket
from todosync.tabs.sessions import BROWSER_COOKIE

FEATURES = ROOT / 'tests' / 'apps' / 'features.py'
SESSION_COOKIE = 'session'


@pytest.fixture(scope='module')
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp('one'), main=FEATURES) as server:
        yield server


@pytest.fixture(scope='module')
def other_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp('other'), main=FEATURES) as server:
        yield server


@asynccontextmanager
async def leader_of(browser: Browser, page: OpenPage) -> AsyncIterator[Socket]:
    await settle(browser, page)
    async with browser.lead(page) as socket:
        yield socket


async def settle(browser: Browser, page: OpenPage) -> str:
    response = await browser.http.post('/_nicegui/todosync/session', json={'client_id': page.client_id})
    return str(response.json()['tag'])


async def test_tabs_share_a_socket_after_another_app_on_the_host_has_overwritten_the_cookie(
    server: RunningServer, other_app: RunningServer
) -> None:
    browser = Browser(server)
    first = await browser.open()
    async with leader_of(browser, first) as socket:
        elsewhere = Browser(other_app)
        elsewhere.http.cookies.update(browser.http.cookies)
        await elsewhere.open()
        assert elsewhere.http.cookies[SESSION_COOKIE] != browser.http.cookies[SESSION_COOKIE]
        assert elsewhere.http.cookies[BROWSER_COOKIE] == browser.http.cookies[BROWSER_COOKIE]
        browser.http.cookies.update(elsewhere.http.cookies)
        second, third = await browser.open(), await browser.open()
        assert (await socket.join(second))['ok']
        assert (await socket.join(third))['ok'], 'its cookie is valid, and of the session that took the place'
        assert await settle(browser, second) == await settle(browser, first)


async def test_tabs_share_a_socket_after_a_clock_has_been_set_back(server: RunningServer) -> None:
    browser = Browser(server)
    first = await browser.open()
    async with leader_of(browser, first) as socket:
        secret = (server.storage / 'storage_secret').read_text().strip()
        cookie = browser.http.cookies[SESSION_COOKIE]
        browser.http.cookies[SESSION_COOKIE] = signed_tomorrow(cookie.partition('.')[0], secret)
        assert (await socket.join(await browser.open()))['ok']


async def test_tabs_that_are_restored_at_once_after_the_secret_was_lost_share_a_socket(tmp_path: Path) -> None:
    with running_server(tmp_path, main=FEATURES) as server:
        browser = Browser(server)
        await browser.open()
        server.stop()
        (server.storage / 'storage_secret').unlink()
        server.start()
        restored = [Browser(server) for _ in range(3)]  # each of them is asked for with the cookies of before
        for one in restored:
            one.http.cookies = browser.http.cookies.__class__(browser.http.cookies)
        pages = [await one.open() for one in restored]
        async with leader_of(restored[0], pages[0]) as socket:
            assert [(await socket.join(page))['ok'] for page in pages[1:]] == [True, True]


async def test_tabs_that_are_restored_at_once_without_our_own_cookie_share_a_socket(server: RunningServer) -> None:
    restored = [Browser(server) for _ in range(3)]
    for one in restored:
        one.http.cookies[SESSION_COOKIE] = 'eyJpZCI6ICJvZiBhIGxvc3Qgc2VjcmV0In0=.aBcDeF.signature'
    pages = [await one.open() for one in restored]
    kept = restored[-1]  # the browser keeps the last cookie
    assert len({await settle(kept, page) for page in pages}) == 1
    async with kept.lead(pages[0]) as socket:
        assert [(await socket.join(page))['ok'] for page in pages[1:]] == [True, True]


@pytest.mark.parametrize('content', ['', 'no base64!', '[]', '"text"', 'null', '[' * 30_000], ids=lambda text: text[:5])
async def test_a_cookie_that_holds_anything_else_is_none(server: RunningServer, content: str) -> None:
    browser = Browser(server)
    browser.http.cookies[SESSION_COOKIE] = f'{b64encode(content.encode()).decode()}.aBcDeF.signature'
    pages = [await browser.open() for _ in range(2)]
    async with leader_of(browser, pages[0]) as socket:
        assert (await socket.join(pages[1]))['ok']
    assert 'Traceback' not in server.log_path.read_text()


async def test_the_page_of_another_browser_is_not_carried_whatever_its_cookies_say(server: RunningServer) -> None:
    browser, stranger = Browser(server), Browser(server)
    page = await browser.open()
    stranger.http.cookies[SESSION_COOKIE] = browser.http.cookies[SESSION_COOKIE].rpartition('.')[0] + '.forged'
    other = await stranger.open()
    async with leader_of(stranger, other) as socket:
        assert await socket.join(page) == {'ok': False, 'reason': 'session'}
    async with leader_of(browser, page) as socket:
        assert await socket.join(other) == {'ok': False, 'reason': 'session'}


async def test_two_valid_sessions_stay_apart_though_one_browser_has_had_both(server: RunningServer) -> None:
    browser, another = Browser(server), Browser(server)
    page = await browser.open()
    await another.open()
    another.http.cookies[BROWSER_COOKIE] = browser.http.cookies[BROWSER_COOKIE]
    other = await another.open()
    async with leader_of(browser, page) as socket:
        assert await socket.join(other) == {'ok': False, 'reason': 'session'}


def signed_tomorrow(payload: str, secret: str) -> str:
    class Signer(itsdangerous.TimestampSigner):
        def get_timestamp(self) -> int:
            return int(time.time()) + 24 * 3600

    return Signer(secret).sign(payload).decode()
