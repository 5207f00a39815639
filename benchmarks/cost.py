"""What a page, a tab and a change cost the server, and how that grows with the list."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from tests.server import RunningServer

from .light_browser import LightBrowser
from .load import RemoteLoad, load
from .processes import cpu_seconds, memory_bytes
from .report import Chapter, Figure, median, ms, size, us
from .servers import post, serving_plain, serving_todos

SETTLE = 0.15
"""Seconds until what was begun is over."""
PATIENCE = 60.0
"""Seconds that a change to a long list may take in plain NiceGUI."""
FLAT = 1.2
"""How much more a change may cost with the longest list than with the shortest."""


async def measure(short: bool) -> Chapter:
    """Measure pages, tabs and changes."""
    counts = [10, 100] if short else [100, 1_000, 10_000, 100_000]
    rounds = 2 if short else 15
    tabs = 3 if short else 40
    figures: list[Figure] = []
    for count in counts:
        plain = await measure_plain(count, 1 if short or count > 100 else 5) if count <= 1_000 else None
        async with serving_todos(count) as server, load(server.url) as one_browser:
            if count <= 10_000:
                page = await page_cpu(server, rounds)
                limit = 0.012 if count <= 1_000 else 0.025
                figures.append(
                    Figure(
                        f'page request, CPU, {count:,} todos',
                        ms(page),
                        f'plain NiceGUI {ms(plain.page)}' if plain else '',
                        ms(limit),
                        page < limit,
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
                    '300 B',
                    max(sent) < 300,
                )
            )
            alone = await make.toggle_cpu(rounds)
            before = memory_bytes(server.pid)
            await one_browser.call('follow', count=tabs)
            memory = (memory_bytes(server.pid) - before) / tabs
            figures.append(
                Figure(
                    f'memory per additional tab, {count:,} todos',
                    size(memory),
                    f'plain NiceGUI {size(plain.memory)}' if plain else '',
                    '400 kB',
                    memory < 400e3,
                )
            )
            with_tabs = await make.toggle_cpu(rounds)
            per_tab = (with_tabs - alone) / tabs
            figures.append(
                Figure(
                    f'CPU of a change per additional tab, {count:,} todos',
                    us(per_tab),
                    f'plain NiceGUI {ms(plain.toggle_cpu)}' if plain else '',
                    '20 µs',
                    per_tab < 20e-6,
                )
            )
    changes = await changes_in_turns(counts, rounds)
    factor = changes[counts[-1]] / changes[counts[0]]
    figures.append(
        Figure(
            'CPU of a change, ' + ' / '.join(f'{count:,}' for count in counts),
            ' / '.join(ms(changes[count]) for count in counts),
            '',
            'flat within 20 %',
            factor <= FLAT,
        )
    )
    return Chapter(
        'What a page, a tab and a change cost the server',
        'Processor time of the whole server process. *Page request*: medians of requests in a row. *Bytes*: what the '
        "browser's only socket receives, frame headers included, not compressed. *A change*: one todo toggled over "
        'REST, from the request to the broadcast, with one browser connected; servers with lists of all lengths take '
        "turns. *Additional tabs* are carried by the first tab's socket "
        f'({tabs} of them). *Plain NiceGUI*: a row of checkbox, label and button for each todo, in a '
        '`ui.refreshable`, one tab per browser.',
        figures,
    )


async def changes_in_turns(counts: list[int], rounds: int) -> dict[int, float]:
    """Return the processor time of a change by the number of todos; what else the machine does falls on all alike."""
    async with AsyncExitStack() as stack:
        make: dict[int, Changes] = {}
        for count in counts:
            server = await stack.enter_async_context(serving_todos(count))
            browsers = await stack.enter_async_context(load(server.url))
            await browsers.call('open', count=1)
            make[count] = Changes(server, browsers)
        times = [{count: await make[count].toggle_cpu(1) for count in counts} for _ in range(rounds)]
    return {count: median(time[count] for time in times) for count in counts}


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
    """What plain NiceGUI takes."""

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
