"""The HTTP contract, asked of real server processes: in development, in production, and on PostgreSQL."""

from __future__ import annotations

import asyncio
import re
import resource
import secrets
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import make_url

from tests.databases import execute, locked
from tests.postgres import PostgresServer
from tests.server import RunningServer, running_server
from tests.waiting import wait_until

PROFILES = ['development', 'production', 'postgresql']
BUSY_TIMEOUT = 0.5
RULES = {
    'sqlite': [
        "CREATE TRIGGER no_milk BEFORE INSERT ON todos WHEN NEW.title LIKE '%milk%' "
        "BEGIN SELECT RAISE(ABORT, 'No milk today'); END",
    ],
    'postgresql': [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'No milk today'; END $$",
        "CREATE TRIGGER no_milk BEFORE INSERT ON todos FOR EACH ROW WHEN (NEW.title LIKE '%milk%') "
        'EXECUTE FUNCTION refuse()',
    ],
}


@pytest.fixture(scope='module', params=PROFILES)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer
) -> Iterator[RunningServer]:
    settings: dict[str, Any] = {'ENV': request.param, 'BODY_LIMIT': 4096}
    if request.param == 'postgresql':
        settings |= {'ENV': 'production', 'DATABASE_URL': postgres.create_database()}
    with running_server(tmp_path_factory.mktemp('storage'), **settings) as server:
        yield server


@pytest.fixture
def client(server: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=20) as client:
        yield client


def add(client: httpx.Client, title: str = 'Buy milk') -> dict[str, Any]:
    response = client.post('/todos', json={'todo': {'title': title}})
    assert response.status_code == 201, response.text
    return dict(response.json())


def todos(client: httpx.Client) -> list[dict[str, Any]]:
    return list(client.get('/todos').json())


def errors(response: httpx.Response) -> list[str]:
    assert response.headers['content-type'] == 'application/json'
    content = response.json()
    assert list(content) == ['errors']
    assert content['errors']
    assert all(isinstance(error, str) and error for error in content['errors'])
    return list(content['errors'])


def test_a_created_todo_is_answered_and_listed_first(client: httpx.Client) -> None:
    before = add(client, 'Buy oats')
    todo = add(client, '  Buy milk ')
    assert list(todo) == ['id', 'title', 'completed', 'created_at']
    assert (todo['title'], todo['completed']) == ('Buy milk', False)
    assert todo['created_at'].endswith('Z')
    assert len(todo['created_at']) == len('2026-01-01T12:00:00.000000Z')
    assert todos(client)[:2] == [todo, before]


def test_a_todo_can_be_created_as_done(client: httpx.Client) -> None:
    response = client.post('/todos', json={'todo': {'title': 'Buy milk', 'completed': True}})
    assert response.json()['completed'] is True


@pytest.mark.parametrize('change', [{'completed': True}, {'title': 'Buy oats'}, {'title': ' x ', 'completed': True}])
def test_a_change_answers_the_whole_todo(client: httpx.Client, change: dict[str, Any]) -> None:
    todo = add(client)
    response = client.patch(f'/todos/{todo["id"]}', json={'todo': change})
    expected = {**todo, **change}
    expected['title'] = expected['title'].strip()
    assert (response.status_code, response.json()) == (200, expected)
    assert todos(client)[0] == expected


def test_a_deleted_todo_is_gone(client: httpx.Client) -> None:
    todo = add(client)
    response = client.delete(f'/todos/{todo["id"]}')
    assert (response.status_code, response.content) == (204, b'')
    assert todo not in todos(client)
    assert client.delete(f'/todos/{todo["id"]}').status_code == 404


@pytest.mark.parametrize(
    'title',
    [
        '</script><img src=x onerror=alert(1)>',
        'קנה \u200fחלב',
        '🥛' * 500,
        "'; DROP TABLE todos; --",
        'a\u2028b',
        'x' * 500,
    ],
)
def test_a_title_comes_back_as_it_was_sent(client: httpx.Client, title: str) -> None:
    assert add(client, title)['title'] == title
    assert todos(client)[0]['title'] == title


@pytest.mark.parametrize(
    ('fields', 'sentences'),
    [
        ({}, ["Title can't be blank"]),
        ({'title': ''}, ["Title can't be blank"]),
        ({'title': ' \t\n'}, ["Title can't be blank"]),
        ({'title': None}, ['Title must be text']),
        ({'title': 5}, ['Title must be text']),
        ({'title': {'a': 1}}, ['Title must be text']),
        ({'title': 'x' * 501}, ['Title is too long (maximum is 500 characters)']),
        ({'title': 'a\0b'}, ['Title contains a NUL character, which cannot be stored']),
        ({'title': 'x', 'completed': 'yes'}, ['Completed must be true or false']),
        ({'title': 'x', 'completed': 1}, ['Completed must be true or false']),
        ({'title': 'x', 'completed': None}, ['Completed must be true or false']),
        ({'title': 'x', 'id': 7}, ['Unknown field: id']),
        ({'title': '', 'a': 1, 'b': 2}, ["Title can't be blank", 'Unknown field: a', 'Unknown field: b']),
    ],
)
def test_wrong_fields_get_a_sentence_each_and_change_nothing(
    client: httpx.Client, fields: dict[str, Any], sentences: list[str]
) -> None:
    todo = add(client)
    before = todos(client)
    refused = client.post('/todos', json={'todo': fields})
    assert (refused.status_code, errors(refused)) == (422, sentences)
    refused = client.patch(f'/todos/{todo["id"]}', json={'todo': fields})
    assert refused.status_code == 422
    assert errors(refused) == (sentences if fields else ['Nothing to change: give title or completed'])
    assert todos(client) == before


@pytest.mark.parametrize(
    'body',
    [
        b'',
        b' ',
        b'null',
        b'[]',
        b'{}',
        b'"x"',
        b'7',
        b'{"todo": null}',
        b'{"todo": []}',
        b'{"todo": "x"}',
        b'{"title": "x"}',
        b'{"todo": {"title": "x"}, "user": 1}',
        b'{"todo": {"title": "x"}',
        b'{"todo": {"title": NaN}}',
        b'{"todo": {"title": "x", "completed": Infinity}}',
        b'{"todo": {"title": "\xff\xfe"}}',
        b'{"todo": {"title": "\\ud800"}}',
        b'{"todo": {"title": "\xed\xa0\x80"}}',
        b'{"todo": {"title": 1' + b'0' * 400 + b'}}',
        b'{"todo": {"title": "x", "completed": 1e400}}',
        b'[' * 2000 + b']' * 2000,
        b'todo[title]=x',
        b'\x00\x01\x02',
        b'\xef\xbb\xbf{"todo": {"title": "x"}}',
    ],
)
def test_an_odd_body_is_refused_and_changes_nothing(client: httpx.Client, body: bytes) -> None:
    todo = add(client)
    before = todos(client)
    for response in (
        client.post('/todos', content=body),
        client.patch(f'/todos/{todo["id"]}', content=body),
        client.post('/todos', content=body, headers={'Content-Type': 'multipart/form-data; boundary=x'}),
    ):
        assert response.status_code == 422
        errors(response)
    assert todos(client) == before


def test_of_a_key_that_comes_twice_the_last_counts_as_everywhere_in_json(client: httpx.Client) -> None:
    response = client.post('/todos', content=b'{"todo": {"title": "a", "title": "b"}}')
    assert (response.status_code, response.json()['title']) == (201, 'b')


@pytest.mark.parametrize('announced', [True, False])
def test_a_body_over_the_limit_is_refused_before_it_is_read(client: httpx.Client, announced: bool) -> None:
    before = todos(client)
    body = b'{"todo": {"title": "' + b'x' * 10_000 + b'"}}'

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    response = client.post('/todos', content=body if announced else chunks())
    assert (response.status_code, errors(response)) == (413, ['Body is too large (maximum is 4096 bytes)'])
    assert todos(client) == before


@pytest.mark.parametrize('todo_id', ['0', '-1', '999999999', str(2**63), str(2**70), '9' * 5000, 'abc', '1.5', '%00'])
def test_what_is_not_there_is_not_found(client: httpx.Client, todo_id: str) -> None:
    for response in (
        client.patch(f'/todos/{todo_id}', json={'todo': {'completed': True}}),
        client.delete(f'/todos/{todo_id}'),
    ):
        assert response.status_code == 404
        assert errors(response)[0].startswith('There is no todo ')


@pytest.mark.parametrize(
    ('method', 'path', 'allowed'),
    [
        ('PUT', '/todos', 'GET, HEAD, POST'),
        ('DELETE', '/todos', 'GET, HEAD, POST'),
        ('GET', '/todos/1', 'DELETE, PATCH'),
        ('PUT', '/todos/1', 'DELETE, PATCH'),
        ('PROPFIND', '/todos/1', 'DELETE, PATCH'),
        ('POST', '/up', 'GET, HEAD'),
    ],
)
def test_a_method_that_a_path_does_not_have_is_refused(
    client: httpx.Client, method: str, path: str, allowed: str
) -> None:
    response = client.request(method, path)
    assert (response.status_code, response.headers['allow']) == (405, allowed)
    assert errors(response) == [f'{method} is not possible here, only {allowed}']


@pytest.mark.parametrize('path', ['/todos', '/up'])
def test_head_answers_what_get_does_without_the_body(client: httpx.Client, path: str) -> None:
    got, asked = client.get(path), client.head(path)
    assert (asked.status_code, asked.content) == (200, b'')
    assert asked.headers['content-type'] == got.headers['content-type'] == 'application/json'
    assert asked.headers.get('etag') == got.headers.get('etag')


def test_a_list_that_has_not_changed_is_not_sent_again(client: httpx.Client) -> None:
    todo = add(client)
    first = client.get('/todos')
    etag = first.headers['etag']
    for sent in (etag, f'"other", {etag}', etag.removeprefix('W/'), '*'):
        again = client.get('/todos', headers={'If-None-Match': sent})
        assert (again.status_code, again.content, again.headers['etag']) == (304, b'', etag)
    client.patch(f'/todos/{todo["id"]}', json={'todo': {'completed': True}})
    changed = client.get('/todos', headers={'If-None-Match': etag})
    assert changed.status_code == 200
    assert changed.headers['etag'] != etag
    assert changed.json()[0]['completed'] is True


def test_a_browser_that_asks_for_html_gets_the_page_and_a_program_the_list(client: httpx.Client) -> None:
    browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
    assert client.get('/todos', headers={'Accept': browser}).headers['content-type'].startswith('text/html')
    for program in ('*/*', 'application/json', ''):
        response = client.get('/todos', headers={'Accept': program})
        assert response.headers['content-type'] == 'application/json'
        assert 'Accept' in response.headers['vary']


@pytest.mark.parametrize(
    ('accept', 'kind'),
    [
        ('text/html;q=0.9, application/json', 'application/json'),
        ('application/json;q=0.9, text/html', 'text/html'),
        ('text/html;q=0', 'application/json'),
        ('TEXT/HTML; q=0.5', 'text/html'),
        ('text/html;q=much', 'application/json'),
        ('text/htmlx', 'application/json'),
    ],
)
def test_the_weights_of_what_is_accepted_count(client: httpx.Client, accept: str, kind: str) -> None:
    assert client.get('/todos', headers={'Accept': accept}).headers['content-type'].startswith(kind)


@pytest.mark.parametrize(
    'path', ['/', '/todos', '/status', '/metrics', '/up', '/todos/export.csv', '/todos/export.json', '/openapi.json']
)
def test_head_is_answered_wherever_get_is(client: httpx.Client, path: str) -> None:
    got, asked = client.get(path), client.head(path)
    assert (asked.status_code, asked.headers['content-type']) == (got.status_code, got.headers['content-type'])
    assert got.status_code == 200
    assert asked.content == b''


def test_no_page_runs_another_sites_scripts(client: httpx.Client) -> None:
    for path in ('/docs', '/redoc'):
        assert client.get(path).status_code == 404
    for path in ('/', '/status'):
        html = client.get(path, headers={'Accept': 'text/html'}).text
        assert not re.search(r'(?:src|href)="(?:https?:)?//', html)


def test_a_file_that_is_the_same_for_everybody_starts_nobodys_session(client: httpx.Client) -> None:
    page = httpx.get(f'{client.base_url}/')
    assert 'session' in page.cookies
    files = re.findall(r'"(/_nicegui/[^"]+\.(?:js|css))"', page.text)
    assert files
    for file in files:
        got = httpx.get(f'{client.base_url}{file}')
        assert 'public' in got.headers['cache-control']
        assert 'set-cookie' not in got.headers
        assert 'cookie' not in got.headers.get('vary', '').lower()


def test_another_site_cannot_change_anything_in_a_persons_name(client: httpx.Client) -> None:
    todo = add(client)
    before = todos(client)
    for headers in ({'Sec-Fetch-Site': 'cross-site'}, {'Origin': 'https://evil.example'}):
        for response in (
            client.post('/todos', json={'todo': {'title': 'x'}}, headers=headers),
            client.patch(f'/todos/{todo["id"]}', json={'todo': {'completed': True}}, headers=headers),
            client.delete(f'/todos/{todo["id"]}', headers=headers),
        ):
            assert response.status_code == 403
            assert 'another site' in errors(response)[0]
    assert todos(client) == before


def test_the_token_of_the_page_lets_a_request_pass(client: httpx.Client) -> None:
    page = client.get('/', headers={'Accept': 'text/html'}).text
    token = page.partition('name="csrf-token" content="')[2].partition('"')[0]
    headers = {'Sec-Fetch-Site': 'cross-site', 'X-CSRF-Token': token}
    assert client.post('/todos', json={'todo': {'title': 'x'}}, headers=headers).status_code == 201
    client.cookies.clear()
    assert client.post('/todos', json={'todo': {'title': 'x'}}, headers=headers).status_code == 403


def test_up_tells_what_it_looked_at(client: httpx.Client) -> None:
    response = client.get('/up')
    report = response.json()
    assert (response.status_code, report['status']) == (200, 'ok')
    assert report['database']['ok']
    assert report['broadcast']['ok']
    assert report['broadcast']['seconds_since_success'] < 60
    assert client.get('/up', headers={'Accept': 'text/html'}).json()['status'] == 'ok'


def test_the_documentation_describes_the_contract(client: httpx.Client) -> None:
    paths = client.get('/openapi.json').json()['paths']
    assert set(paths['/todos']) == {'get', 'post'}
    assert set(paths['/todos/{todo_id}']) == {'patch', 'delete'}
    assert 'requestBody' in paths['/todos']['post']
    assert set(paths['/todos']['post']['responses']) >= {'201', '403', '413', '422', '503'}


def test_concurrent_writers_are_all_answered_and_nothing_is_lost(client: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(lambda number: add(client, f'concurrent {number}'), range(80)))
    assert len({todo['id'] for todo in created}) == 80
    listed = {todo['id'] for todo in todos(client)}
    assert {todo['id'] for todo in created} <= listed


@pytest.mark.parametrize('env', ['development', 'production'])
def test_twenty_slow_readers_share_one_copy_of_a_long_list(tmp_path: Path, env: str) -> None:
    def memory() -> int:
        return int(Path(f'/proc/{server.pid}/statm').read_text().split()[1]) * resource.getpagesize()

    with running_server(tmp_path, ENV=env) as server, ExitStack() as stack:
        server.execute('INSERT INTO todos(title) VALUES (:title)', *({'title': 'x' * 490} for _ in range(15_000)))
        size = len(orjson.dumps(server.todos()))
        server.todos()
        before = memory()
        for _ in range(20):
            reader = stack.enter_context(socket.create_connection(('127.0.0.1', server.port)))
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**12)
            reader.sendall(b'GET /todos HTTP/1.1\r\nHost: a\r\n\r\n')
            assert reader.recv(12) == b'HTTP/1.1 200'
        assert memory() - before < 4 * size


@pytest.mark.parametrize('env', ['development', 'production'])
def test_every_todo_that_was_answered_201_outlives_a_killed_server(tmp_path: Path, database_url: str, env: str) -> None:
    with running_server(tmp_path, ENV=env, DATABASE_URL=database_url) as server:
        answered: list[int] = []

        def write() -> None:
            with httpx.Client(base_url=server.url, timeout=20) as client:
                try:
                    while True:
                        answered.append(add(client)['id'])
                except httpx.TransportError:
                    return

        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        wait_until(lambda: len(answered) > 100)
        server.kill()
        for writer in writers:
            writer.join()
        server.start()
        kept = {todo['id'] for todo in server.todos()}
    assert set(answered) <= kept
    assert len(kept - set(answered)) <= len(writers)  # committed, but killed before the answer


def test_while_the_database_is_locked_writers_wait_and_everybody_else_is_served(
    tmp_path: Path, database_url: str
) -> None:
    async def crowd(url: str) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=60, limits=httpx.Limits(max_connections=200)) as client:
            with locked(database_url):
                writers = [
                    asyncio.create_task(client.post('/todos', json={'todo': {'title': str(number)}}))
                    for number in range(100)  # more than there are threads
                ]
                times: list[float] = []
                deadline = time.monotonic() + 2
                while time.monotonic() < deadline:
                    started = time.monotonic()
                    assert (await client.get('/up')).status_code == 200
                    assert (await client.get('/todos')).json() == []
                    times.append(time.monotonic() - started)
                assert not any(writer.done() for writer in writers)
            assert {(await writer).status_code for writer in writers} == {201}
            assert len((await client.get('/todos')).json()) == 100
            assert statistics.median(times) < 1

    with running_server(tmp_path, DATABASE_URL=database_url) as server:
        asyncio.run(crowd(server.url))


def test_a_writer_that_has_waited_long_enough_is_told_so_and_nothing_is_written(
    tmp_path: Path, database_url: str
) -> None:
    with (
        running_server(tmp_path, BUSY_TIMEOUT=BUSY_TIMEOUT, DATABASE_URL=database_url) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        todo = add(client)
        with locked(database_url):
            for response in (
                client.post('/todos', json={'todo': {'title': 'x'}}),
                client.patch(f'/todos/{todo["id"]}', json={'todo': {'completed': True}}),
                client.delete(f'/todos/{todo["id"]}'),
            ):
                assert (response.status_code, int(response.headers['retry-after']) > 0) == (503, True)
                (reason,) = errors(response)
                assert re.fullmatch(
                    r'The database cannot be used now \((.*(?:is locked|lock timeout))\); nothing was changed, '
                    'try again later',
                    reason,
                ), reason
            assert client.get('/up').status_code == 200
            assert todos(client) == [todo]
        assert add(client)['id'] > todo['id']


def test_on_a_full_disk_writes_are_refused_and_work_again_when_there_is_space(tmp_path: Path) -> None:
    with running_server(tmp_path, ENV='production') as server, httpx.Client(base_url=server.url, timeout=20) as client:
        todo = add(client)
        unlimited = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1024, unlimited[1]))
        response = client.post('/todos', json={'todo': {'title': 'x'}})
        assert response.status_code == 503
        assert 'nothing was changed' in errors(response)[0]
        assert todos(client) == [todo]
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, unlimited)
        assert add(client)['title'] == 'Buy milk'
        assert len(todos(client)) == 2


def test_a_rule_that_somebody_added_is_a_refusal_and_no_crash(tmp_path: Path, database_url: str) -> None:
    with (
        running_server(tmp_path, DATABASE_URL=database_url) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        for statement in RULES[make_url(database_url).get_backend_name()]:
            execute(database_url, statement)
        response = client.post('/todos', json={'todo': {'title': 'Buy milk'}})
        assert (response.status_code, errors(response)) == (422, ['The database refused it: No milk today'])
        assert todos(client) == []


def test_postgresql_may_be_restarted_under_a_running_server(
    tmp_path: Path, postgres_of_its_own: PostgresServer
) -> None:
    with (
        running_server(tmp_path, ENV='production', DATABASE_URL=postgres_of_its_own.create_database()) as server,
        httpx.Client(base_url=server.url, timeout=20) as client,
    ):
        before = add(client, 'before')
        postgres_of_its_own.stop('immediate')
        response = client.post('/todos', json={'todo': {'title': 'meanwhile'}})
        assert response.status_code == 503
        errors(response)
        unhealthy = client.get('/up')
        assert (unhealthy.status_code, unhealthy.json()['status']) == (503, 'unhealthy')
        postgres_of_its_own.start()
        after = add(client, 'after')
        assert todos(client) == [after, before]
        wait_until(server.is_up)


def test_a_server_that_starts_before_its_database_waits_for_it_and_says_so(
    tmp_path: Path, postgres_of_its_own: PostgresServer
) -> None:
    url = postgres_of_its_own.create_database()
    postgres_of_its_own.stop()
    server = RunningServer(tmp_path, ENV='production', DATABASE_URL=url)
    starting = threading.Thread(target=server.start)
    starting.start()
    try:
        wait_until(lambda: health_of(server)[0] == 503)
        report = health_of(server)[1]
        assert (report['status'], report['database']['ok']) == ('starting', False)
        postgres_of_its_own.start()
        starting.join()
        added = server.add('Buy milk')
        assert server.todos() == [added]
        assert server.log_path.read_text().count('cannot start yet') <= 3  # not at each attempt
        assert 'Traceback' not in server.log_path.read_text()
    finally:
        server.stop()


def test_a_server_whose_database_is_damaged_says_so_and_can_be_stopped(tmp_path: Path) -> None:
    (tmp_path / 'development.sqlite3').write_bytes(b'garbage' * 1000)
    server = RunningServer(tmp_path)

    def start_in_vain() -> None:
        with pytest.raises((RuntimeError, AttributeError)):
            server.start()

    starting = threading.Thread(target=start_in_vain)
    starting.start()
    wait_until(lambda: health_of(server)[0] == 503)
    assert 'file is not a database' in health_of(server)[1]['database']['error']
    server.stop()
    starting.join()


def health_of(server: RunningServer) -> tuple[int, Any]:
    try:
        return server.request('GET', '/up')
    except OSError:
        return 0, None


def test_a_request_that_is_sent_again_with_its_key_is_done_once(client: httpx.Client) -> None:
    key = {'Idempotency-Key': secrets.token_hex()}
    first, again = (client.post('/todos', json={'todo': {'title': 'Buy milk'}}, headers=key) for _ in range(2))
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert [todo['id'] for todo in todos(client)].count(first.json()['id']) == 1
    changed = client.patch(f'/todos/{first.json()["id"]}', json={'todo': {'completed': True}}, headers=key)
    assert changed.status_code == 422
    assert 'used for another write' in errors(changed)[0]
    gone = {'Idempotency-Key': secrets.token_hex()}
    answers = [client.delete(f'/todos/{first.json()["id"]}', headers=gone).status_code for _ in range(2)]
    assert answers == [204, 204]
