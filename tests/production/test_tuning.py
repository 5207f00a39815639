"""A tuned process spends less, and answers the same: requests to the API skip the layers of NiceGUI, and no others."""

from __future__ import annotations

import gc
import platform
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

import httpx
import pytest
import socketio
from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import APIRouter, FastAPI
from nicegui import Client, ui
from nicegui import app as nicegui_app
from nicegui.middlewares import RedirectWithPrefixMiddleware, SetCacheControlMiddleware
from nicegui.testing.user_simulation import user_simulation
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from todosync.production.tuning import MALLOC_ARENAS, forget_unused_tab_storage, tune

SIO = socketio.AsyncServer(async_mode='asgi')
PREFIX = {'X-Forwarded-Prefix': '/prefix'}
needs_glibc = pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='only glibc has such an allocator')


@pytest.fixture(autouse=True)
def garbage_collector() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.fixture
def routes() -> APIRouter:
    router = APIRouter()

    @router.get('/api/{number}')
    def redirect(number: int) -> RedirectResponse:
        return RedirectResponse(f'/elsewhere/{number}')

    return router


@pytest.fixture
def app(routes: APIRouter) -> FastAPI:
    app = FastAPI()
    app.include_router(routes)
    app.add_middleware(CorrelationIdMiddleware)
    app.add_middleware(RedirectWithPrefixMiddleware)

    @app.get('/page')
    def page() -> RedirectResponse:
        return RedirectResponse('/elsewhere')

    return app


def client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url='http://test', headers=PREFIX)


async def location(app: FastAPI, path: str) -> str:
    async with client(app) as browser:
        response = await browser.get(path)
    assert response.headers['X-Request-ID'], 'a layer that is not of NiceGUI was skipped'
    return str(response.headers['Location'])


async def test_only_requests_for_the_api_skip_the_layers_of_nicegui(app: FastAPI, routes: APIRouter) -> None:
    assert await location(app, '/api/1') == '/prefix/elsewhere/1'
    tune(app, SIO, routes.routes)
    tune(app, SIO, routes.routes)
    assert await location(app, '/api/1') == '/elsewhere/1'
    assert await location(app, '/page') == '/prefix/elsewhere'


class Counter:
    """What a team may have around its app: it remembers."""

    made: ClassVar[list[Counter]] = []

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.requests = 0
        self.made.append(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.requests += 1
        await self.app(scope, receive, send)


@pytest.mark.parametrize('position', range(3))
async def test_a_layer_that_remembers_exists_once(
    app: FastAPI, routes: APIRouter, position: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Counter, 'made', [])
    app.add_middleware(SetCacheControlMiddleware)
    app.user_middleware.insert(position, Middleware(Counter))  # around the layers of NiceGUI, between them, or within
    assert await location(app, '/api/1') == '/prefix/elsewhere/1'
    tune(app, SIO, routes.routes)
    assert await location(app, '/api/1') == '/elsewhere/1'
    assert await location(app, '/page') == '/prefix/elsewhere'
    assert [counter.requests for counter in Counter.made] == [3]


async def test_an_unknown_path_is_answered_as_before(app: FastAPI, routes: APIRouter) -> None:
    async with client(app) as browser:
        before = (await browser.get('/api/1/more')).json()
        tune(app, SIO, routes.routes)
        assert (await browser.get('/api/1/more')).json() == before == {'detail': 'Not Found'}


@needs_glibc
def test_threads_share_the_arenas_of_the_allocator() -> None:
    work = """
everybody = threading.Barrier(12)
def allocate():
    kept = bytearray(10_000)
    everybody.wait()
threads = [threading.Thread(target=allocate) for _ in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    alone, shared = (state_of_allocator(work, settled).count('<heap nr=') for settled in (False, True))
    assert shared <= MALLOC_ARENAS < alone


@needs_glibc
def test_large_allocations_stay_out_of_the_heap_after_a_larger_one_is_freed() -> None:
    work = 'bytearray(16_000_000); kept = bytearray(8_000_000)'
    in_heap, apart = (bytes_from_the_system(state_of_allocator(work, settled)) for settled in (False, True))
    assert apart >= in_heap + 8_000_000


def bytes_from_the_system(state: str) -> int:
    """Return how many bytes have been allocated without the heap."""
    return sum(map(int, re.findall(r'<total type="mmap" count="\d+" size="(\d+)"', state)))


def state_of_allocator(work: str, settled: bool) -> str:
    """Return what glibc itself tells of its allocator, as XML, after a new process has worked."""
    program = f"""
import ctypes, threading
from todosync.production import tuning
{'tuning.settle_allocator()' if settled else ''}
{work}
libc = ctypes.CDLL(None)
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, 'stdout'))
libc.fflush(None)
"""
    return subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True).stdout


def test_a_simulated_app_stays_as_it_is(app: FastAPI, routes: APIRouter) -> None:
    thresholds = gc.get_threshold()
    tune(app, SIO, routes.routes)
    assert app.middleware_stack is None
    assert gc.get_threshold() == thresholds


@pytest.fixture
async def page() -> AsyncIterator[Client]:
    async with user_simulation(root=lambda: ui.label('a page')) as user:
        client = await user.open('/')
        assert client.accept_handshake('socket', str(client.tab_id), None)  # as a real socket does
        yield client


def tab_storages() -> dict[str, Any]:
    """Return what NiceGUI keeps of tabs; if it does so elsewhere by now, the tests that follow say so."""
    return nicegui_app.storage._tabs  # noqa: SLF001 - NiceGUI shows them in no other way


async def test_the_storage_of_a_tab_that_never_used_it_goes_with_its_page(page: Client) -> None:
    assert tab_storages() == {page.tab_id: {}}
    page.tab_id = None  # as NiceGUI leaves it when the socket is gone
    forget_unused_tab_storage(page)
    assert tab_storages() == {}
    forget_unused_tab_storage(page)


async def test_the_storage_of_a_tab_that_used_it_is_there_when_it_comes_back(page: Client) -> None:
    with page:
        nicegui_app.storage.tab['draft'] = 'Buy milk'
    forget_unused_tab_storage(page)
    assert tab_storages() == {page.tab_id: {'draft': 'Buy milk'}}


async def test_the_storage_of_a_tab_that_shows_another_page_by_now_stays(page: Client) -> None:
    next_page = Client(page.page, request=page.request)
    assert next_page.accept_handshake('another socket', str(page.tab_id), None)
    forget_unused_tab_storage(page)
    assert tab_storages() == {page.tab_id: {}}
    next_page.delete()
