"""What happens to the server and its database during chaos."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tests.builds import use_build
from tests.databases import keep, keep_file
from tests.e2e.browser import eventually
from tests.e2e.chaos_truth import Copy, Truth, ViolationError
from tests.e2e.proxy import Proxy
from tests.server import ROOT, RunningServer
from todos import MIGRATIONS

Action = Callable[[], str | None]
"""Does something, and returns a line about it; ``None`` if it was not possible."""
AWAY_MAX = 20.0
"""The longest time in seconds for which a server stands still, or is dead: longer than until it is taken for lost."""
COMMAND_TIMEOUT = 120.0
BUILD = ('main.py', 'todosync', 'todos', 'components', 'assets')


class ServerFaults:
    """Does to a server, and to its database, what happens to them.

    :param chance: draws what is left to chance
    :param proxy: leads browsers to the server
    :param truth: is told what is lost on purpose
    :param directory: for another build of the program
    :param on_going_back: called when an older database has taken the place
    """

    def __init__(
        self,
        chance: random.Random,
        proxy: Proxy,
        truth: Truth,
        directory: Path,
        on_going_back: Callable[[], None],
    ) -> None:
        self._random = chance
        self.server = server = proxy.server
        """The one that is there when no fault lasts."""
        self._other = neighbour_of(server)
        """Runs the other build beside it, on the same database, as during a rolling restart."""
        self._proxy = proxy
        self._truth = truth
        self._on_going_back = on_going_back
        self._is_sqlite = server.database_url.startswith('sqlite')
        self._kept: tuple[Callable[[], None], Copy] | None = None
        self._backup: tuple[str, Copy] | None = None
        self._builds = [ROOT, _another_build(directory / 'build')]
        self.is_hanging = False
        self.is_dead = False
        self._away_since = 0.0
        self.actions: list[tuple[int, Action]] = [
            (1, self._restart),
            (3, self._kill),
            (2, self._roll),
            (4, self._roll_side_by_side),
            (3, self._hang),
            (4, self._go_on),
            (6, self._keep_or_put_back),
            (4, self._back_up_or_restore),
        ]

    @property
    def is_away(self) -> bool:
        """Whether the server does not answer."""
        return self.is_hanging or self.is_dead

    def end(self) -> None:
        """End what lasts: there is one process, which runs."""
        self._continue()
        self.lead_back()
        self._other.stop()

    def stop(self) -> None:
        """End both processes; safe to call twice."""
        self._continue()
        for server in (self.server, self._other):
            server.stop()

    def end_what_is_too_long(self) -> None:
        """Have a server go on that has been away for long."""
        if time.monotonic() - self._away_since > AWAY_MAX:
            self._continue()

    def lead_away(self) -> None:
        """Have browsers reach another process with what they connect from now on."""
        self._start_other()
        self._proxy.lead_to(self._other)

    def lead_back(self) -> None:
        """End that. What is connected to the other process stays so."""
        self._proxy.lead_to(self.server)

    def _start_other(self) -> None:
        if not self._other.is_running:
            use_build(self._other, self._builds[1])
            self._other.start()

    def _continue(self) -> None:
        if self.is_hanging:
            self.is_hanging = False
            os.kill(self.server.pid, signal.SIGCONT)
        if self.is_dead:
            self.is_dead = False
            self.server.start()

    def _restart(self) -> str:
        self._start_anew()
        return 'restart the server'

    def _kill(self) -> str | None:
        if self.is_away:
            return None
        self.is_dead = True
        self._away_since = time.monotonic()
        self.server.kill()
        return 'kill the server'

    def _start_anew(self) -> None:
        self.is_hanging = self.is_dead = False
        self.server.restart()

    def _roll(self) -> str:
        self._builds.reverse()
        use_build(self.server, self._builds[0])
        self._start_anew()
        return 'roll to the other build'

    def _roll_side_by_side(self) -> str | None:
        if self.is_away:
            return None
        with self._writes(self.server, self._other) as acknowledged:
            self.lead_away()
            self.server.stop()
        self.server, self._other = self._other, self.server
        self._builds.reverse()
        self._truth.acknowledged.update(acknowledged)
        return f'roll to the other build, with both at work, under {len(acknowledged)} writes'

    def _hang(self) -> str | None:
        if self.is_away:
            return None
        self.is_hanging = True
        self._away_since = time.monotonic()
        os.kill(self.server.pid, signal.SIGSTOP)
        return 'stop the server process'

    def _go_on(self) -> str | None:
        if not self.is_away:
            return None
        self._continue()
        return 'have the server go on'

    def _keep_or_put_back(self) -> str | None:
        if self.is_away:
            return None
        if self._kept is None:
            copy, url = self._truth.copy(), self.server.database_url
            moves = self._is_sqlite and self._random.random() < 0.5
            self._kept = keep_file(url, self.server.storage / 'copy') if moves else keep(url), copy
            self._open_again()
            return f'keep a copy of the database{", a file to move" if moves else ""}'
        (put_back, copy), self._kept = self._kept, None
        put_back()
        self._has_gone_back(copy)
        eventually(self.server.is_up)
        return 'put the copy of the database back'

    def _open_again(self) -> None:
        if not self._is_sqlite:  # PostgreSQL has ended all connections to the database, to copy it
            eventually(self.server.is_up)
            self._truth.forgive_undelivered(todo['title'] for todo in self.server.todos())

    def _back_up_or_restore(self) -> str | None:
        if self.is_away:
            return None
        if self._backup is None:
            copy = self._truth.copy()
            self._backup = self._run('backup').strip(), copy
            return 'back the database up'
        (backup, copy), self._backup = self._backup, None
        self._restore(backup, copy)
        return 'restore a backup'

    def _restore(self, backup: str, copy: Copy) -> None:
        if not self._is_sqlite:  # it refuses while servers are connected
            self._other.stop()
            self.server.stop()
            self._run('restore', backup, '--yes')
            self._has_gone_back(copy)
            self.server.start()
            return
        with self._writes(self.server) as acknowledged:
            told = self._run('restore', backup, '--yes')
        kept = _titles(Path(told.rpartition(' ')[2].strip()))
        remaining = {todo['title'] for todo in self.server.todos()}
        if lost := set(acknowledged) - kept - remaining:
            raise ViolationError(f'acknowledged during a restore, and neither kept nor there: {lost}')
        self._has_gone_back(copy)
        self._truth.acknowledged |= set(acknowledged) - kept

    def _has_gone_back(self, copy: Copy) -> None:
        self._truth.go_back(copy)
        self._on_going_back()

    @contextmanager
    def _writes(self, *servers: RunningServer) -> Iterator[list[str]]:
        """Write all the time during a block, by each server in turn, and return what was acknowledged."""
        acknowledged: list[str] = []
        stop = threading.Event()
        began = time.monotonic_ns()

        def write() -> None:
            number = 0
            while not stop.is_set():
                title = f'{began}.{number} all the time'
                number += 1
                with suppress(OSError):  # it starts or stops
                    status, _ = servers[number % len(servers)].request('POST', '/todos', {'todo': {'title': title}})
                    if status == 201:
                        acknowledged.append(title)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            yield acknowledged
        finally:
            stop.set()
            writer.join()

    def _run(self, *command: str) -> str:
        result = subprocess.run(
            [sys.executable, '-m', 'todosync', *command],
            env={
                'TODOSYNC_ENV': self.server.DEFAULT_ENV,
                **self.server.environment,
                'TODOSYNC_MIGRATIONS': str(MIGRATIONS),
            },
            cwd=self.server.storage,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT,
            check=False,
        )
        if result.returncode:
            raise ViolationError(f'todosync {command[0]} has failed: {result.stdout}{result.stderr}')
        return result.stdout


def neighbour_of(server: RunningServer) -> RunningServer:
    """Return another server, not yet started, that shares the storage and the database of one."""
    neighbour = RunningServer(server.storage)
    neighbour.environment = {**server.environment, 'TODOSYNC_PORT': str(neighbour.port)}
    neighbour.database_url = server.database_url
    return neighbour


def _another_build(directory: Path) -> Path:
    """Make a build whose files in the browser are others, and do the same."""
    directory.mkdir(parents=True)
    for name in BUILD:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, directory / name)
    for script in [*directory.glob('assets/**/*.js'), *directory.glob('todosync/**/*.js')]:
        with script.open('a') as file:
            file.write('\n// of another build\n')
    return directory


def _titles(backup: Path) -> set[str]:
    with closing(sqlite3.connect(backup)) as connection:
        return {title for (title,) in connection.execute('SELECT title FROM todos')}
