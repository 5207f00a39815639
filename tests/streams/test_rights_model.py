"""Joins, revocations and moves at random: nobody is ever sent what a simple model does not allow.

The seed is printed; ``RIGHTS_SEED=7 RIGHTS_STEPS=5000`` takes the same steps again, or more of them.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from tests.databases import other_program
from tests.e2e.chaos_server import neighbour_of
from tests.light_browser import LightBrowser
from tests.light_socket import LightSocket
from tests.server import ROOT, RunningServer, running_server
from tests.sockets import until
from todosync.ids import IdMaker
from todosync.streams import person_key

STEPS = int(os.environ.get('RIGHTS_STEPS', '60'))
STEPS_BETWEEN_CHECKS = 20
PAUSE_MAX = 0.03
"""The longest time in seconds between two steps. It is that of a look at the rights, so steps come in it."""
PEOPLE = ('ann', 'bob', 'eve', 'joe')
PROJECTS = (1, 2, 3)
PATH = '/' + ','.join(map(str, PROJECTS))
MARKER = re.compile(r'marker-\d+')
make_id = IdMaker()


class Model:
    """Who belongs to which project, where the tasks are, and what each person has ever been allowed to read."""

    def __init__(self) -> None:
        self.members: set[tuple[str, int]] = set()
        self.tasks: dict[int, tuple[int, str]] = {}
        self.allowed: dict[str, set[str]] = {person: set() for person in PEOPLE}
        self._count = 0

    def new_marker(self) -> str:
        self._count += 1
        return f'marker-{self._count}'

    def shown(self, person: str, project: int) -> dict[int, str]:
        """Return the titles that a person may read of a project."""
        if (person, project) not in self.members:
            return {}
        return {task_id: title for task_id, (place, title) in self.tasks.items() if place == project}

    def note(self) -> None:
        """Note what everybody may read now. Call it before others can hear of a change, and after each."""
        for person, allowed in self.allowed.items():
            for project in PROJECTS:
                allowed.update(self.shown(person, project).values())


class Copy:
    """A browser's copy of a project, kept as the browser's store keeps it."""

    def __init__(self) -> None:
        self.titles: dict[int, str] = {}
        self.version: Any = None
        self.is_refused = False
        self.asks = False

    def take(self, message: dict[str, Any]) -> bool:
        """Take a message; return whether it can be taken."""
        version = message['version']
        if 'scoped_tasks' in message:
            if self.version is None or 'replaces' in message or version[0] > self.version[0]:
                self.titles = {row['id']: row['title'] for row in message['scoped_tasks']}
                self.version = version
        elif version == self.version:
            pass
        elif message['base'] == self.version:
            self.titles |= {row['id']: row['title'] for row in message['put']}
            for task_id in message['del']:
                self.titles.pop(task_id, None)
            self.version = version
        else:
            return False
        return True

    def refuse(self) -> None:
        self.titles, self.version = {}, None
        self.is_refused, self.asks = True, False


class Person:
    """Somebody with a browser, of which everything that it is sent is held against the model."""

    def __init__(self, name: str, server: RunningServer, model: Model) -> None:
        self.name = name
        self.copies = {project: Copy() for project in PROJECTS}
        self.leaks: list[str] = []
        self.browser = LightBrowser(server.url, self._receive, user=name)
        self._model = model
        self._asking: set[asyncio.Task[Any]] = set()
        self._queue, self._number = secrets.token_hex(16), 0
        self._socket: LightSocket

    async def open(self) -> None:
        self._socket = await self.browser.open(PATH, stream='scoped_tasks', scopes=())
        for project in PROJECTS:
            self.ask(project)

    async def load(self) -> None:
        """Load a page more, and look at its text."""
        page = await self.browser.load(PATH)
        self._look(page.html, 'a page')

    def ask(self, project: int) -> None:
        """Ask for a project, once until that is answered."""
        copy = self.copies[project]
        if copy.asks:
            return
        copy.asks, copy.is_refused = True, False
        task = asyncio.create_task(self._ask(project, copy))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, project: int, copy: Copy) -> None:
        answer = await self._socket.call(
            'todosync_fetch', {'stream': 'scoped_tasks', 'scope': project, 'version': copy.version}
        )
        if not answer['ok'] and copy.asks:  # no page of the process shows it
            copy.refuse()

    async def rename(self, task_id: int, title: str) -> str:
        """Write as a browser does, and return what became of it."""
        self._number += 1
        write = {'sequence': self._number, 'stream': 'scoped_tasks', 'action': 'update', 'id': task_id}
        writes = [{**write, 'values': {'title': title}}]
        batch = {'queue': self._queue, 'person': person_key(self.name), 'confirmed': 0, 'writes': writes}
        answer = await self._socket.call('todosync_write', batch)
        self._look(orjson.dumps(answer).decode(), 'an answer')
        return str(answer['outcomes'][0]['state'])

    def agrees(self) -> bool:
        """Return whether the browser holds all that the person may read, and nothing else."""
        for project, copy in self.copies.items():
            is_member = (self.name, project) in self._model.members
            if copy.is_refused and is_member:
                self.ask(project)  # as its page has it do
            if copy.is_refused == is_member or copy.titles != self._model.shown(self.name, project):
                return False
        return True

    def _receive(self, event: str, data: Any, at: float, size: int) -> None:
        self._look(orjson.dumps(data).decode(), event)
        if event not in ('todosync_data', 'todosync_answer') or 'scope' not in data:
            return
        copy = self.copies[data['scope']]
        if 'refused' in data:
            copy.refuse()
        elif copy.is_refused:
            self.leaks.append(f'{self.name} got {data} after the refusal')
        else:
            if event == 'todosync_answer':
                copy.asks = False
            if 'ended' in data or not copy.take(data):
                self.ask(data['scope'])

    def _look(self, sent: str, where: str) -> None:
        forbidden = set(MARKER.findall(sent)) - self._model.allowed[self.name]
        if forbidden:
            self.leaks.append(f'{self.name} got {sorted(forbidden)} in {where}')


class House:
    """Two processes, and what happens to them and to the model at once.

    :param seed: draws the steps
    """

    def __init__(self, seed: int, servers: list[RunningServer]) -> None:
        self._random = random.Random(seed)
        self._server = servers[0]
        self.model = Model()
        self.people = [Person(name, servers[n % len(servers)], self.model) for n, name in enumerate(PEOPLE)]
        self._actions: list[Callable[[], Any]] = [
            *(3 * [self._join]),
            *(3 * [self._revoke]),
            *(3 * [self._move]),
            *(2 * [self._add, self._rename, self._write]),
            self._delete,
            self._load,
            self._swap,
        ]

    async def step(self) -> None:
        await self._random.choice(self._actions)()
        self.model.note()
        await asyncio.sleep(self._random.uniform(0, PAUSE_MAX))

    async def settle(self) -> None:
        """Wait until everybody has all that they may read."""
        await until(
            lambda: all(person.agrees() for person in self.people) or any(person.leaks for person in self.people)
        )
        assert [leak for person in self.people for leak in person.leaks] == []

    async def _join(self) -> None:
        person, project = self._random.choice(self.people), self._random.choice(PROJECTS)
        if (person.name, project) in self.model.members:
            return
        self.model.members.add((person.name, project))
        self.model.note()
        await self._execute('INSERT INTO project_members(person, project_id) VALUES (:p, :s)', p=person.name, s=project)
        person.ask(project)

    async def _revoke(self) -> None:
        if not self.model.members:
            return
        name, project = self._random.choice(sorted(self.model.members))
        self.model.members.discard((name, project))
        await self._execute('DELETE FROM project_members WHERE person = :p AND project_id = :s', p=name, s=project)

    async def _swap(self) -> None:
        """Give a place to somebody else, and write to it, in one transaction."""
        if not self.model.members or not self.model.tasks:
            return
        name, project = self._random.choice(sorted(self.model.members))
        task_id = self._random.choice(sorted(self.model.tasks))
        title = self.model.new_marker()
        self.model.members.discard((name, project))
        self.model.tasks[task_id] = project, title
        self.model.note()
        await self._execute(
            'DELETE FROM project_members WHERE person = :p AND project_id = :s',
            'UPDATE scoped_tasks SET project_id = :s, title = :t WHERE id = :i',
            p=name,
            s=project,
            t=title,
            i=task_id,
        )

    async def _add(self) -> None:
        task_id, project, title = make_id(), self._random.choice(PROJECTS), self.model.new_marker()
        self.model.tasks[task_id] = project, title
        self.model.note()
        statement = 'INSERT INTO scoped_tasks(id, project_id, title, done) VALUES (:i, :s, :t, false)'
        await self._execute(statement, i=task_id, s=project, t=title)

    async def _rename(self) -> None:
        if task_id := self._any_task():
            title = self.model.new_marker()
            self.model.tasks[task_id] = self.model.tasks[task_id][0], title
            self.model.note()
            await self._execute('UPDATE scoped_tasks SET title = :t WHERE id = :i', t=title, i=task_id)

    async def _move(self) -> None:
        if task_id := self._any_task():
            project = self._random.choice(PROJECTS)
            self.model.tasks[task_id] = project, self.model.tasks[task_id][1]
            self.model.note()
            await self._execute('UPDATE scoped_tasks SET project_id = :s WHERE id = :i', s=project, i=task_id)

    async def _delete(self) -> None:
        if task_id := self._any_task():
            del self.model.tasks[task_id]
            await self._execute('DELETE FROM scoped_tasks WHERE id = :i', i=task_id)

    async def _write(self) -> None:
        """Have somebody write to a task as a browser does, whether or not they may."""
        person, task_id = self._random.choice(self.people), self._any_task()
        if task_id is None:
            return
        project, title = self.model.tasks[task_id][0], self.model.new_marker()
        may = (person.name, project) in self.model.members
        before = self.model.tasks[task_id]
        if may:
            self.model.tasks[task_id] = project, title
            self.model.note()
        state = await person.rename(task_id, title)
        assert state == ('done' if may else 'refused'), (person.name, before, state)

    async def _load(self) -> None:
        await self._random.choice(self.people).load()

    def _any_task(self) -> int | None:
        return self._random.choice(sorted(self.model.tasks)) if self.model.tasks else None

    async def _execute(self, *statements: str, **values: Any) -> None:
        """Have another program do this, in one transaction."""

        def run() -> None:
            with other_program(self._server.database_url) as connection:
                for statement in statements:
                    connection.execute(text(statement), values)

        await asyncio.to_thread(run)


@pytest.fixture
def servers(tmp_path: Path, database_url: str) -> Iterator[list[RunningServer]]:
    main = ROOT / 'tests' / 'apps' / 'scopes.py'
    with running_server(tmp_path / 'storage', main=main, ENV='production', DATABASE_URL=database_url) as server:
        other = neighbour_of(server)
        other.command = server.command
        other.start()
        try:
            yield [server, other]
        finally:
            other.stop()


async def test_nobody_is_ever_sent_what_they_may_not_read(servers: list[RunningServer]) -> None:
    seed = int(os.environ.get('RIGHTS_SEED', random.randrange(10**6)))
    print(f'RIGHTS_SEED={seed}')  # noqa: T201
    house = House(seed, servers)
    async with AsyncExitStack() as stack:
        for person in house.people:
            stack.push_async_callback(person.browser.close)
            await person.open()
        for step in range(1, STEPS + 1):
            await house.step()
            if step % STEPS_BETWEEN_CHECKS == 0:
                await house.settle()
        await house.settle()
