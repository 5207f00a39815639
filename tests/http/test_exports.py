"""Downloads of all todos."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import shutil
import stat
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from tests.server import RunningServer, running_server
from tests.writing import create_todo
from todos import TODOS
from todosync import Settings, Stream
from todosync.assembly import SyncServer
from todosync.http import exports


@pytest.fixture(scope='module')
def server(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp('exports') / 'storage', DATABASE_URL=new_database()) as server:
        yield server


def rows(response: httpx.Response) -> list[dict[str, str]]:
    assert response.headers['Content-Type'] == 'text/csv; charset=utf-8'
    assert 'filename="todos.csv"' in response.headers['Content-Disposition']
    return list(csv.DictReader(io.StringIO(response.content.decode('utf-8-sig'))))


def test_both_exports_hold_every_todo_newest_first(server: RunningServer) -> None:
    for title in ('Buy milk', 'a "quoted", comma', 'grün 🌱', 'two\nlines'):
        server.add(title)
    exported = httpx.get(f'{server.url}/todos/export.json')
    assert 'filename="todos.json"' in exported.headers['Content-Disposition']
    assert exported.json() == server.todos()
    titles = [row['title'] for row in rows(httpx.get(f'{server.url}/todos/export.csv'))]
    assert titles == [todo['title'] for todo in server.todos()]


def test_an_export_is_never_older_than_the_last_write(server: RunningServer) -> None:
    httpx.get(f'{server.url}/todos/export.csv')
    added = server.add('Just now')
    assert rows(httpx.get(f'{server.url}/todos/export.csv'))[0]['id'] == str(added['id'])


@pytest.mark.parametrize('title', ['=HYPERLINK("http://example.com")', '+1', '-1', '@SUM(A1)'])
def test_a_title_is_no_formula_in_a_spreadsheet_and_unchanged_in_json(server: RunningServer, title: str) -> None:
    server.add(title)
    assert rows(httpx.get(f'{server.url}/todos/export.csv'))[0]['title'] == f"'{title}"
    assert httpx.get(f'{server.url}/todos/export.json').json()[0]['title'] == title


def test_one_version_is_written_once_and_for_its_owner_only(server: RunningServer) -> None:
    server.add('Last')
    for _ in range(3):
        json.loads(httpx.get(f'{server.url}/todos/export.json').content)
    directory = Path(server.storage) / 'exports'
    number = server.request('GET', '/up')[1]['versions']['todos']
    (newest,) = directory.glob(f'todos-{TODOS.shape}-{number}-*.json')
    assert stat.S_IMODE(newest.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert not [path for path in directory.iterdir() if path.suffix not in {'.csv', '.json'}]


def test_a_file_that_somebody_has_removed_is_written_again(server: RunningServer) -> None:
    server.add('Kept')
    directory = Path(server.storage) / 'exports'
    for empty in (lambda: [path.unlink() for path in directory.iterdir()], lambda: shutil.rmtree(directory)):
        httpx.get(f'{server.url}/todos/export.json')
        empty()
        assert httpx.get(f'{server.url}/todos/export.json').json()[0]['title'] == 'Kept'


async def test_a_file_that_is_removed_before_it_is_sent_is_sent_all_the_same(
    open_server: SyncServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread(create_todo, open_server.database, {'title': 'Buy milk'})
    written: list[Path] = []

    def write_and_lose(*args: Any, write: Any = exports.write_export) -> Path:
        path: Path = write(*args)
        written.append(path)
        if len(written) == 1:
            path.unlink()  # as a person who makes room does, at the worst moment
        return path

    monkeypatch.setattr(exports, 'write_export', write_and_lose)
    path, file = await asyncio.to_thread(exports.open_export, open_server, TODOS, 'json')
    path.unlink()
    assert b'Buy milk' in file.read()
    assert len(written) == 2


async def test_exports_that_are_asked_for_at_once_are_written_one_after_the_other(
    open_server: SyncServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most = 0, 0
    open_export = exports.open_export

    def open_and_count(*arguments: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            return open_export(*arguments)
        finally:
            running -= 1

    monkeypatch.setattr(exports, 'open_export', open_and_count)
    await asyncio.to_thread(create_todo, open_server.database, {'title': 'Buy milk'})
    app = FastAPI()
    app.include_router(exports.make_router(open_server, [TODOS]))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url='http://test') as http:
        paths = ['/todos/export.csv', '/todos/export.json'] * 8
        answers = await asyncio.gather(*(http.get(path) for path in paths))
    assert {answer.status_code for answer in answers} == {200}
    assert most == 1


class Payment(SQLModel, table=True):
    __tablename__ = 'exported_payments'

    id: int | None = Field(default=None, primary_key=True)
    price: Decimal = Field(max_digits=12, decimal_places=2)
    day: date
    tags: list[str] = Field(sa_column=Column(JSON, nullable=False))


def test_decimals_dates_and_structures_are_exported_as_rows_hold_them(tmp_path: Path, database_url: str) -> None:
    stream = Stream(Payment)
    stream.writable('price', 'day', 'tags')
    server = SyncServer(Settings(storage_dir=tmp_path, database_url=database_url), [stream])
    try:
        server.database.install_change_log(stream.log_table)
        values = {'price': Decimal('-1.5'), 'day': date(2026, 2, 3), 'tags': ['a', 'ä']}
        row = server.writer.insert(stream, values)
        text = exports.write_export(server, stream, 'csv').read_text('utf-8-sig')
        shown = {'id': str(row.id), 'price': '-1.50', 'day': '2026-02-03', 'tags': '["a","ä"]'}
        assert list(csv.DictReader(io.StringIO(text))) == [shown]
        exported = json.loads(exports.write_export(server, stream, 'json').read_text())
        assert exported == [{'id': row.id, 'price': '-1.50', 'day': '2026-02-03', 'tags': ['a', 'ä']}]
    finally:
        server.database.close()
