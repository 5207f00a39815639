"""What Caddy promises, asked with curl."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import brotli
import httpx
import nicegui
import orjson
import pytest
from nicegui import dependencies

from tests.e2e.browser import eventually
from tests.production.stack import COLLECTING_LIMIT, RunningStack
from tests.server import ANSWER_TIMEOUT
from todosync.production import watchdog
from todosync.production.serving import load_all_elements

pytestmark = [pytest.mark.any_database, pytest.mark.long]

DOMAIN = 'todos.localhost'
STATIC = f'/_nicegui/{nicegui.__version__}/static'
YEAR = 365 * 24 * 3600


class Answer:
    """What curl has received."""

    def __init__(self, head: str, body: bytes) -> None:
        lines = head.strip().splitlines()
        self.protocol, self.status = lines[0].split()[0], int(lines[0].split()[1])
        self.headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(':') for line in lines[1:])]
        self.body = body

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name.lower()]

    def get(self, name: str) -> str:
        return ', '.join(self.all(name))


def curl(url: str, *arguments: str, timeout: float = 20) -> Answer:
    """Send a request with curl."""
    command = ['curl', '--silent', '--show-error', '--max-time', str(timeout), '--dump-header', '/dev/stderr']
    done = subprocess.run([*command, *arguments, url], capture_output=True, check=False)
    head = re.sub(r'^curl: .*', '', done.stderr.decode(), flags=re.MULTILINE)
    assert head.startswith('HTTP/'), done.stderr.decode()
    # of several answers, after a redirect or an interim one, the last
    return Answer(head.replace('\r', '').strip().split('\n\n')[-1], done.stdout)


@pytest.fixture(scope='module')
def secure_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack with a domain; for a name under localhost, Caddy makes the certificate itself."""
    stack = RunningStack(tmp_path_factory.mktemp('secure'), DOMAIN=DOMAIN, PROCESSES=1, OPERATORS='192.0.2.1')
    stack.start()
    yield stack
    stack.stop()


def secure(stack: RunningStack, path: str, *arguments: str) -> Answer:
    resolve = ['--resolve', f'{DOMAIN}:{stack.https_port}:127.0.0.1', '--insecure']
    return curl(f'https://{DOMAIN}:{stack.https_port}{path}', *resolve, *arguments)


def test_without_a_domain_it_is_plain_http(stack: RunningStack) -> None:
    assert curl(f'{stack.url}/up').status == 200
    assert not curl(f'{stack.url}/').get('Strict-Transport-Security')


def test_with_a_domain_it_is_https_with_http_2(secure_stack: RunningStack) -> None:
    answer = secure(secure_stack, '/')
    assert (answer.protocol, answer.status) == ('HTTP/2', 200)
    assert answer.get('Strict-Transport-Security') == f'max-age={YEAR}'


def test_with_a_domain_http_leads_to_https(secure_stack: RunningStack) -> None:
    answer = curl(f'{secure_stack.url}/todos?a=b', '--header', f'Host: {DOMAIN}')
    assert answer.status in {301, 302, 307, 308}
    assert answer.get('Location') == f'https://{DOMAIN}/todos?a=b'  # the port is the outside's


@pytest.mark.parametrize('encoding', ['gzip', 'zstd'])
def test_pages_are_compressed(stack: RunningStack, encoding: str) -> None:
    plain = curl(f'{stack.url}/')
    answer = curl(f'{stack.url}/', '--header', f'Accept-Encoding: {encoding}')
    assert answer.get('Content-Encoding') == encoding
    assert 'Accept-Encoding' in answer.get('Vary')
    assert len(answer.body) < len(plain.body) / 2
    if encoding == 'gzip':
        assert b'</html>' in gzip.decompress(answer.body)


def test_static_files_come_brotli_compressed_and_are_kept_for_a_year(stack: RunningStack) -> None:
    url = f'{stack.url}{STATIC}/quasar.umd.prod.js'

    def answer_with_brotli() -> Answer:
        answer = curl(url, '--header', 'Accept-Encoding: gzip, br')
        assert answer.get('Content-Encoding') == 'br'
        return answer

    # the files are compressed while the first requests are answered
    answer = eventually(answer_with_brotli, timeout=COLLECTING_LIMIT)
    plain = curl(url)
    assert brotli.decompress(answer.body) == plain.body
    assert len(answer.body) < len(plain.body) / 3
    for each in (answer, plain):
        assert each.get('Cache-Control') == f'public, max-age={YEAR}, immutable'
        assert not each.all('Set-Cookie'), 'a shared cache must not keep a session'


def test_every_file_of_the_page_is_kept_for_a_year(stack: RunningStack) -> None:
    page = curl(f'{stack.url}/').body.decode()
    urls = set(re.findall(r'"(/_(?:nicegui|todosync)/[^"]+\.(?:js|mjs|css))"', page))
    assert len(urls) > 5
    for url in urls:
        answer = curl(stack.url + url, '--compressed')
        assert (url, answer.status) == (url, 200)
        assert 'immutable' in answer.get('Cache-Control'), url


def test_each_process_has_the_elements_that_only_others_have_shown(stack: RunningStack) -> None:
    load_all_elements()
    own = Path(nicegui.__file__).parent  # the others have other names in a production process
    keys = [key for key, component in dependencies.js_components.items() if component.path.is_relative_to(own)]
    urls = [f'/_nicegui/{nicegui.__version__}/components/{key}' for key in keys]
    assert len(urls) > 20
    for name in stack.apps:
        assert {stack.ask(name, url).status_code for url in urls} == {200}


def test_a_missing_file_is_not_taken_for_missing_forever(stack: RunningStack) -> None:
    answer = curl(f'{stack.url}/_nicegui/{nicegui.__version__}/components/nothing/nothing.js')
    assert answer.status == 404
    assert answer.get('Cache-Control') == 'no-store'
    assert not answer.all('Set-Cookie')


@pytest.mark.parametrize(('format_', 'kind'), [('csv', 'text/csv; charset=utf-8'), ('json', 'application/json')])
def test_exports_are_sent_by_caddy_from_a_file(stack: RunningStack, format_: str, kind: str) -> None:
    stack.add('Buy milk')
    answer = curl(f'{stack.url}/todos/export.{format_}')
    assert (answer.status, answer.get('Content-Type')) == (200, kind)
    assert answer.get('Content-Disposition') == f'attachment; filename="todos.{format_}"'
    assert b'Buy milk' in answer.body
    assert not answer.get('X-Accel-Redirect'), 'where the file is concerns nobody'
    part = curl(f'{stack.url}/todos/export.{format_}', '--range', '0-9')
    assert (part.status, part.body) == (206, answer.body[:10])  # the app itself has sent nothing
    assert all(stack.ask(name, f'/todos/export.{format_}').content == b'' for name in stack.apps)


def test_a_client_cannot_ask_for_a_file_of_its_choice(stack: RunningStack) -> None:
    for path in ('/todos-1.json', '/exports/todos-1.json', '/../storage_secret', '/storage_secret'):
        answer = curl(stack.url + path, '--path-as-is', '--header', 'X-Accel-Redirect: /storage_secret')
        assert answer.status == 404, path


def test_websockets_pass_through(stack: RunningStack) -> None:
    answer = curl(
        f'{stack.url}/_nicegui_ws/socket.io/?EIO=4&transport=websocket&client_id=none',
        '--http1.1', '--header', 'Connection: Upgrade', '--header', 'Upgrade: websocket',
        '--header', 'Sec-WebSocket-Version: 13', '--header', 'Sec-WebSocket-Key: dG9kb3N5bmMgdGVzdHMhIQ==', timeout=5,
    )  # fmt: skip
    assert answer.status == 101
    assert b'"sid"' in answer.body


@pytest.mark.parametrize('size', [100_000, 3_000_000])
def test_bodies_over_the_limit_are_refused(stack: RunningStack, tmp_path: Path, size: int) -> None:
    body = tmp_path / 'body'
    body.write_bytes(b'{"todo": {"title": "%s"}}' % (b'x' * size))
    before = stack.todos()
    answer = curl(f'{stack.url}/todos', '--data-binary', f'@{body}', '--header', 'Content-Type: application/json')
    assert answer.status == 413
    assert stack.todos() == before


def test_who_asks_before_sending_a_body_that_is_refused_leaves_nobody_without_an_answer(stack: RunningStack) -> None:
    before = stack.todos()
    for _ in range(100):  # CVE-2024-24791 takes a connection that is just free
        status, _ = stack.request('POST', '/todos', 'x' * 100_000, Expect='100-continue')
        assert status == 413
        assert stack.todos() == before


def test_the_ids_of_sockets_and_tabs_stay_out_of_the_log(stack: RunningStack) -> None:
    url = (
        f'{stack.url}/_nicegui_ws/socket.io/?EIO=4&transport=polling&client_id=a-client&tab_id=a-tab&old_tab_id=another'
    )
    with httpx.Client() as browser:
        sid = orjson.loads(browser.get(url).text[1:])['sid']
        assert browser.post(f'{url}&sid={sid}', content='1').status_code == 200
    eventually(lambda: '&sid=REDACTED' in stack.log_path.read_text())
    log = stack.log_path.read_text()
    assert not [secret for secret in (sid, 'a-client', 'a-tab', 'another') if secret in log]


def test_an_upload_may_be_larger(stack: RunningStack) -> None:
    answer = httpx.post(f'{stack.url}/_nicegui/client/none/upload/1', content=b'x' * 3_000_000)
    assert answer.status_code == 404  # by the app, which has no such client


def test_a_body_of_a_megabyte_is_passed_on_and_refused_by_the_app(stack: RunningStack) -> None:
    answer = httpx.post(f'{stack.url}/todos', content=b'x' * 999_999)
    assert (answer.status_code, answer.json()) == (413, {'errors': ['Body is too large (maximum is 65536 bytes)']})


def test_bodies_of_many_at_once_are_not_mixed_up(stack: RunningStack) -> None:
    titles = [f'{number} {"x" * 400}' for number in range(200)]

    def add(title: str) -> str:
        answer = httpx.post(f'{stack.url}/todos', json={'todo': {'title': title}}, timeout=ANSWER_TIMEOUT)
        return str(answer.json()['title'])

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(add, titles)) == titles


def test_a_forwarded_prefix_of_a_client_does_not_reach_the_page(stack: RunningStack) -> None:
    answer = curl(f'{stack.url}/', '--header', 'X-Forwarded-Prefix: /elsewhere')
    assert b'elsewhere' not in answer.body


def test_cookies_have_their_flags(stack: RunningStack, secure_stack: RunningStack) -> None:
    plain, encrypted = curl(f'{stack.url}/').all('Set-Cookie'), secure(secure_stack, '/').all('Set-Cookie')
    assert {cookie.split('=')[0] for cookie in plain} == {'session', 'todosync_browser', 'todosync_process'}
    assert len(plain) == len(encrypted) == 3
    for cookie in (*plain, *encrypted):
        flags = cookie.lower().replace(' ', '').split(';')[1:]
        assert {'httponly', 'samesite=lax', 'path=/'} <= set(flags), cookie
        assert ('secure' in flags) == (cookie in encrypted), cookie


def test_a_compressed_page_holds_no_secret_that_other_pages_of_the_session_hold_too(
    stack: RunningStack, tmp_path: Path
) -> None:
    jar = str(tmp_path / 'cookies')
    pages = [curl(f'{stack.url}/', '--cookie', jar, '--cookie-jar', jar).body.decode() for _ in range(2)]
    session = re.search(r'\tsession\t(\S+)', Path(jar).read_text())
    assert session
    assert session.group(1) not in ''.join(pages)
    tokens = [re.search(r'<meta name="csrf-token" content="([^"]+)"', page) for page in pages]
    first, second = (token.group(1) for token in tokens if token)
    repeated = {first[n : n + 8] for n in range(len(first) - 7)} & {second[n : n + 8] for n in range(len(second) - 7)}
    assert not repeated, 'what is the same on many pages can be guessed from their compressed lengths'
    for token in (first, second):
        answer = curl(
            f'{stack.url}/todos', '--cookie', jar, '--data', '{"todo": {"title": "With proof"}}',
            '--header', 'Sec-Fetch-Site: cross-site', '--header', f'X-CSRF-Token: {token}',
        )  # fmt: skip
        assert answer.status == 201


def test_what_operators_look_at_is_not_for_others(secure_stack: RunningStack, stack: RunningStack) -> None:
    for path in ('/metrics', '/status'):
        assert secure(secure_stack, path).status == 403
        assert curl(stack.url + path).status != 403


def test_every_answer_says_which_request_it_belongs_to(stack: RunningStack) -> None:
    ids = {curl(f'{stack.url}/up').get('X-Request-ID') for _ in range(2)}
    assert len(ids) == 2
    assert all(re.fullmatch('[0-9a-f-]{36}', id_) for id_ in ids)


def test_when_no_process_answers_the_person_is_told_so(secure_stack: RunningStack) -> None:
    watchdog.connect(secure_stack.runtime).stopProcess('app:app-0')
    answer = secure(secure_stack, '/')
    assert answer.status in {502, 503}
    assert b'does not answer at the moment' in answer.body
    assert answer.get('Cache-Control') == 'no-store'
    program = secure(secure_stack, '/todos')
    assert program.status in {502, 503}
    assert 'does not answer at the moment' in json.loads(program.body)['errors'][0]
    watchdog.connect(secure_stack.runtime).startProcess('app:app-0')
