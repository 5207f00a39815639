"""The database under the app is put back, replaced, or another one: everybody is told what is in it, at once."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tests.databases import keep
from tests.server import RunningServer
from tests.waiting import wait_until

LOST = ['lost 2', 'lost 1', 'lost 0']


@pytest.fixture
def server(tmp_path: Path, new_database: Callable[[], str]) -> Iterator[RunningServer]:
    server = RunningServer(tmp_path / 'storage', ENV='production', DATABASE_URL=new_database())
    server.start()
    yield server
    server.stop()


def titles(server: RunningServer) -> list[str]:
    return [todo['title'] for todo in server.todos()]


def on_a_new_page(server: RunningServer) -> list[str]:
    """Return the list that is part of a page."""
    page = httpx.get(server.url).text
    found = re.search(r'<script[^>]*class="todosync-snapshot"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert found, page
    return [todo['title'] for todo in orjson.loads(found[1])['todos']]


def exported(server: RunningServer) -> list[str]:
    return [todo['title'] for todo in httpx.get(f'{server.url}/todos/export.json').json()]


def etag(server: RunningServer) -> str:
    return httpx.get(f'{server.url}/todos').headers['ETag']


def all_show(server: RunningServer, expected: list[str]) -> None:
    assert titles(server) == expected
    assert exported(server) == expected
    wait_until(lambda: on_a_new_page(server) == expected)


def test_a_database_that_is_put_back_under_a_running_server(server: RunningServer) -> None:
    server.add('first')
    put_back = keep(server.database_url)
    wait_until(server.is_up)
    for number in range(3):
        server.add(f'lost {number}')
    all_show(server, [*LOST, 'first'])
    before = etag(server)
    put_back()
    wait_until(server.is_up)
    all_show(server, ['first'])
    assert 'the database was put back or replaced' in server.log_path.read_text()
    for number in range(3):
        server.add(f'kept {number}')
    all_show(server, ['kept 2', 'kept 1', 'kept 0', 'first'])
    answer = httpx.get(f'{server.url}/todos', headers={'If-None-Match': before})
    assert (answer.status_code, len(answer.json())) == (200, 4), 'of as many changes, and another list'
    assert httpx.get(f'{server.url}/todos', headers={'If-None-Match': etag(server)}).status_code == 304


def test_a_file_that_is_put_back_while_no_server_runs(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / 'storage', ENV='production')
    database = tmp_path / 'storage' / 'production.sqlite3'
    try:
        server.start()
        server.add('first')
        server.stop()
        shutil.copy(database, tmp_path / 'copy')
        server.start()
        for number in range(3):
            server.add(f'lost {number}')
        all_show(server, [*LOST, 'first'])
        server.stop()
        for suffix in ('-wal', '-shm'):
            database.with_name(f'{database.name}{suffix}').unlink(missing_ok=True)
        shutil.copy(tmp_path / 'copy', database)
        server.start()
        all_show(server, ['first'])
        server.add('second')
        all_show(server, ['second', 'first'])
    finally:
        server.stop()


def test_other_databases_with_the_same_storage_folder(tmp_path: Path, postgres_url: str) -> None:
    storage = tmp_path / 'storage'
    kinds: list[dict[str, Any]] = [
        {'ENV': 'development'},
        {'ENV': 'production'},
        {'ENV': 'production', 'DATABASE_URL': f'sqlite:///{tmp_path}/elsewhere.sqlite3'},
        {'ENV': 'production', 'DATABASE_URL': postgres_url},
    ]
    for name, settings in enumerate(kinds):
        server = RunningServer(storage, **settings)
        server.start()
        try:
            server.add(f'of database {name}')
            all_show(server, [f'of database {name}'])
        finally:
            server.stop()
