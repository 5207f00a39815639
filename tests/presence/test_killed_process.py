"""People of a process that is killed, or that hangs, vanish from the others, over the cables of several processes."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.processes import start_python
from tests.sockets import until
from todosync.cable import Cable, SqliteCable
from todosync.cable.postgres import PostgresCable
from todosync.presence import Exchange, Roster

PROGRAM = """
import asyncio, sys
from pathlib import Path
from todosync.cable import SqliteCable
from todosync.cable.postgres import PostgresCable
from todosync.presence import Entry, Exchange, Roster

kind, where, name = sys.argv[1:]
cable = SqliteCable(Path(where)) if kind == 'sqlite' else PostgresCable(where)


async def main():
    cable.start()
    roster = Roster()
    exchange = Exchange(cable, roster, lambda places: None)
    exchange.start()
    roster.put(exchange.process, ('notes', name), Entry(name))
    exchange.tell([('notes', name)])
    await asyncio.to_thread(sys.stdin.readline)
    await exchange.stop()
    cable.stop()


asyncio.run(main())
"""


@pytest.fixture(params=['sqlite', 'postgres'])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """The kind of the cable, and where it is."""
    if request.param == 'sqlite':
        return 'sqlite', str(tmp_path / 'cable.sqlite3')
    return 'postgres', request.getfixturevalue('postgres_url')


@pytest.fixture
async def roster(store: tuple[str, str]) -> AsyncIterator[Roster]:
    """What this process knows."""
    kind, where = store
    cable: Cable = SqliteCable(Path(where)) if kind == 'sqlite' else PostgresCable(where)
    cable.start()
    roster = Roster()
    exchange = Exchange(cable, roster, lambda places: None)
    exchange.start()
    yield roster
    await exchange.stop()
    cable.stop()


@pytest.fixture
def start_process(store: tuple[str, str]) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts a process in which somebody is."""
    processes: list[subprocess.Popen[str]] = []

    def start(name: str) -> subprocess.Popen[str]:
        processes.append(start_python(PROGRAM, *store, name))
        return processes[-1]

    yield start
    for process in processes:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.communicate()


async def names_become(roster: Roster, expected: list[str]) -> None:
    await until(lambda: [person.name for person in roster.people('notes')] == expected)


async def test_people_of_a_killed_process_vanish(
    roster: Roster, start_process: Callable[[str], subprocess.Popen[str]]
) -> None:
    killed = start_process('Ann')
    start_process('Bob')
    await names_become(roster, ['Ann', 'Bob'])
    killed.kill()
    await names_become(roster, ['Bob'])


async def test_people_of_a_process_that_hangs_are_back_when_it_goes_on(
    roster: Roster, start_process: Callable[[str], subprocess.Popen[str]]
) -> None:
    process = start_process('Ann')
    await names_become(roster, ['Ann'])
    process.send_signal(signal.SIGSTOP)
    await names_become(roster, [])
    process.send_signal(signal.SIGCONT)
    await names_become(roster, ['Ann'])
    process.communicate('stop\n')
    await names_become(roster, [])
