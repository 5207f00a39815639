"""The postgres profile of compose.yaml, without its containers: the commands and variables that it gives to each."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.e2e.browser import eventually
from tests.production.stack import STATIC_DIR
from tests.server import ROOT, START_TIMEOUT, free_port, outer_environment
from todosync.production.supervision import caddy_program

pytestmark = pytest.mark.long

SERVICES: dict[str, Any] = yaml.safe_load((ROOT / 'compose.yaml').read_text())['services']
IMAGE = dict(re.findall(r'^(?:ENV|   ) (\w+)=([^\s\\]+)', (ROOT / 'Dockerfile').read_text(), re.MULTILINE))


class Site:
    """Two app processes with TCP between them and Caddy, and one data volume."""

    def __init__(self, data: Path, database_url: str) -> None:
        self.url = f'http://127.0.0.1:{free_port()}'
        self._data = data
        self._database_url = database_url
        self.addresses = {name: f'127.0.0.1:{free_port()}' for name in ('app-1', 'app-2')}

    @contextmanager
    def running(self) -> Iterator[None]:
        with ExitStack() as stack:
            for name, address in self.addresses.items():
                port = address.split(':')[1]
                stack.enter_context(self._service(name, TODOSYNC_PORT=port, TODOSYNC_DATABASE_URL=self._database_url))
            upstreams = SERVICES['caddy']['environment']['TODOSYNC_UPSTREAMS']
            for name, address in self.addresses.items():
                upstreams = upstreams.replace(f'{name}:8080', address)
            port = self.url.rpartition(':')[2]
            stack.enter_context(self._service('caddy', TODOSYNC_PORT=port, TODOSYNC_UPSTREAMS=upstreams))
            for url in (f'http://{address}' for address in self.addresses.values()):
                eventually(lambda url=url: httpx.get(f'{url}/up').is_success, timeout=START_TIMEOUT)  # type: ignore[misc]
            eventually(lambda: httpx.get(f'{self.url}/up').is_success)
            yield

    @contextmanager
    def _service(self, name: str, **variables: str) -> Iterator[None]:
        service = SERVICES[name]
        given = {**IMAGE, **service.get('environment', {})}
        here = {
            key: re.sub(r'\$\{\w+:-(.*?)\}', r'\1', value).replace('/data', str(self._data))
            for key, value in given.items()
            if key != 'PATH'
        }
        here |= {'TODOSYNC_HOST': '127.0.0.1', 'TODOSYNC_STATIC_DIR': str(STATIC_DIR), **variables}
        programs = {'python': sys.executable, 'caddy': caddy_program()}
        command = [programs.get(word, word) for word in service['command']]
        with (self._data / f'{name}.log').open('wb') as log:
            process = subprocess.Popen(command, cwd=ROOT, env={**outer_environment(), **here}, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(15)


@pytest.fixture(scope='module')
def site(tmp_path_factory: pytest.TempPathFactory, postgres: Any) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp('data'), postgres.create_database())
    with site.running():
        yield site


def test_what_one_process_writes_the_other_one_shows(site: Site) -> None:
    written = httpx.post(f'http://{site.addresses["app-1"]}/todos', json={'todo': {'title': 'Buy milk'}})
    assert written.status_code == 201
    assert written.json() in httpx.get(f'http://{site.addresses["app-2"]}/todos').json()


def test_caddy_sends_exports_of_both_processes_from_the_shared_volume(site: Site) -> None:
    httpx.post(f'{site.url}/todos', json={'todo': {'title': 'Water the plants'}}).raise_for_status()
    cookies: set[str] = set()
    while len(cookies) < 2:
        answer = httpx.get(f'{site.url}/todos/export.csv')
        assert b'Water the plants' in answer.content
        cookies.add(answer.cookies['todosync_process'])


def test_both_processes_know_of_each_other(site: Site) -> None:
    eventually(lambda: httpx.get(f'{site.url}/metrics').text.count('todosync_memory_bytes{') == 2)
