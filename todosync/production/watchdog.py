"""A program beside the processes of a machine: it ends those that do not answer, and supervisord starts them again.

It runs as a script and imports nothing of todosync, so that it takes 20 MB instead of 100. See ``LoopDeadline`` for
what a process does about itself: it says where it hangs, but a process that does not run at all cannot.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from supervisor.xmlrpc import SupervisorTransport

CADDY = 'caddy'
"""Its name among supervisord's processes."""
ROUND_TIME = 10.0
"""Seconds from one question to a process to the next."""
ANSWER_TIMEOUT = 8.0
PATIENCE = 3
"""How many questions in a row a process may leave without an answer: some 30 seconds."""
START_PATIENCE = 18
"""How many before its first answer. While it waits for a database or migrates one, it answers."""
DEAD_AFTER = 60.0
"""Seconds after which a process that has not looked for changes will not do so again; it looks every 10 s."""
DUMP_TIME = 1.0
"""Seconds that a process gets to write into the log what it is doing."""


class Judge:
    """Decides which process has to be ended. It knows no clock: a machine that slept makes nobody late."""

    def __init__(self) -> None:
        self._faults: dict[int, int] = {}
        """How many answers in a row were missing or bad, by process id."""
        self._known: set[int] = set()
        """The processes that have answered once."""

    def judge(self, answers: Mapping[int, Mapping[str, Any] | None]) -> dict[int, str]:
        """Return the process to be ended and why; never more than one, because the cause may be the machine.

        One that says that it is unhealthy is left in peace, because a new one would find the same database.

        :param answers: what each running process has answered, by process id; ``None`` if it has not
        """
        self._known = {pid for pid, answer in answers.items() if answer is not None or pid in self._known}
        why = {
            pid: 'does not answer' if answer is None else 'does not look for changes any more'
            for pid, answer in answers.items()
            if answer is None or _has_dead_part(answer)
        }
        self._faults = {pid: self._faults.get(pid, 0) + 1 for pid in why}
        for pid, faults in self._faults.items():
            if faults >= (PATIENCE if pid in self._known else START_PATIENCE):
                self._faults, self._known = {}, self._known - {pid}  # the others get their time anew
                return {pid: why[pid]}
        return {}

    def knows(self, pid: int) -> bool:
        """Return whether a process has answered once."""
        return pid in self._known


class Conditions:
    """Tells in words how processes are, once for each change: what is asked each ten seconds is not logged as often."""

    def __init__(self) -> None:
        self._told: dict[int, str] = {}
        """What is wrong with each process that is not well, without its figures."""

    def changes(self, names: Mapping[int, str], answers: Mapping[int, Mapping[str, Any] | None]) -> list[str]:
        """Return a line for each process that is in another condition than before.

        :param names: the names of the processes, by process id
        :param answers: what each of them has answered, by process id; ``None`` if it has not
        """
        now = {pid: _condition(answer) for pid, answer in answers.items()}
        lines = [
            f'{names[pid]} (process {pid}) {why or "is well again"}'
            for pid, (kind, why) in now.items()
            if kind != self._told.get(pid, '')
        ]
        self._told = {pid: kind for pid, (kind, _) in now.items() if kind}
        return lines


def _condition(answer: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return what is wrong with a process, without its figures and with them; both are empty if nothing is."""
    if answer is None:
        return 'silent', 'does not answer'
    status = answer.get('status')
    if status not in {'unhealthy', 'degraded'}:
        return '', ''
    failing = {
        name: ', '.join(f'{key}: {value}' for key, value in found.items() if key != 'ok')
        for name, found in answer.items()
        if isinstance(found, dict) and found.get('ok') is False
    }
    why = '; '.join(f'{name} ({text})' for name, text in failing.items())
    return f'{status} {sorted(failing)}', f'is {status}: {why or answer.get("error", "it does not say why")}'


def _has_dead_part(answer: Mapping[str, Any]) -> bool:
    try:
        return (
            answer['status'] == 'unhealthy'
            and answer['database']['ok'] is True
            and answer['broadcast']['seconds_since_attempt'] > DEAD_AFTER
        )
    except (LookupError, TypeError):  # its database does not answer, or it is of another release
        return False


def connect(directory: Path) -> Any:
    """Return the interface of a running supervisor, which has the methods that supervisord's manual lists.

    :param directory: its runtime directory
    """
    transport = SupervisorTransport(serverurl=f'unix://{directory}/supervisor.sock')
    return xmlrpc.client.ServerProxy('http://supervisor', transport=transport).supervisor


def ask(path: Path) -> dict[str, Any] | None:
    """Return what a process answers at ``/up``, whatever that is; ``None`` if it does not answer.

    :param path: the Unix socket on which it listens
    """
    connection = http.client.HTTPConnection('app', timeout=ANSWER_TIMEOUT)
    try:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(ANSWER_TIMEOUT)
        connection.sock.connect(str(path))
        connection.request('GET', '/up', headers={'Connection': 'close'})
        content = connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    with suppress(ValueError):
        if isinstance(answer := json.loads(content), dict):
            return answer
    return {}


def ask_caddy(address: tuple[str, int]) -> dict[str, Any] | None:
    """Return ``{}`` if Caddy answers where browsers reach it; ``None`` if it does not.

    It is a request without a host. Caddy refuses it by itself: no app process is asked, and nothing is logged.

    :param address: where Caddy listens for HTTP
    """
    with suppress(OSError), socket.create_connection(address, ANSWER_TIMEOUT) as connection:
        connection.sendall(b'GET / HTTP/1.1\r\nConnection: close\r\n\r\n')
        if connection.recv(4) == b'HTTP':
            return {}
    return None


def watch(
    directory: Path, caddy_address: tuple[str, int], dump_signal: int, say: Callable[[str, str], None]
) -> NoReturn:
    """Ask the app processes and Caddy in rounds without end, and end those that hang.

    Caddy is watched as soon as it has answered once: a team's own Caddyfile may have it listen elsewhere.

    :param directory: the runtime directory of their supervisor
    :param caddy_address: where Caddy listens for HTTP
    :param dump_signal: the signal at which a process writes into the log what each of its threads is doing
    :param say: is told what happens: the level of a line in the log, and the line
    """

    def ask_process(name: str) -> dict[str, Any] | None:
        return ask_caddy(caddy_address) if name == CADDY else ask(directory / f'{name}.sock')

    judge, conditions = Judge(), Conditions()
    supervisor = connect(directory)
    with ThreadPoolExecutor(64) as threads:
        while True:
            started = time.monotonic()
            with suppress(OSError, xmlrpc.client.Error, http.client.HTTPException):  # supervisord is stopping
                names = _running(supervisor)
                news = {pid for pid in names if not judge.knows(pid)}
                answers = dict(zip(names, threads.map(ask_process, names.values()), strict=True))
                for pid in [pid for pid in news if names[pid] == CADDY and answers[pid] is None]:
                    del answers[pid]
                hanging = judge.judge(answers)
                for pid in filter(judge.knows, news):
                    say('INFO', f'{names[pid]} (process {pid}) is watched')
                watched = {pid: answer for pid, answer in answers.items() if judge.knows(pid) and pid not in hanging}
                for line in conditions.changes(names, watched):
                    say('WARNING', line)
                for pid, why in hanging.items():
                    if _running(supervisor).get(pid) == names[pid]:
                        say('ERROR', f'{names[pid]} (process {pid}) {why}: it is killed, and will be started again')
                        _end(pid, dump_signal)
            time.sleep(max(0.0, started + ROUND_TIME - time.monotonic()))


def _running(supervisor: Any) -> dict[int, str]:
    """Return the names of the app processes and of Caddy by id, without what is being started or stopped."""
    return {
        process['pid']: str(process['name'])
        for process in supervisor.getAllProcessInfo()
        if process['group'] in {'app', CADDY} and process['statename'] == 'RUNNING'
    }


def _end(pid: int, dump_signal: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, dump_signal)
        time.sleep(DUMP_TIME)
        os.kill(pid, signal.SIGKILL)


def _say(level: str, line: str) -> None:
    record = {'ts': datetime.now(UTC).isoformat(), 'level': level, 'logger': 'todosync.watchdog', 'msg': line}
    sys.stdout.write(json.dumps(record) + '\n')
    sys.stdout.flush()


if __name__ == '__main__':
    watch(Path(sys.argv[1]), (sys.argv[2], int(sys.argv[3])), int(sys.argv[4]), _say)
