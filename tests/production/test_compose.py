"""The profiles of compose.yaml with several containers, without these: the commands and variables of each."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.e2e.browser import eventually
from tests.production.stack import STATIC_DIR
from tests.server import ROOT, START_TIMEOUT, free_port, outer_environment
from todosync.production.programs import caddy_program
from todosync.production.serving import DRAIN_SIGNAL
from todosync.production.supervision import NOTICE_TIME

pytestmark = pytest.mark.long

SERVICES: dict[str, Any] = yaml.safe_load((ROOT / 'compose.yaml').read_text())['services']
IMAGE = dict(re.findall(r'^(?:ENV|   ) (\w+)=([^\s\\]+)', (ROOT / 'Dockerfile').read_text(), re.MULTILINE))


class Site:
    """Two app processes with TCP between them and Caddy, and one data volume.

    :param names: the services of the app
    :param variables: what stands in for the containers' network
    """

    def __init__(self, data: Path, names: list[str], **variables: str) -> None:
        self.url = f'http://127.0.0.1:{free_port()}'
        self._data = data
        self._variables = variables
        self.addresses = {name: f'127.0.0.1:{free_port()}' for name in names}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        upstreams = SERVICES['caddy']['environment']['TODOSYNC_UPSTREAMS']
        for name, address in self.addresses.items():
            upstreams = upstreams.replace(f'{self._alias(name)}:8080', address)
        try:
            for name in self.addresses:
                self._start_app(name)
            self._start('caddy', TODOSYNC_PORT=self.url.rpartition(':')[2], TODOSYNC_UPSTREAMS=upstreams)
            for name in self.addresses:
                self._wait(name)
            eventually(lambda: httpx.get(f'{self.url}/up').is_success)
            yield
        finally:
            for name in list(self._running):
                self._stop(name)

    def replace(self, name: str) -> None:
        """Replace the container of a service by one of another image, as the documentation tells."""
        self._running[name].send_signal(DRAIN_SIGNAL)
        time.sleep(NOTICE_TIME)
        self._stop(name)
        self._start_app(name)
        self._wait(name)
        time.sleep(NOTICE_TIME)

    @staticmethod
    def _alias(name: str) -> str:
        (alias,) = SERVICES[name].get('networks', {'default': {'aliases': [name]}})['default']['aliases']
        return str(alias)

    def _wait(self, name: str) -> None:
        eventually(lambda: httpx.get(f'http://{self.addresses[name]}/up').is_success, timeout=START_TIMEOUT)

    def _start_app(self, name: str) -> None:
        self._start(name, TODOSYNC_PORT=self.addresses[name].split(':')[1], **self._variables)

    def _stop(self, name: str) -> None:
        process = self._running.pop(name)
        process.terminate()
        process.wait(15)

    def _start(self, name: str, **variables: str) -> None:
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
        with (self._data / f'{name}.log').open('ab') as log:
            environment = {**outer_environment(), **here}
            self._running[name] = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)


@pytest.fixture(scope='module', params=['postgres', 'rolling'])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp('data')
    if request.param == 'postgres':
        url = request.getfixturevalue('postgres').create_database()
        site = Site(data, ['app-1', 'app-2'], TODOSYNC_DATABASE_URL=url)
    else:
        site = Site(data, ['rolling-1', 'rolling-2'])
    with site.running():
        yield site


def test_what_one_process_writes_the_other_one_shows(site: Site) -> None:
    first, second = site.addresses.values()
    written = httpx.post(f'http://{first}/todos', json={'todo': {'title': 'Buy milk'}})
    assert written.status_code == 201
    assert written.json() in httpx.get(f'http://{second}/todos').json()


def test_caddy_sends_exports_of_both_processes_from_the_shared_volume(site: Site) -> None:
    httpx.post(f'{site.url}/todos', json={'todo': {'title': 'Water the plants'}}).raise_for_status()
    cookies: set[str] = set()
    while len(cookies) < 2:
        answer = httpx.get(f'{site.url}/todos/export.csv')
        assert b'Water the plants' in answer.content
        cookies.add(answer.cookies['todosync_process'])


def test_both_processes_know_of_each_other(site: Site) -> None:
    eventually(lambda: httpx.get(f'{site.url}/metrics').text.count('todosync_memory_bytes{') == 2)


def test_containers_are_replaced_one_after_the_other_and_every_write_is_answered(site: Site) -> None:
    before = len(httpx.get(f'{site.url}/todos').json())
    replaced = threading.Event()

    def write() -> list[int]:
        answers: list[int] = []
        while not replaced.is_set():
            answers.append(httpx.post(f'{site.url}/todos', json={'todo': {'title': 'Written'}}, timeout=20).status_code)
        return answers

    with ThreadPoolExecutor() as threads:
        writing = threads.submit(write)
        try:
            for name in site.addresses:
                site.replace(name)
        finally:
            replaced.set()
        answers = writing.result()
    assert set(answers) == {201}
    assert len(httpx.get(f'{site.url}/todos').json()) == before + len(answers)
