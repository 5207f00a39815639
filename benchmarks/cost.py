"""What a page, a tab and a change cost the server, with lists of different lengths."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from itertools import product
from typing import Any

from tests.light_browser import LightBrowser
from tests.server import RunningServer

from .load import RemoteLoad, load
from .processes import cpu_seconds, memory_bytes
from .report import Chapter, Figure, median, ms, size, us
from .servers import post, serving_plain, serving_todos

SETTLE = 0.15
"""Seconds to wait until all work in the server has ended."""
PATIENCE = 60.0
"""Seconds that a change to a long list may take in plain NiceGUI."""
FLAT = 1.2
"""The allowed ratio of the cost of a change with the longest list to that with the shortest."""
BYTES_LIMIT = 330
"""For a delta of one todo. 49 of its bytes keep it from being wrong: the marks of two versions, and an id of 16 digits
that is never used again."""


async def measure(short: bool) -> Chapter:
    """Measure pages, tabs and changes."""
    counts = [10, 100] if short else [100, 1_000, 10_000, 100_000]
    rounds = 2 if short else 15
    tabs = 3 if short else 200
    figures: list[Figure] = []
    plain_changes = []
    plain_page = 0.0
    for count in counts:
        plain = await measure_plain(count, 1 if short or count > 100 else 5) if count <= 1_000 else None
        if plain:
            plain_changes.append(plain.toggle_cpu)
        async with serving_todos(count, TABS_PER_SOCKET=tabs) as server, load(server.url) as one_browser:
            if plain and not plain_page:
                plain_page = plain.page
            if count <= 10_000:
                page = await page_cpu(server, rounds)
                limit = 0.4 if count <= 1_000 else 0.8
                figures.append(
                    Figure(
                        f'page request, CPU, {count:,} todos',
                        ms(page),
                        f'plain NiceGUI {ms(plain.page)}' if plain else '',
                        f'{limit:g} of plain NiceGUI with {counts[0]:,}',
                        page < limit * plain_page,
                    )
                )
            await one_browser.call('open', count=1)
            make = Changes(server, one_browser)
            sent = (await make.toggle(), await make.add())
            figures.append(
                Figure(
                    f'bytes for one toggle / add, {count:,} todos',
                    f'{size(sent[0])} / {size(sent[1])}',
                    f'refreshable {size(plain.toggle_bytes)} / {size(plain.add_bytes)}' if plain else '',
                    f'{BYTES_LIMIT} B',
                    max(sent) < BYTES_LIMIT,
                )
            )
            before = await held_memory(server)
            await one_browser.call('follow', count=tabs)
            memory = (await held_memory(server) - before) / tabs
            figures.append(
                Figure(
                    f'memory per additional tab, {count:,} todos',
                    size(memory),
                    f'plain NiceGUI {size(plain.memory)}' if plain else '',
                    '400 kB',
                    memory < 400e3,
                )
            )
    changes = await changes_in_turns(counts, [0, tabs], rounds)
    alone = [median(changes[count, 0]) for count in counts]
    per_tab = [
        median(more - one for one, more in zip(changes[count, 0], changes[count, tabs], strict=True)) / tabs
        for count in counts
    ]
    lengths = ' / '.join(f'{count:,}' for count in counts)
    figures += [
        Figure(
            f'CPU of a change per additional tab, {lengths}',
            ' / '.join(us(cpu) for cpu in per_tab),
            f'plain NiceGUI {" / ".join(ms(cpu) for cpu in plain_changes)}',
            '20 µs',
            max(per_tab) < 20e-6,
        ),
        Figure(
            f'CPU of a change, {lengths}',
            ' / '.join(ms(cpu) for cpu in alone),
            '',
            'flat within 20 %',
            alone[-1] <= FLAT * alone[0],
        ),
    ]
    return Chapter(
        'What a page, a tab and a change cost the server',
        'Processor time of the whole server process. *Page request*: medians of requests in a row. *Bytes*: what the '
        "browser's only socket receives, frame headers included, not compressed. *A change*: one todo toggled over "
        'REST, from the request to the broadcast, with one browser connected; servers with lists of all lengths, and '
        "with one tab and more, take turns. *Additional tabs* are carried by the first tab's socket "
        f'({tabs} of them). *Plain NiceGUI*: a row of checkbox, label and button for each todo, in a '
        '`ui.refreshable`, one tab per browser.',
        figures,
    )


async def changes_in_turns(
    counts: Sequence[int], additional_tabs: Sequence[int], rounds: int
) -> dict[tuple[int, int], list[float]]:
    """Measure changes with lists of all lengths and so many tabs more than one.

    What else the machine does falls on all alike.

    :return: the processor time of each change, by the number of todos and of additional tabs
    """
    async with AsyncExitStack() as stack:
        make: dict[tuple[int, int], Changes] = {}
        for count, tabs in product(counts, additional_tabs):
            server = await stack.enter_async_context(serving_todos(count, TABS_PER_SOCKET=max(additional_tabs)))
            browser = await stack.enter_async_context(load(server.url))
            await browser.call('open', count=1)
            await browser.call('follow', count=tabs)
            make[count, tabs] = Changes(server, browser)
        times = [{which: await changes.toggle_cpu(1) for which, changes in make.items()} for _ in range(rounds)]
    return {which: [time[which] for time in times] for which in make}


async def held_memory(server: RunningServer) -> int:
    """Return the memory of a server after a garbage collection."""
    await post(server, '/benchmark/counts')
    return memory_bytes(server.pid)


async def page_cpu(server: RunningServer, rounds: int) -> float:
    """Return the processor time of a page request."""
    browser = LightBrowser(server.url)
    times = await cpu_of(server, browser.load, rounds + 3)
    await browser.close()
    return median(times[3:])


async def cpu_of(server: RunningServer, work: Callable[[], Awaitable[object]], rounds: int) -> list[float]:
    times = []
    for _ in range(rounds):
        before = cpu_seconds(server.pid)
        await work()
        times.append(cpu_seconds(server.pid) - before)
    return times


class Changes:
    """Changes made over REST, one after the other.

    :param browsers: who gets to know of them
    """

    def __init__(self, server: RunningServer, browsers: RemoteLoad) -> None:
        self._server = server
        self._browsers = browsers
        self._completed = False

    async def toggle(self) -> int:
        """Toggle a todo, wait until all browsers know, and return how many bytes one of them received."""
        self._completed = not self._completed
        return await self._request('PATCH', '/todos/1', {'completed': self._completed})

    async def add(self) -> int:
        """Add a todo, wait until all browsers know, and return how many bytes one of them received."""
        return await self._request('POST', '/todos', {'title': 'Buy milk'})

    async def toggle_cpu(self, rounds: int) -> float:
        """Return the server's processor time for a toggle, less what it does when idle."""
        times = []
        for _ in range(rounds):
            idle = cpu_seconds(self._server.pid)
            await asyncio.sleep(SETTLE)
            before = cpu_seconds(self._server.pid)
            await self.toggle()
            await asyncio.sleep(SETTLE)
            times.append(cpu_seconds(self._server.pid) - before - (before - idle))
        return median(times)

    async def _request(self, method: str, path: str, todo: dict[str, Any]) -> int:
        await self._browsers.call('forget_news')
        status, answer = await asyncio.to_thread(self._server.request, method, path, {'todo': todo})
        assert status in {200, 201}, answer
        return int((await self._browsers.call('news'))['bytes'])


class Plain:
    """The costs in plain NiceGUI."""

    page: float
    memory: float
    toggle_cpu: float
    toggle_bytes: float
    add_bytes: float


async def measure_plain(count: int, tabs: int) -> Plain:
    """Measure a list in plain NiceGUI."""
    plain = Plain()
    async with serving_plain(count, patience=PATIENCE) as server, load(server.url) as browsers:
        plain.page = await page_cpu(server, 3)
        await browsers.call('open', count=1, stream=None)
        before = memory_bytes(server.pid)
        await browsers.call('open', count=tabs, stream=None)
        plain.memory = (memory_bytes(server.pid) - before) / tabs
        plain.toggle_bytes, cpu = await _plain_change(server, browsers, '/benchmark/toggle', tabs + 1)
        plain.toggle_cpu = cpu
        plain.add_bytes, _ = await _plain_change(server, browsers, '/benchmark/add', tabs + 1)
    return plain


async def _plain_change(server: RunningServer, browsers: RemoteLoad, path: str, tabs: int) -> tuple[float, float]:
    received, before = await browsers.call('received'), cpu_seconds(server.pid)
    await post(server, path)
    async with asyncio.timeout(PATIENCE):
        while (await browsers.call('received')) == received:  # noqa: ASYNC110 - another process cannot set an event
            await asyncio.sleep(SETTLE)
    await asyncio.sleep(3 * SETTLE)
    return ((await browsers.call('received')) - received) / tabs, (cpu_seconds(server.pid) - before) / tabs
