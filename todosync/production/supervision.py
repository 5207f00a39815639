"""The processes of one machine: N app processes and Caddy, run and restarted by supervisord."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import stat
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import httpx
from supervisor.xmlrpc import Faults

from todosync.settings import PREFIX, Settings

from .privacy import PRIVATE
from .programs import configuration
from .serving import DRAIN_SIGNAL
from .watchdog import connect

NOTICE_TIME = 3.0
"""Seconds in which Caddy, which asks for health each second, notices that a process is going or has come."""
HEALTHY = frozenset({'ok', 'degraded'})
"""What a process says that requests may be sent to."""
HEALTH_TIMEOUT = 4.0
HEALTHY_TIMEOUT = 60.0
"""Seconds that a restarted process gets to become healthy."""


def serve(settings: Settings, main: Path, caddyfile: Path, begin: Callable[[], None] = lambda: None) -> NoReturn:
    """Become the supervisor of the app processes and Caddy, until SIGTERM or SIGINT.

    :param main: the program of an app process
    :param caddyfile: Caddy's configuration
    :param begin: called when nothing stands in the way
    :raises OSError: the storage or the runtime directory cannot be used, it is being served from this storage directory
        already, or somebody else listens on the port
    """
    _refuse_second(settings)
    _refuse_taken_port(settings)
    os.umask(PRIVATE)
    settings.prepare_storage()
    settings.resolve_storage_secret()  # made before processes race for it
    settings.exports_dir.mkdir(exist_ok=True, mode=0o700)
    directory = runtime_directory(settings)
    written = directory / 'supervisord.conf'
    written.write_text(configuration(settings, directory, main, caddyfile))
    os.environ |= _environment(settings, directory)
    begin()
    supervisord = [sys.executable, '-m', 'supervisor.supervisord', '--configuration', str(written)]
    os.execv(supervisord[0], supervisord)  # noqa: S606 - no shell is wanted


def restart(settings: Settings) -> Iterator[str]:
    """Restart the app processes one after the other, each as soon as the one before is healthy.

    :return: the names of the processes, as each is done
    :raises OSError: nothing is being served from this storage directory, or a process did not become healthy, or did
        not start; those after it go on as they were
    """
    directory = runtime_directory(settings)
    supervisor = connect(directory)
    try:
        processes = supervisor.getAllProcessInfo()
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise OSError(f'nothing is being served from {settings.storage_dir.absolute()} by this user') from error
    try:
        _start_anew(supervisor, 'static')  # the new release has other files than the one before
        for process in processes:
            if process['group'] == 'app':
                name = f'app:{process["name"]}'
                if process['statename'] == 'RUNNING':
                    with _passing_over(Faults.NOT_RUNNING):
                        supervisor.signalProcess(name, str(DRAIN_SIGNAL.value))
                        time.sleep(NOTICE_TIME)
                _start_anew(supervisor, name)
                _wait_until_healthy(supervisor, directory, process['name'])
                time.sleep(NOTICE_TIME)
                yield process['name']
    except xmlrpc.client.Error as error:
        raise OSError(f'supervisord refuses it: {getattr(error, "faultString", error)}') from error


def ask_health(settings: Settings) -> dict[str, str]:
    """Return what each app process of this machine says of its health, or why it says nothing.

    Those that :func:`serve` runs, or the one that listens on the settings' port.
    """
    sockets = sorted(runtime_directory(settings).glob('app-*.sock'))
    if sockets:
        return {socket.stem: _ask(httpx.HTTPTransport(uds=str(socket))) for socket in sockets}
    return {'app': _ask(httpx.HTTPTransport(), port=settings.port)}


def runtime_directory(settings: Settings) -> Path:
    """Return the directory of the sockets of this storage directory's processes; made if missing.

    :raises PermissionError: it belongs to somebody else
    """
    # not in the storage directory: the path of a socket has to be shorter than 108 bytes
    digest = hashlib.sha256(str(settings.storage_dir.absolute()).encode()).hexdigest()[:12]
    directory = Path(tempfile.gettempdir()) / f'todosync-{os.getuid()}-{digest}'
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f'{directory} is not a directory that only this user can enter; remove it')
    return directory


def _start_anew(supervisor: Any, name: str) -> None:
    """Stop a process and start it; one that ends by itself meanwhile may be started by supervisord instead."""
    with _passing_over(Faults.NOT_RUNNING):
        supervisor.stopProcess(name)
    with _passing_over(Faults.ALREADY_STARTED):
        supervisor.startProcess(name, False)


@contextmanager
def _passing_over(code: int) -> Iterator[None]:
    """Pass over what supervisord refuses because it is so already.

    :param code: the code of that fault
    """
    try:
        yield
    except xmlrpc.client.Fault as fault:
        if fault.faultCode != code:
            raise


def _refuse_second(settings: Settings) -> None:
    """Refuse to serve twice from a storage directory: both would use the same sockets."""
    process = 0
    with suppress(OSError, xmlrpc.client.Error):  # nobody answers
        process = connect(runtime_directory(settings)).getPID()
    if process:
        remedy = f'stop that, or choose another directory with {PREFIX}STORAGE_DIR'
        raise OSError(
            f'{settings.storage_dir.absolute()} is being served already, by supervisord (process {process}); {remedy}'
        )


def _refuse_taken_port(settings: Settings) -> None:
    """Refuse to serve beside another program: Caddy shares a port with another Caddy without a word."""
    for port in {settings.port, settings.https_port if settings.domain else settings.port}:
        family, kind, protocol, _, address = socket.getaddrinfo(settings.host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what has just been closed does not count
            try:
                probe.bind(address)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                remedy = f'stop it, or choose another port with {PREFIX}PORT or {PREFIX}HTTPS_PORT'
                raise OSError(f'another program listens on {settings.host}:{port} already; {remedy}') from error


def _environment(settings: Settings, directory: Path) -> dict[str, str]:
    upstreams = [f'unix/{directory}/app-{number}.sock' for number in range(settings.processes)]
    return {
        f'{PREFIX}{name}': str(value)
        for name, value in {
            'BEHIND_PROXY': True,
            'CERTIFICATES_DIR': settings.storage_dir.absolute() / 'certificates',
            'ENV': settings.env,
            'EXPORTS_DIR': settings.exports_dir.absolute(),
            'HOST': settings.host,
            'HTTPS_PORT': settings.https_port,
            'PORT': settings.port,
            'SITE': settings.domain or 'http://',
            'STATIC_DIR': settings.static_dir.absolute(),
            'STORAGE_DIR': settings.storage_dir.absolute(),
            'UPSTREAMS': ' '.join(upstreams),
        }.items()
    } | {
        'NICEGUI_STORAGE_PATH': str(settings.storage_dir.absolute() / 'nicegui'),
        'XDG_CONFIG_HOME': str(settings.storage_dir.absolute() / 'certificates'),  # where Caddy keeps its own notes
    }


def _wait_until_healthy(supervisor: Any, directory: Path, name: str) -> None:
    deadline = time.monotonic() + HEALTHY_TIMEOUT
    started = supervisor.getProcessInfo(f'app:{name}')['pid']
    while _ask(httpx.HTTPTransport(uds=str(directory / f'{name}.sock'))) not in HEALTHY:
        if supervisor.getProcessInfo(f'app:{name}')['pid'] != started:
            raise ChildProcessError(f'{name} ends when it is started; its log says why')
        if time.monotonic() > deadline:
            raise TimeoutError(f'{name} did not become healthy within {HEALTHY_TIMEOUT:.0f} s; its log says why')
        time.sleep(0.1)


def _ask(transport: httpx.HTTPTransport, *, port: int = 80) -> str:
    with httpx.Client(transport=transport, timeout=HEALTH_TIMEOUT) as client:
        try:
            return str(client.get(f'http://127.0.0.1:{port}/up').json()['status'])
        except (httpx.HTTPError, ValueError, LookupError) as error:
            return f'{type(error).__name__}: {error}'
