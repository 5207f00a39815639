"""The programs of one machine, as supervisord is told to run them."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from todosync.settings import PREFIX, Settings

from . import watchdog
from .deadline import DUMP_SIGNAL

STOP_TIMEOUT = 8
"""Seconds that a process gets to end by itself, before it is killed."""
STABLE_AFTER = 2
"""Seconds after which a process is taken to have started well."""
CONFIGURATION = """\
[supervisord]
nodaemon = true
logfile = /dev/null
logfile_maxbytes = 0
pidfile = %(here)s/supervisord.pid

[unix_http_server]
file = %(here)s/supervisor.sock

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
PROGRAM = """
[program:{name}]
command = {command}
process_name = {process_name}
numprocs = {count}
priority = {priority}
environment = {environment}
autorestart = {autorestart}
startsecs = {startsecs}
; not a number to give up after: what is wrong may be mended, and the pauses grow with each attempt
startretries = 1000000
stopwaitsecs = {stop_timeout}
killasgroup = true
redirect_stderr = true
stdout_logfile = /dev/fd/1
stdout_logfile_maxbytes = 0
"""


def configuration(settings: Settings, directory: Path, main: Path, caddyfile: Path) -> str:
    """Return the configuration of supervisord.

    :param directory: the runtime directory, where its socket and those of the processes are
    :param main: the program of an app process
    :param caddyfile: Caddy's configuration
    """
    python = [sys.executable]
    return ''.join(
        [
            CONFIGURATION,
            # compressing takes a while, and nobody waits for it: the app processes send what is not there yet
            _program('static', ['nice', *python, '-m', 'todosync', 'collect-static'], once=True, priority=10),
            _program('app', [*python, str(main.absolute())], count=settings.processes, priority=20),
            # a script beside this module; with -P Python does not look for the standard library's modules there
            _program(
                'watchdog', [*python, '-P', watchdog.__file__, *_watchdog_arguments(settings, directory)], priority=25
            ),
            # started last, and so stopped first: nobody is sent to a process that is going
            _program(watchdog.CADDY, [caddy_program(), 'run', '--config', str(caddyfile.absolute())], priority=30),
        ]
    )


def _watchdog_arguments(settings: Settings, directory: Path) -> list[str]:
    return [str(directory), settings.host, str(settings.port), str(int(DUMP_SIGNAL))]


def _program(name: str, command: list[str], *, priority: int, count: int = 1, once: bool = False) -> str:
    several = name == 'app'
    return PROGRAM.format(
        name=name,
        command=shlex.join(command).replace('%', '%%'),
        process_name='%(program_name)s-%(process_num)d' if several else name,
        count=count,
        priority=priority,
        environment=f'{PREFIX}SOCKET="%(here)s/app-%(process_num)d.sock"' if several else '',
        autorestart='false' if once else 'true',
        startsecs=0 if once else STABLE_AFTER,
        stop_timeout=STOP_TIMEOUT,
    )


def caddy_program() -> str:
    """Return the Caddy to run: the one of the extra ``production``, which lies beside Python, or else the system's.

    A distribution's may be years old, and without the mends of what faces the Internet.
    """
    beside = Path(sys.executable).with_name('caddy')
    return str(beside) if beside.is_file() else 'caddy'
