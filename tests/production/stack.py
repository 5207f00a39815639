"""Runs what is deployed: ``todosync serve`` with its app processes and Caddy, on free ports, with its own storage."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx

from tests.server import ROOT, RunningServer, free_port
from todosync import Settings
from todosync.production import supervision, watchdog

STATIC_DIR = Path(tempfile.gettempdir()) / f'todosync-tests-static-{os.getuid()}'
"""Shared by all runs: compressing the files takes longer than all tests of this package."""
COLLECTING_LIMIT = 180.0
"""Seconds that it may take on a slow machine."""


class RunningStack(RunningServer):
    """A running ``todosync serve``; requests go through Caddy.

    :param storage: its storage directory
    :param main: the program of an app process
    :param settings: further settings, as in ``PROCESSES=2``
    """

    DEFAULT_ENV = 'production'

    def __init__(self, storage: Path, *, main: Path = ROOT / 'main.py', **settings: Any) -> None:
        super().__init__(storage, HTTPS_PORT=free_port(), STATIC_DIR=STATIC_DIR, **settings)
        self.https_port = int(self.environment['TODOSYNC_HTTPS_PORT'])
        self.runtime = supervision.runtime_directory(Settings(storage_dir=storage))
        self.command = [sys.executable, '-m', 'todosync', 'serve', str(main),
                         '--caddyfile', str(ROOT / 'Caddyfile')]  # fmt: skip

    @property
    def processes(self) -> dict[str, int]:
        """The ids of the processes by name: ``app-0``, ``app-1``, ``caddy``; 0 while one is down."""
        known = watchdog.connect(self.runtime).getAllProcessInfo()
        return {process['name']: process['pid'] for process in known}

    @property
    def apps(self) -> list[str]:
        """The names of the app processes, running or not."""
        return [name for name in self.processes if name.startswith('app')]

    def is_up(self) -> bool:
        """Return whether Caddy answers and all app processes are healthy."""
        try:
            return httpx.get(f'{self.url}/up').status_code < 400 and all(
                self.ask(name, '/up').is_success for name in self.apps
            )
        except (OSError, httpx.TransportError):
            return False

    def stop(self, signal_number: int = signal.SIGTERM) -> None:
        """End everything and remove its sockets; safe to call twice."""
        super().stop(signal_number)
        shutil.rmtree(self.runtime, ignore_errors=True)

    def kill_process(self, name: str, signal_number: int = signal.SIGKILL) -> None:
        """Send a signal to one of the processes, which has to run."""
        process = self.processes[name]
        assert process, f'{name} is down'  # to os.kill 0 means the process group of the tests
        os.kill(process, signal_number)

    def ask(self, name: str, path: str) -> httpx.Response:
        """Send a request to an app process, past Caddy."""
        transport = httpx.HTTPTransport(uds=str(self.runtime / f'{name}.sock'))
        with httpx.Client(transport=transport, base_url='http://app') as client:
            return client.get(path)

    def connections_of(self, name: str) -> dict[str, int]:
        """Return how many sockets a process has, and how many tabs it reaches through another tab's socket."""
        report = self.ask(name, '/up').json()
        return {'sockets': report['sockets'], 'followers': report['followers']}

    def connections(self) -> dict[str, int]:
        """Return the same for all processes together."""
        each = [self.connections_of(name) for name in self.apps]
        return {key: sum(counts[key] for counts in each) for key in ('sockets', 'followers')}

    def cookies(self) -> list[str]:
        """Return the cookie of each process that keeps a browser there."""
        found: dict[str, str] = {}
        while len(found) < len(self.apps):
            response = httpx.get(self.url + '/up')
            found[response.cookies['todosync_process']] = response.cookies['todosync_process']
        return list(found)
