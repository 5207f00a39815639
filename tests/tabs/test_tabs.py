"""The server's side of the shared socket. The clients here are no browsers, so they can send anything."""

from __future__ import annotations

import contextlib
import itertools
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from html import unescape
from typing import Any

import httpx
import orjson
import pytest
import socketio

from tests.server import ROOT, RunningServer, running_server
from tests.sockets import until
from todosync.tabs.page import DOCUMENTS_PER_PAGE

TIMEOUT = 90
link_numbers = itertools.count(1)


@pytest.fixture(scope='module')
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    main = ROOT / 'tests' / 'apps' / 'features.py'
    with running_server(tmp_path_factory.mktemp('tabs'), main=main, TABS_PER_SOCKET=3) as server:
        yield server


@dataclass
class OpenPage:
    """A page as the server sent it, and what its tab would tell the server about itself."""

    client_id: str
    tab_id: str
    document_id: str
    button: dict[str, Any]

    def query(self) -> dict[str, Any]:
        return {
            'client_id': self.client_id,
            'tab_id': self.tab_id,
            'document_id': self.document_id,
            'next_message_id': 0,
            'implicit_handshake': 'true',
            'link_number': next(link_numbers),
        }

    def hello(self) -> dict[str, Any]:
        return {'client_id': self.client_id, 'document_id': self.document_id}

    def click(self, number: int) -> dict[str, Any]:
        data = {**self.button, 'client_id': self.client_id, 'args': []}
        return {
            'client_id': self.client_id,
            'document_id': self.document_id,
            'number': number,
            'event': 'event',
            'data': data,
        }


class Browser:
    """A cookie jar, and the pages that were opened with it."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self.http = httpx.AsyncClient(base_url=server.url, timeout=TIMEOUT)

    async def open(self) -> OpenPage:
        html = (await self.http.get('/')).text
        client_id = re.search(r"'client_id': '([0-9a-f-]+)'", html)
        elements = re.search(r'String\.raw`(.*?)`', html, re.DOTALL)
        assert client_id is not None
        assert elements is not None
        button = next(
            {'id': int(element_id), 'listener_id': element['events'][0]['listener_id']}
            for element_id, element in orjson.loads(unescape(elements[1])).items()
            if element.get('props', {}).get('label') == 'count'
        )
        return OpenPage(client_id[1], str(uuid.uuid4()), str(uuid.uuid4()), button)

    @contextlib.asynccontextmanager
    async def connect(self, page: OpenPage) -> AsyncIterator[Socket]:
        """Open the page's own socket."""
        socket = Socket(page)
        query = '&'.join(f'{name}={value}' for name, value in page.query().items())
        await socket.sio.connect(
            f'{self._server.url}?{query}', socketio_path='/_nicegui_ws/socket.io', transports=['websocket']
        )
        try:
            yield socket
        finally:
            await socket.sio.disconnect()

    @contextlib.asynccontextmanager
    async def lead(self, page: OpenPage) -> AsyncIterator[Socket]:
        """Open the page's own socket, and offer it to other tabs."""
        async with self.connect(page) as socket:
            answer = await socket.call('todosync_hello', page.hello())
            assert answer['ok'], answer
            yield socket


class Socket:
    """A Socket.IO connection, and what came over it."""

    def __init__(self, page: OpenPage) -> None:
        self.page = page
        self.sio = socketio.AsyncClient(reconnection=False)
        self.received: list[tuple[str, Any]] = []
        self.sio.on('*', lambda event, data: self.received.append((event, data)))

    async def call(self, event: str, data: Any) -> Any:
        return await self.sio.call(event, data, timeout=TIMEOUT)

    async def join(self, page: OpenPage) -> dict[str, Any]:
        answer: dict[str, Any] = await self.call('todosync_join', {**page.query(), 'tab': page.tab_id})
        return answer

    async def should_show(self, page: OpenPage, text: str) -> None:
        """Wait until a carried page was sent a text, and check that it is the last one."""
        await until(lambda: text in self.texts(page))
        await self.hear()
        assert self.texts(page)[-1] == text

    async def should_have_sent_nothing_to(self, page: OpenPage) -> None:
        """Check that nothing has come for a carried page so far."""
        await self.hear()
        assert self.texts(page) == []

    async def hear(self) -> None:
        """Wait until everything has come that the server has sent by now."""
        await self.call('todosync_probe', None)  # a connection keeps the order: the answer comes last

    def texts(self, page: OpenPage) -> list[str]:
        """Return the texts that a carried page was sent."""
        return [
            element['text']
            for event, data in self.received
            if event == 'todosync_down' and data['tab'] == page.tab_id and data['event'] == 'update'
            for element in data['args'][0].values()
            if isinstance(element, dict) and str(element.get('text', '')).startswith('clicked')
        ]


@pytest.fixture
def browser(server: RunningServer) -> Browser:
    return Browser(server)


async def test_a_carried_page_is_reached_over_the_leaders_socket_with_its_address(browser: Browser) -> None:
    leader, follower = await browser.open(), await browser.open()
    async with browser.lead(leader) as socket:
        assert await socket.join(follower) == {'ok': True, 'received': 0}
        assert await socket.call('todosync_up', follower.click(1)) == {'ok': True, 'received': 1}
        await socket.should_show(follower, 'clicked 1')


async def test_a_repeated_frame_is_acknowledged_and_not_done_again(browser: Browser) -> None:
    leader, follower = await browser.open(), await browser.open()
    async with browser.lead(leader) as socket:
        await socket.join(follower)
        for _ in range(3):
            assert await socket.call('todosync_up', follower.click(1)) == {'ok': True, 'received': 1}
        assert await socket.call('todosync_up', follower.click(2)) == {'ok': True, 'received': 2}
        await socket.should_show(follower, 'clicked 2')


async def test_a_frame_after_a_missing_one_is_refused_for_its_sender_to_repeat_both(browser: Browser) -> None:
    leader, follower = await browser.open(), await browser.open()
    async with browser.lead(leader) as socket:
        await socket.join(follower)
        assert await socket.call('todosync_up', follower.click(2)) == {'ok': False, 'received': 0}
        assert await socket.call('todosync_up', follower.click(1)) == {'ok': True, 'received': 1}
        await socket.should_show(follower, 'clicked 1')


async def test_each_document_of_a_page_numbers_its_frames_from_one(browser: Browser) -> None:
    leader, follower = await browser.open(), await browser.open()
    async with browser.lead(leader) as socket:
        await socket.join(follower)
        await socket.call('todosync_up', follower.click(1))
        restored = replace(follower, document_id=str(uuid.uuid4()))
        assert await socket.join(restored) == {'ok': True, 'received': 0}
        assert await socket.call('todosync_up', restored.click(1)) == {'ok': True, 'received': 1}
        await socket.should_show(restored, 'clicked 2')  # the first click of the second document was done
        assert await socket.join(follower) == {'ok': True, 'received': 1}


async def test_the_documents_of_a_page_that_are_remembered_are_bounded(browser: Browser) -> None:
    leader, follower = await browser.open(), await browser.open()
    async with browser.lead(leader) as socket:
        await socket.join(follower)
        await socket.call('todosync_up', follower.click(1))
        for _ in range(DOCUMENTS_PER_PAGE):
            await socket.join(replace(follower, document_id=str(uuid.uuid4())))
        assert await socket.join(follower) == {'ok': True, 'received': 0}


async def test_the_next_leader_is_told_which_frames_have_been_received(browser: Browser) -> None:
    first, second, follower = [await browser.open() for _ in range(3)]
    async with browser.lead(first) as socket:
        await socket.join(follower)
        await socket.call('todosync_up', follower.click(1))
    async with browser.lead(second) as socket:
        assert await socket.join(follower) == {'ok': True, 'received': 1}


async def test_a_tab_moves_from_a_leader_that_still_lives_to_the_next(browser: Browser) -> None:
    first, second, follower = [await browser.open() for _ in range(3)]
    async with browser.lead(first) as old, browser.lead(second) as new:
        await old.join(follower)
        assert (await new.join(follower))['ok']
        assert await old.call('todosync_up', follower.click(1)) == {'ok': False}, 'the old leader speaks for it no more'
        assert (await new.call('todosync_up', follower.click(1)))['ok']
        await new.should_show(follower, 'clicked 1')
        await old.should_have_sent_nothing_to(follower)


async def test_a_late_join_does_not_undo_a_later_one(browser: Browser) -> None:
    first, second, follower = [await browser.open() for _ in range(3)]
    late = {**follower.query(), 'tab': follower.tab_id}
    async with browser.lead(first) as old, browser.lead(second) as new:
        assert (await new.join(follower))['ok']
        assert await old.call('todosync_join', late) == {'ok': False, 'reason': 'overtaken'}
        assert (await new.call('todosync_up', follower.click(1)))['ok']


async def test_a_leader_carries_no_tab_of_another_session(browser: Browser, server: RunningServer) -> None:
    leader, stranger = await browser.open(), await Browser(server).open()
    async with browser.lead(leader) as socket:
        assert await socket.join(stranger) == {'ok': False, 'reason': 'session'}
        assert await socket.call('todosync_up', stranger.click(1)) == {'ok': False}


async def test_a_leader_carries_no_more_tabs_than_it_may(browser: Browser) -> None:
    pages = [await browser.open() for _ in range(5)]
    async with browser.lead(pages[0]) as socket:
        answers = [await socket.join(page) for page in pages[1:]]
        assert [answer['ok'] for answer in answers] == [True, True, True, False]
        assert answers[-1]['reason'] == 'full'
        assert (await socket.join(pages[1]))['ok'], 'one that is carried already may join again'


async def test_a_socket_that_has_not_introduced_itself_carries_nobody(browser: Browser) -> None:
    leader, follower = await browser.open(), await browser.open()
    async with browser.connect(leader) as socket:
        assert await socket.join(follower) == {'ok': False, 'reason': 'leader'}


async def test_a_socket_cannot_introduce_itself_as_another_page(browser: Browser) -> None:
    leader, other = await browser.open(), await browser.open()
    async with browser.connect(leader) as socket:
        assert await socket.call('todosync_hello', other.hello()) == {'ok': False}


async def test_a_page_that_the_server_does_not_know_is_told_that_it_expired(browser: Browser) -> None:
    leader, unknown = await browser.open(), await browser.open()
    unknown.client_id = str(uuid.uuid4())
    async with browser.lead(leader) as socket:
        assert await socket.join(unknown) == {'ok': False, 'reason': 'expired'}


async def test_a_frame_cannot_be_smuggled_to_another_page(browser: Browser) -> None:
    leader, follower, other = [await browser.open() for _ in range(3)]
    async with browser.lead(leader) as socket:
        await socket.join(follower)
        await socket.join(other)
        smuggled = {**follower.click(1), 'data': other.click(1)['data']}
        assert await socket.call('todosync_up', smuggled) == {'ok': False}
        assert await socket.call('todosync_up', {**follower.click(1), 'event': 'disconnect'}) == {'ok': False}
        assert (await socket.call('todosync_up', other.click(1)))['ok']
        await socket.should_show(other, 'clicked 1')


async def test_a_page_that_opens_a_socket_of_its_own_is_no_longer_carried(browser: Browser) -> None:
    leader, follower = await browser.open(), await browser.open()
    async with browser.lead(leader) as old:
        await old.join(follower)
        async with browser.lead(follower) as own:
            assert (await own.call('todosync_up', follower.click(1)))['ok']
            assert await old.call('todosync_up', follower.click(2)) == {'ok': False}
            await until(lambda: any(event == 'update' for event, _ in own.received))
            await old.should_have_sent_nothing_to(follower)


async def test_the_end_of_a_leaders_socket_ends_its_followers_connections(
    browser: Browser, server: RunningServer
) -> None:
    before = server.connections()
    leader, follower = await browser.open(), await browser.open()
    async with browser.lead(leader) as socket:
        await socket.join(follower)
        assert server.connections() == {'sockets': before['sockets'] + 1, 'followers': before['followers'] + 1}
    await until(lambda: server.connections() == before)


async def test_pages_opened_at_once_without_a_cookie_settle_on_the_session_that_the_browser_kept(
    server: RunningServer,
) -> None:
    async def settle(browser: Browser, page: OpenPage) -> str:
        response = await browser.http.post('/_nicegui/todosync/session', json={'client_id': page.client_id})
        return str(response.json()['tag'])

    first, second, third = Browser(server), Browser(server), Browser(server)
    pages = [await browser.open() for browser in (first, second)]
    elsewhere = await third.open()
    first.http.cookies = second.http.cookies  # the browser keeps the cookie of the last response
    tags = [await settle(first, page) for page in pages]
    assert tags[0] == tags[1] != ''
    later = await first.open()
    assert await settle(first, later) == tags[0]
    assert await settle(third, elsewhere) != tags[0]
    async with first.lead(pages[0]) as socket:
        assert (await socket.join(pages[1]))['ok']
        assert (await socket.join(later))['ok']


async def test_the_question_which_session_a_page_belongs_to_has_to_be_short(browser: Browser) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b'x' * 2**16

    url = '/_nicegui/todosync/session'
    assert (await browser.http.post(url, content=endless())).status_code == 413
    for odd in (b'', b'[]', b'3', b'{"client_id": ', b'\xff'):
        assert (await browser.http.post(url, content=odd)).status_code == 422
