"""Whatever a stranger sends, it is refused, answered where it can be, and never an exception that nobody handles."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tests.light_socket import LightSocket
from tests.server import ROOT, RunningServer, running_server
from tests.tabs.test_tabs import Browser, OpenPage

NOTHING = '00000000-0000-4000-8000-000000000000'
HUGE = 10**30
LONG = 'x' * 60_000
HALF = '\ud83d'
DEEP = '[' * 20_000 + ']' * 20_000
ODD_VALUES = [None, True, 7, -1, HUGE, 1.5, '', LONG, [], {}, [[]], {'client_id': {'client_id': []}}]
TRACES = ('Traceback', 'never retrieved', 'Unknown receive error', 'handler error', 'Exception in ASGI')
WRITABLE = """
import todos, todosync
from nicegui import ui

settings = todosync.Settings.from_environment(migrations=todos.MIGRATIONS)
server = todosync.setup(settings, streams=[todos.TODOS])
server.add_routes(todos.make_router(server))

@ui.page('/')
def page():
    ui.button('count', on_click=lambda: None)

ui.run(**todosync.run_options(settings))
"""


@pytest.fixture(scope='module')
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    main = ROOT / 'tests' / 'apps' / 'features.py'
    with running_server(tmp_path_factory.mktemp('odd'), main=main) as server:
        yield server


class Stranger(LightSocket):
    """A socket that sends what it likes."""

    def _receive(self, packet: bytes, at: float, size: int) -> None:
        with contextlib.suppress(KeyError, ValueError, asyncio.InvalidStateError):  # an answer to what no browser asks
            super()._receive(packet, at, size)

    async def call_with_text(self, event: str, text: str) -> Any:
        """Send an event whose data are a text, JSON or not, and return the answer."""
        asked = asyncio.get_running_loop().create_future()
        number = 10**6 + len(self._acknowledgements)
        self._acknowledgements[number] = asked
        self.send(f'42{number}["{event}",{text}]'.encode())
        return await asyncio.wait_for(asked, 60)


@contextlib.asynccontextmanager
async def stranger(server: RunningServer, query: str = '') -> AsyncIterator[Stranger]:
    path = f'/_nicegui_ws/socket.io/?EIO=4&transport=websocket{query}'
    socket = await Stranger.connect('127.0.0.1', server.port, path)
    try:
        yield socket
    finally:
        socket.abort()


def ours(page: OpenPage) -> dict[str, dict[str, Any]]:
    """Return a frame of each of our events as a browser sends it."""
    return {
        'todosync_hello': {**page.hello(), 'alone': False},
        'todosync_join': {**page.query(), 'tab': page.tab_id},
        'todosync_leave': {'client_id': NOTHING},
        'todosync_up': page.click(1),
        'todosync_fetch': {'stream': 'todos', 'version': None},
    }


def of_nicegui(page: OpenPage) -> dict[str, dict[str, Any]]:
    """Return a frame of each of NiceGUI's events as a browser sends it."""
    return {
        'handshake': page.query(),
        'event': page.click(1)['data'],
        'javascript_response': {'client_id': page.client_id, 'request_id': NOTHING, 'result': 1},
        'ack': {'client_id': page.client_id, 'next_message_id': 0},
        'log': {'client_id': page.client_id, 'level': 'error', 'message': 'said by a page'},
    }


def odd_variants(frame: dict[str, Any]) -> Iterator[Any]:
    """Return what a frame may be instead: nothing, something else, a field missing, a field of another kind."""
    yield from ODD_VALUES
    for name in frame:
        yield {field: value for field, value in frame.items() if field != name}
        for value in ODD_VALUES:
            yield {**frame, name: value}


ODD_PACKETS = [
    '2',
    '2[]',
    '2{}',
    '2null',
    '2"event"',
    '2[null]',
    '2[7]',
    '2[["event"]]',
    '2[{}]',
    f'2["{LONG}"]',
    f'2["event",{DEEP}]',
    f'2{DEEP}',
    '2["disconnect"]',
    '2["disconnect","client namespace disconnect"]',
    '2["connect",{"QUERY_STRING":"implicit_handshake=true"}]',
    '2["connect_error"]',
    '2["*",1]',
    '2["event",{"client_id":',
    '2["event",1,2,3]',
    '27["event",1,2,3]',
    '2' + '9' * 100 + '["todosync_probe"]',
    '2' + '9' * 101 + '["todosync_probe"]',
    '2/elsewhere,["event",{}]',
    f'2/{LONG},["event"]',
    '3',
    '3[]',
    '37',
    '37{}',
    '37[]',
    '37["answer"]',
    '4{"message":"refused"}',
    '0',
    '0{}',
    '0[]',
    '0"x"',
    '0/elsewhere,',
    f'0/{LONG},',
    '1/elsewhere,',
    '51-["event",{"_placeholder":true,"num":0}]',
    '59999999999-["event",{"_placeholder":true,"num":0}]',
    '61-7[{"_placeholder":true,"num":0}]',
    '5-["event"]',
    '7[]',
    '9',
    'x',
    '{}',
    '[]',
    '{"a":1}',
    'null',
    '²²',
    '٣',
]
ODD_ENGINE_PACKETS = ['', 'x', 'b', 'bAAA', '²', '{}', '0{"sid":"x"}', '2probe', '5', '6', '7', '9', '4', '4\0', '\0']


async def test_an_odd_packet_harms_nobody(server: RunningServer) -> None:
    refused = server.connections()
    for packet in ODD_PACKETS:
        async with stranger(server) as socket:
            socket.send(f'4{packet}'.encode())
            assert await socket.call('todosync_probe', {}) is not None, packet
    for payload in (b'', b'\0', b'2["event"]', b'\xff' * 100, LONG.encode()):
        async with stranger(server) as socket:
            socket.send_frame(0x2, payload)
            assert await socket.call('todosync_probe', {}) is not None, payload
    for packet in ODD_ENGINE_PACKETS:
        async with stranger(server) as socket:
            socket.send(packet.encode())
            with contextlib.suppress(ConnectionError):  # it may be the end of the socket
                await socket.call('todosync_probe', {})
    assert server.connections() == refused
    should_have_stayed_calm(server)


async def test_an_odd_frame_of_each_event_is_answered_and_the_page_goes_on(server: RunningServer) -> None:
    browser = Browser(server)
    leader, follower = await browser.open(), await browser.open()
    async with stranger(server, f'&{httpx.QueryParams(leader.query())}') as socket:
        assert (await socket.call('todosync_hello', leader.hello()))['ok']
        assert (await socket.call('todosync_join', {**follower.query(), 'tab': follower.tab_id}))['ok']
        count = 0
        for events in (ours(follower), of_nicegui(follower)):
            for event, frame in events.items():
                for odd in odd_variants(frame):
                    socket.send(f'42{json.dumps([event, odd])}'.encode())
                    count += 1
        assert count > 100
        for event, frame in ours(follower).items():
            wrong = next(iter(frame))
            assert await socket.call(event, {**frame, wrong: [7]}) == {'ok': False, 'reason': 'malformed'}
        latest = {**follower.query(), 'tab': follower.tab_id, 'link_number': 1000}
        again = await socket.call('todosync_join', latest)
        assert again['ok'], again
        number = again['received'] + 1
        assert await socket.call('todosync_up', follower.click(number)) == {'ok': True, 'received': number}
    should_have_stayed_calm(server)


async def test_odd_writes_are_refused_and_keep_none_from_being_done(tmp_path: Path) -> None:
    row_id = 245_000_000_000_000
    write = {'sequence': 1, 'stream': 'todos', 'action': 'insert', 'id': row_id, 'values': {'title': 'odd'}, 'was': {}}
    batch = {'queue': 'a' * 32, 'confirmed': 0, 'writes': []}
    (tmp_path / 'main.py').write_text(WRITABLE)
    with running_server(tmp_path, main=tmp_path / 'main.py') as server:
        page = await Browser(server).open()
        async with stranger(server, f'&{httpx.QueryParams(page.query())}') as socket:
            assert await socket.call('todosync_write', batch) == {'ok': False, 'reason': 'leader'}
            assert (await socket.call('todosync_hello', page.hello()))['ok']
            odd_batches = [{**batch, 'queue': os.urandom(16).hex(), 'writes': [odd]} for odd in odd_variants(write)]
            for odd in [*odd_variants(batch), *odd_batches]:
                socket.send(f'42{json.dumps(["todosync_write", odd])}'.encode())
            writes = [
                {**write, 'sequence': n, 'id': row_id + 1 + n, 'values': {'title': 'Buy milk'}} for n in range(50)
            ]
            answer = {'reason': 'leader'}
            while answer.get('reason') == 'leader':  # one batch at a time
                answer = await socket.call('todosync_write', {**batch, 'writes': writes})
            assert [outcome['state'] for outcome in answer['outcomes']] == ['done'] * 50
        assert [todo['title'] for todo in server.todos()].count('Buy milk') == 50
        should_have_stayed_calm(server)


async def test_half_a_character_keeps_nothing_from_arriving(tmp_path: Path) -> None:
    write = {'sequence': 1, 'stream': 'todos', 'action': 'insert', 'id': 245_000_000_000_000}
    batch = {'queue': 'a' * 32, 'writes': [{**write, 'values': {'title': f'cut {HALF} here'}}]}
    (tmp_path / 'main.py').write_text(WRITABLE)
    with running_server(tmp_path, main=tmp_path / 'main.py') as server:
        page = await Browser(server).open()
        async with stranger(server, f'&{httpx.QueryParams(page.query())}') as socket:
            assert (await socket.call('todosync_hello', page.hello()))['ok']
            answer = await socket.call_with_text('todosync_write', json.dumps(batch))
            assert [outcome['state'] for outcome in answer['outcomes']] == ['done']
            click = page.click(1)
            click['data']['args'] = [json.dumps(HALF, ensure_ascii=False)]
            assert await socket.call_with_text('todosync_up', json.dumps(click)) == {'ok': True, 'received': 1}
        assert [todo['title'] for todo in server.todos()] == ['cut \ufffd here']
        log = server.log_path.read_text()
        assert not any(trace in log for trace in TRACES), log


async def test_what_cannot_be_read_is_answered_where_its_sender_waits(server: RunningServer) -> None:
    async with stranger(server) as socket:
        for text in ('{', 'NaN', '1e999', DEEP):
            answer = await socket.call_with_text('todosync_probe', text)
            assert answer == {'ok': False, 'reason': 'malformed'}, text[:9]
    should_have_stayed_calm(server)


@pytest.mark.parametrize(
    'changes',
    [
        {'link_number': 'many'},
        {'link_number': str(HUGE)},
        {'link_number': '-1'},
        {'next_message_id': 'x'},
        {'next_message_id': '1.5'},
        {'tab_id': ''},
        {'document_id': LONG},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_a_connection_with_an_odd_query_is_refused(server: RunningServer, changes: dict[str, str]) -> None:
    page = await Browser(server).open()
    query = httpx.QueryParams({name: str(value) for name, value in {**page.query(), **changes}.items()})
    with pytest.raises(ConnectionError, match=r'rejected|400'):
        async with stranger(server, f'&{query}'):
            pass
    should_have_stayed_calm(server)


POLLING = '/_nicegui_ws/socket.io/?EIO=4&transport=polling'
NO_PACKETS = ('x', '0', '2', '6', '\x1e', '9', '40\x1e9', 'd=', 'd', '\x1e'.join(['40'] * 99), '²', b'4\xff', 'bA')


async def open_polling(http: httpx.AsyncClient) -> str:
    """Open a polling socket, and return where it is polled."""
    opened = await http.get(POLLING)
    return f'{POLLING}&sid={orjson.loads(opened.text[1:])["sid"]}'


async def test_odd_requests_of_a_polling_browser_harm_nobody(server: RunningServer) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as http:
        path = await open_polling(http)
        for body in ('', '4', '4{}', 'b*', 'bAAAA', '42[', f'4{DEEP}'):
            await http.post(path, content=body)
    should_have_stayed_calm(server)


@pytest.mark.parametrize('body', NO_PACKETS, ids=range(len(NO_PACKETS)))
async def test_a_polling_browser_that_sends_no_packets_has_ended(server: RunningServer, body: str | bytes) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as http:
        path = await open_polling(http)
        assert (await http.post(path, content='40')).status_code == 200
        await http.post(path, content=body)
        assert 'Invalid session' in (await http.post(path, content='40')).text, 'it is forgotten at once'
    should_have_stayed_calm(server)


async def test_a_polling_browser_that_has_said_that_it_ends_may_ask_once_more(server: RunningServer) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as http:
        for method in ('GET', 'POST'):
            path = await open_polling(http)
            await http.post(path, content='1')
            assert 'Invalid session' in (await http.request(method, path)).text
        await http.post(path, content='x')
    should_have_stayed_calm(server)


async def test_a_polling_browser_that_sends_too_much_has_ended(server: RunningServer) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as http:
        path = await open_polling(http)
        assert (await http.post(path, content='4' * 2**22)).status_code == 400
        assert 'Invalid session' in (await http.post(path, content='40')).text


async def test_a_polling_browser_that_is_gone_before_its_request_has_come_harms_nobody(server: RunningServer) -> None:
    for method in ('GET', 'POST'):
        _, writer = await asyncio.open_connection('127.0.0.1', server.port)
        writer.write(f'{method} {POLLING} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n4'.encode())
        writer.write_eof()
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as http:
        await http.get('/up')
    should_have_stayed_calm(server)


async def test_attachments_are_not_kept(server: RunningServer) -> None:
    async with stranger(server) as socket:
        before = memory_of(server)
        for _ in range(200):
            socket.send(b'4599999999-["event",{"_placeholder":true,"num":0}]')
            socket.send_frame(0x2, os.urandom(500_000))
            await socket.call('todosync_probe', {})
    assert memory_of(server) - before < 50e6


async def test_what_a_page_has_logged_has_an_end(server: RunningServer) -> None:
    browser = Browser(server)
    async with browser.lead(await browser.open()) as socket:
        message = {'client_id': socket.page.client_id, 'level': 'error', 'message': 'endless ' * 100_000}
        await socket.sio.emit('log', message)
        await socket.hear()
    assert 'endless endless' in server.log_path.read_text()
    assert 'endless ' * 1000 not in server.log_path.read_text()


def should_have_stayed_calm(server: RunningServer) -> None:
    log = server.log_path.read_text()
    found = [line for line in log.splitlines() if any(trace in line for trace in TRACES)]
    assert found == [], log[-5000:]
    assert 'frames that no browser sends' in log


def memory_of(server: RunningServer) -> int:
    status = Path(f'/proc/{server.pid}/status').read_text()
    (kilobytes,) = re.findall(r'VmRSS:\s+(\d+)', status)
    return int(kilobytes) * 1000
