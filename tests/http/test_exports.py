"""Downloads of all todos."""

from __future__ import annotations

import csv
import io
import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.server import RunningServer, running_server


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
    version = server.request('GET', '/up')[1]['versions']['todos']
    exports = Path(server.storage) / 'exports'
    newest = exports / f'todos-{version}.json'
    assert stat.S_IMODE(newest.stat().st_mode) == 0o600
    assert stat.S_IMODE(exports.stat().st_mode) == 0o700
    assert not [path for path in exports.iterdir() if path.suffix not in {'.csv', '.json'}]
