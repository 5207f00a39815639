"""Runs the app as people run it: ``main.py`` in a process of its own, on a free port, with its own storage."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from tests.databases import execute

ROOT = Path(__file__).parent.parent
START_TIMEOUT = 90.0
STOP_TIMEOUT = 60.0
ANSWER_TIMEOUT = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


def outer_environment() -> dict[str, str]:
    """Return the variables that are nobody's settings, and do not tell a program that it is in a test."""
    ours = ('TODOSYNC_', 'NICEGUI_', 'PYTEST_')
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


class RunningServer:
    """A server process.

    :param storage: its storage directory, which outlives restarts
    :param main: the program to run
    :param host: the name by which it is reached; it listens where that points to
    :param settings: further settings, as in ``ENV='production'``
    """

    DEFAULT_ENV = 'development'

    def __init__(
        self, storage: Path, *, main: Path = ROOT / 'main.py', host: str = '127.0.0.1', **settings: Any
    ) -> None:
        self.storage = storage
        self.port = free_port()
        self.url = f'http://{host}:{self.port}'
        self.log_path = storage / 'server.log'
        env = settings.get('ENV', self.DEFAULT_ENV)
        self.database_url = str(settings.get('DATABASE_URL') or f'sqlite:///{storage / env}.sqlite3')
        self.command = [sys.executable, str(main)]
        self.environment = {
            **outer_environment(),
            **{f'TODOSYNC_{name}': str(value) for name, value in settings.items()},
            'TODOSYNC_STORAGE_DIR': str(storage),
            'TODOSYNC_HOST': host,
            'TODOSYNC_PORT': str(self.port),
            'NICEGUI_STORAGE_PATH': str(storage / 'nicegui'),
            'PYTHONPATH': str(ROOT),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        assert self._process is not None, 'the server is not running'
        return self._process.pid

    def start(self) -> None:
        """Start the process and wait until it is healthy."""
        self.storage.mkdir(parents=True, exist_ok=True)
        with self.log_path.open('ab') as log:
            self._process = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=self.storage,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_TIMEOUT
        while not self.is_up():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f'the server did not start:\n{self.log_path.read_text()}')
            time.sleep(0.05)

    def stop(self, signal_number: int = signal.SIGTERM) -> None:
        """End the process and wait for its end; safe to call twice."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(signal_number)
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._process = None

    def wait(self, timeout: float) -> int:
        """Wait until the process has ended by itself, and return its exit code."""
        assert self._process is not None, 'the server is not running'
        try:
            return self._process.wait(timeout)
        finally:
            self.stop()

    def kill(self) -> None:
        """End the process without warning."""
        self.stop(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start again, on the same port."""
        self.stop()
        self.start()

    def is_up(self) -> bool:
        """Return whether ``/up`` answers 200."""
        try:
            return bool(self.request('GET', '/up')[0] == 200)
        except OSError:
            return False

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Send a request like a program that is no browser.

        :return: the status, and the JSON of the answer if it is JSON
        :raises OSError: there was no answer, or not all of it
        """
        data = None if body is None else orjson.dumps(body)
        request = urllib.request.Request(
            self.url + path, data, {'Content-Type': 'application/json', **headers}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT) as response:
                status, content = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        except http.client.HTTPException as error:
            raise ConnectionError(f'the answer broke off: {error!r}') from error
        try:
            return status, orjson.loads(content)
        except orjson.JSONDecodeError:
            return status, content

    def todos(self) -> list[dict[str, Any]]:
        """Return the todos as the API lists them."""
        status, todos = self.request('GET', '/todos')
        assert status == 200, todos
        return list(todos)

    def add(self, title: str) -> dict[str, Any]:
        """Create a todo through the API."""
        status, todo = self.request('POST', '/todos', {'todo': {'title': title}})
        assert status == 201, todo
        return dict(todo)

    def execute(self, statement: str, *rows: Mapping[str, Any]) -> None:
        """Have another program write to the server's database, see :func:`tests.databases.execute`."""
        execute(self.database_url, statement, *rows)

    def connections(self) -> dict[str, int]:
        """Return how many sockets the server has, and how many tabs it reaches through another tab's socket."""
        _, report = self.request('GET', '/up')
        return {'sockets': report['sockets'], 'followers': report['followers']}


@contextmanager
def running_server(storage: Path, **options: Any) -> Iterator[RunningServer]:
    """Run the app for the time of a block.

    Example::

        with running_server(tmp_path, ENV='production') as server:
            server.add('Buy milk')
    """
    server = RunningServer(storage, **options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def running_program(program: Path, folder: Path, **environment: str) -> Iterator[int]:
    """Run a program that is no app of todosync's server, in a folder, on the port of its variable ``PORT``.

    What it prints is in ``app.log``.

    :return: the port
    """
    port = free_port()
    known = {'PORT': str(port), 'PYTHONPATH': str(ROOT), 'NICEGUI_STORAGE_PATH': str(folder / 'nicegui')}
    with (folder / 'app.log').open('wb') as output:
        process = subprocess.Popen(
            [sys.executable, str(program)],
            env=outer_environment() | known | environment,
            cwd=folder,
            stdout=output,
            stderr=output,
        )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(20)
