"""A stream with scopes and rights: what a change costs, and whom it reaches."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.light_browser import LightBrowser
from tests.server import ROOT, RunningServer

from .cost import FLAT, SETTLE, held_memory
from .load import RemoteLoad, load
from .processes import cpu_seconds
from .report import Chapter, Figure, median, ms, size

APP = ROOT / 'benchmarks' / 'apps' / 'rights.py'
BROWSERS, SCOPES = 1000, 100
COUNTS = (1, 10, 100, 1000)
"""Of scopes, each with a user of its own."""


async def measure(short: bool) -> Chapter:
    """Measure changes by the number of scopes and users, the memory of a scope, and whom changes reach."""
    browsers, scopes, counts, rounds = (20, 4, (1, 4), 2) if short else (BROWSERS, SCOPES, COUNTS, 15)
    costs = await changes_in_turns(counts, rounds)
    async with serving_scopes(browsers, scopes) as server, load(server.url) as crowd:
        await crowd.call('open_members', count=browsers, scopes=scopes)
        await crowd.call('forget_news')
        for scope in range(1, scopes + 1):
            await change(server, scope)
        received = await crowd.call('members_reached', expected=browsers)
    memory = await memory_of_scopes(10 if short else 300)
    numbers = ' / '.join(f'{count:,}' for count in counts)
    return Chapter(
        'Scopes and rights',
        'Processor time of the server for one change, made by another program, with so many scopes. Each is watched by '
        'a browser of its own user, who is a member of it; the servers take turns. *Reached*: one change in each of '
        f'{scopes} scopes, which {browsers:,} users of {browsers:,} browsers are members of, one scope each. '
        '*Memory*: of one page that shows many scopes, by the scope.',
        [
            Figure(
                f'CPU of a change, {numbers} scopes and users',
                ' / '.join(ms(median(costs[count])) for count in counts),
                '',
                'flat within 20 %',
                median(costs[counts[-1]]) <= FLAT * median(costs[counts[0]]),
            ),
            Figure(
                f'messages for {browsers:,} browsers / to others than members',
                f'{received["members"]} / {received["others"]}',
                f'to everybody: {browsers * scopes:,}',
                f'{browsers} / 0',
                (received['members'], received['others']) == (browsers, 0),
            ),
            Figure('memory per watched scope', size(memory), 'with its list and its other elements in the page'),
        ],
    )


@asynccontextmanager
async def serving_scopes(users: int, scopes: int) -> AsyncIterator[RunningServer]:
    """Run an app with so many scopes of a task each, of which each user is a member of one."""
    with tempfile.TemporaryDirectory(prefix='todosync-benchmark-') as directory:
        server = RunningServer(Path(directory) / 'storage', main=APP)
        await asyncio.to_thread(server.start)
        try:
            await asyncio.to_thread(_fill, server, users, scopes)
            yield server
        finally:
            await asyncio.to_thread(server.stop)


def _fill(server: RunningServer, users: int, scopes: int) -> None:
    tasks = [{'i': scope, 's': scope} for scope in range(1, scopes + 1)]
    server.execute("INSERT INTO scoped_tasks(id, project_id, title, done) VALUES (:i, :s, 'Buy milk', false)", *tasks)
    members = [{'p': f'user {n}', 's': n % scopes + 1} for n in range(users)]
    server.execute('INSERT INTO project_members(person, project_id) VALUES (:p, :s)', *members)


async def change(server: RunningServer, scope: int) -> None:
    """Have another program change the task of a scope."""
    await asyncio.to_thread(server.execute, f'UPDATE scoped_tasks SET done = NOT done WHERE id = {scope}')


async def changes_in_turns(counts: tuple[int, ...], rounds: int) -> dict[int, list[float]]:
    """Return the processor time of changes, by the number of scopes and users."""
    async with AsyncExitStack() as stack:
        servers: dict[int, tuple[RunningServer, RemoteLoad]] = {}
        for count in counts:
            server = await stack.enter_async_context(serving_scopes(count, count))
            browsers = await stack.enter_async_context(load(server.url))
            await browsers.call('open_members', count=count, scopes=count)
            servers[count] = server, browsers
        costs: dict[int, list[float]] = {count: [] for count in counts}
        for _ in range(rounds):
            for count, (server, browsers) in servers.items():
                costs[count].append(await _cpu_of_change(server, browsers))
    return costs


async def _cpu_of_change(server: RunningServer, browsers: RemoteLoad) -> float:
    """Return the processor time of a change, less what the server does when idle for as long."""
    await browsers.call('forget_news')
    idle = cpu_seconds(server.pid)
    await asyncio.sleep(2 * SETTLE)
    before = cpu_seconds(server.pid)
    await change(server, 1)
    await browsers.call('members_reached', expected=1)
    await asyncio.sleep(SETTLE)
    return cpu_seconds(server.pid) - before - (before - idle)


async def memory_of_scopes(count: int) -> float:
    """Return the memory of a scope that a page shows beside many others."""
    async with serving_scopes(1, count) as server:
        members = [{'p': 'Ann', 's': scope} for scope in range(1, count + 1)]
        insert = 'INSERT INTO project_members(person, project_id) VALUES (:p, :s)'
        await asyncio.to_thread(server.execute, insert, *members)
        browser = LightBrowser(server.url, user='Ann')
        await browser.open('/1', stream='scoped_tasks', scopes=(1,))
        before = await held_memory(server)
        scopes = range(1, count + 1)
        await browser.open('/' + ','.join(map(str, scopes)), stream='scoped_tasks', scopes=scopes)
        after = await held_memory(server)
        await browser.close()
    return (after - before) / count
