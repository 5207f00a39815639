"""The HTTP API asks who may read the todos, as pages do: for lists, ETags, exports and writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from todos import MIGRATIONS, TODOS, make_router
from todosync import Settings, SyncServer
from todosync.http import make_export_router

MAY_READ = {'ann', 'cleo'}


@pytest.fixture
def server(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SyncServer]:
    monkeypatch.setitem(vars(TODOS), 'may_read', lambda user: user in MAY_READ)
    settings = Settings(storage_dir=tmp_path, database_url=database_url, migrations=MIGRATIONS)
    server = SyncServer(settings, [TODOS], current_user=lambda request: request.headers.get('X-User'))
    server.open()
    yield server
    server.close()


@pytest.fixture
async def http(server: SyncServer) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(make_router(server))
    app.include_router(make_export_router(server, [TODOS]))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url='http://test') as http:
        yield http


async def add(http: httpx.AsyncClient, title: str = 'Buy milk', **headers: str) -> httpx.Response:
    return await http.post('/todos', json={'todo': {'title': title}}, headers=headers)


async def titles(http: httpx.AsyncClient) -> list[str]:
    return [todo['title'] for todo in (await http.get('/todos', headers={'X-User': 'ann'})).json()]


async def test_who_may_read_the_todos_may_do_all(http: httpx.AsyncClient) -> None:
    ann = {'X-User': 'ann'}
    milk = await add(http, **ann)
    assert milk.status_code == 201
    path = f'/todos/{milk.json()["id"]}'
    assert (await http.patch(path, json={'todo': {'title': 'Buy oats'}}, headers=ann)).status_code == 200
    listed = await http.get('/todos', headers=ann)
    assert [todo['title'] for todo in listed.json()] == ['Buy oats']
    again = await http.get('/todos', headers={**ann, 'If-None-Match': listed.headers['ETag']})
    assert again.status_code == 304
    assert (await http.get('/todos/export.json', headers=ann)).json() == listed.json()
    assert (await http.delete(path, headers=ann)).status_code == 204


async def test_the_history_tells_who_has_asked(http: httpx.AsyncClient, server: SyncServer) -> None:
    milk = (await add(http, **{'X-User': 'ann'})).json()['id']
    await http.patch(f'/todos/{milk}', json={'todo': {'title': 'Buy oats'}}, headers={'X-User': 'cleo'})
    await http.delete(f'/todos/{milk}', headers={'X-User': 'ann', 'Idempotency-Key': 'once'})
    found = await asyncio.to_thread(server.writer.history, TODOS)
    assert [(change.action, change.who) for change in found] == [
        ('delete', 'ann'),
        ('update', 'cleo'),
        ('insert', 'ann'),
    ]


@pytest.mark.parametrize('who', [{}, {'X-User': 'bob'}], ids=['nobody', 'bob'])
async def test_who_may_not_reads_writes_and_learns_nothing(http: httpx.AsyncClient, who: dict[str, str]) -> None:
    milk = (await add(http, **{'X-User': 'ann'})).json()
    etag = (await http.get('/todos', headers={'X-User': 'ann'})).headers['ETag']
    for asked in ({}, {'If-None-Match': etag}, {'If-None-Match': '*'}):
        answer = await http.get('/todos', headers={**who, **asked})
        assert (answer.status_code, 'ETag' in answer.headers) == (403, False)
        assert answer.json()['errors'] == ['You may not read the todos; ask somebody who may to let you in']
    assert (await http.get('/todos/export.csv', headers=who)).status_code == 403
    assert (await add(http, 'Spam', **who)).status_code == 403
    for method, body in (('PATCH', {'todo': {'title': 'Mine'}}), ('DELETE', None)):
        there, missing = [await told(http, method, row_id, body, who) for row_id in (milk['id'], milk['id'] + 1)]
        assert there == missing == (404, ['There is no todo N; it may have been deleted'])
    assert await titles(http) == ['Buy milk']


async def told(http: httpx.AsyncClient, method: str, row_id: int, body: Any, who: dict[str, str]) -> tuple[int, Any]:
    answer = await http.request(method, f'/todos/{row_id}', json=body, headers=who)
    return answer.status_code, [error.replace(str(row_id), 'N') for error in answer.json()['errors']]


async def test_the_key_of_one_person_answers_no_other(http: httpx.AsyncClient) -> None:
    first, again = [await add(http, **{'X-User': 'ann', 'Idempotency-Key': 'k'}) for _ in range(2)]
    assert (again.status_code, again.json()) == (201, first.json())
    cleo = await add(http, **{'X-User': 'cleo', 'Idempotency-Key': 'k'})
    assert (cleo.status_code, str(first.json()['id']) in cleo.text) == (422, False)
    assert await titles(http) == ['Buy milk']
