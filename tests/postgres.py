"""A throwaway PostgreSQL server from Debian's package, for the tests that need a real one."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SETTINGS = {
    'fsync': 'off',  # nobody's data: it need not survive a power cut
    'listen_addresses': '',
    'max_connections': '200',
    'shared_buffers': '16MB',
    'timezone': 'UTC',
}


class PostgresServer:
    """A server that listens on a Unix socket only.

    :param directory: where its data and its socket are
    :param user: the account it runs as
    """

    def __init__(self, directory: Path, user: str) -> None:
        self.directory = directory
        self._user = user
        self._numbers = itertools.count(1)
        self._programs = max(Path('/usr/lib/postgresql').glob('*/bin'), key=lambda path: int(path.parent.name))

    def create(self) -> None:
        """Make the server's files."""
        self._run('initdb', '--pgdata', 'data', '--username', 'postgres', '--auth', 'trust', '--encoding', 'UTF8',
                  '--locale', 'C.UTF-8', '--no-sync')  # fmt: skip
        with (self.directory / 'data' / 'postgresql.conf').open('a') as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
            conf.write(f"unix_socket_directories = '{self.directory}'\n")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._run('pg_ctl', 'start', '--wait', '--silent', '--pgdata', 'data', '--log', 'log')

    def stop(self, mode: str = 'fast') -> None:
        """Stop the server; safe to call twice.

        :param mode: ``fast`` ends all connections in good order, ``immediate`` is a crash
        """
        if (self.directory / 'data' / 'postmaster.pid').exists():
            self._run('pg_ctl', 'stop', '--wait', '--silent', '--pgdata', 'data', '--mode', mode)

    def create_database(self) -> str:
        """Make an empty database of its own and return its SQLAlchemy URL."""
        name = f'test_{next(self._numbers)}'
        self._run('createdb', '--host', str(self.directory), '--username', 'postgres', name)
        return f'postgresql+psycopg://postgres@/{name}?host={self.directory}'

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            command = ['setpriv', '--reuid', self._user, '--regid', self._user, '--clear-groups', *command]
        environment = {**os.environ, 'HOME': str(self.directory)}
        # to a file, not to a pipe: the server inherits it, and a pipe would be waited for as long as the server lives
        with (self.directory / 'commands.log').open('ab') as output:
            try:
                subprocess.run(command, cwd=self.directory, env=environment, stdout=output, stderr=output, check=True)
            except subprocess.CalledProcessError as error:
                raise RuntimeError((self.directory / 'commands.log').read_text()) from error


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a server with empty files of its own, and remove both afterwards.

    :raises RuntimeError: PostgreSQL is not installed (``scripts/ensure-postgres`` does that), or did not start
    """
    if not any(Path('/usr/lib/postgresql').glob('*/bin/initdb')):
        raise RuntimeError('PostgreSQL is not installed; scripts/ensure-postgres installs it')
    user = 'postgres' if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    directory = Path(tempfile.mkdtemp(prefix='todosync-pg-', dir='/tmp'))  # a socket's path has to be short
    try:
        if os.getuid() == 0:
            shutil.chown(directory, user, user)
        server = PostgresServer(directory, user)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop('immediate')
    finally:
        shutil.rmtree(directory, ignore_errors=True)
