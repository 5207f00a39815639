"""What a person waits for after a click, near the server and far from it, and after having been offline."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Page

from tests.server import RunningServer

from .long_way import LongWay
from .report import Chapter, Figure, median, ms, percentile
from .screen import chromium, open_tab
from .servers import serving

FRAME = 1 / 60
LATENCIES = (0, 100, 300, 500)
"""In milliseconds."""
OFFLINE_WRITES = 1000
DRAIN_TARGET = 3.0
"""Seconds."""
QUICK_CLICKS = 10
KEEPS_NOTHING = "indexedDB.open = () => { throw new DOMException('no', 'SecurityError'); };"
"""A browser in which each click is an event to a handler in Python, as all were before there were queues."""
LEFT = '.items-left'
FLOOR = """() => {
  const box = Object.assign(document.createElement('input'), { type: 'checkbox', id: 'floor' });
  const left = Object.assign(document.createElement('b'), { id: 'floor-left', textContent: '1 item left' });
  box.onchange = () => (left.textContent = box.checked ? '0 items left' : '1 item left');
  document.body.prepend(box, left);
}"""
ARM = """(left) => {
  const shown = () => document.querySelector(left).textContent;
  const before = shown();
  let clicked;
  addEventListener('click', (event) => (clicked = event.timeStamp), { capture: true, once: true });
  window.painted = new Promise((resolve) => {
    const watch = new MutationObserver(() => {
      if (shown() === before) return;
      watch.disconnect();
      // the callback comes before the frame is painted, the task that it leaves behind after
      requestAnimationFrame(() => setTimeout(() => resolve((performance.now() - clicked) / 1000)));
    });
    watch.observe(document, { subtree: true, childList: true, characterData: true });
  });
}"""
WATCH_FRAMES = """() => {
  window.frames_seen = [];
  const note = () => {
    window.frames_seen.push(document.querySelector('.items-left').textContent);
    requestAnimationFrame(note);
  };
  requestAnimationFrame(note);
}"""
COUNT_CHANGES = '() => frames_seen.filter((shown, frame) => frame > 0 && shown !== frames_seen[frame - 1]).length'
QUEUE = 'todosync.tab.relays.find((relay) => relay.queue).queue'
IS_EMPTY = f'async () => (await {QUEUE}.entries()).length === 0'
WRITE_MANY = """async (count) => {
  const written = [];
  for (let number = 0; number < count; number += 1)
    written.push(todosync.writes.insert('todos', { title: `${number}` }));
  await Promise.all(written.map(({ kept }) => kept));
}"""
DRAIN = f"""async () => {{
  const pause = () => new Promise((resolve) => setTimeout(resolve, 10));
  while (!todosync.status.connected) await pause();
  const began = performance.now();
  while ((await {QUEUE}.entries()).length) await pause();
  return (performance.now() - began) / 1000;
}}"""


async def measure(short: bool) -> Chapter:
    """Measure clicks at several latencies, in the leader and in a follower, and a queue that is sent."""
    rounds, latencies, count = (3, LATENCIES[:2], 60) if short else (60, LATENCIES, OFFLINE_WRITES)
    now: dict[tuple[str, int], list[float]] = {}
    before: dict[int, list[float]] = {}
    floor: list[float] = []
    bounces = 0
    async with serving('instrumented') as server:
        server.add('Buy milk')
        async with LongWay(server) as way:
            async with two_tabs(way.url) as tabs:
                for latency in latencies:
                    way.round_trip = latency / 1000
                    for role, tab in tabs.items():
                        now[role, latency] = [await click(tab, '.todo-checkbox', LEFT) for _ in range(rounds)]
                bounces = await quick_clicks(tabs['follower'])
                await tabs['leader'].evaluate(FLOOR)
                floor = [await click(tabs['leader'], '#floor', '#floor-left') for _ in range(rounds)]
            way.round_trip = 0.0
            async with two_tabs(way.url, keeps_nothing=True) as tabs:
                tab = tabs['leader']
                for latency in latencies:
                    way.round_trip = latency / 1000
                    before[latency] = [await click(tab, '.todo-checkbox', LEFT) for _ in range(min(rounds, 20))]
        seconds = await drain(server, count)
    figures = [
        Figure(
            f'click to painted, {role}, {latency} ms away, p50 / p95',
            f'{ms(median(times))} / {ms(percentile(times, 95))}',
            f'handler in Python {ms(median(before[latency]))}, JavaScript {ms(median(floor))}',
            '2 / 4 frames',
            median(times) <= 2 * FRAME and percentile(times, 95) <= 4 * FRAME,
        )
        for (role, latency), times in now.items()
    ]
    figures += [
        Figure(
            f'{QUICK_CLICKS} quick clicks, {latencies[-1]} ms away: frames that go back',
            str(bounces),
            '',
            '0',
            bounces == 0,
        ),
        Figure(
            f'{count:,} writes that waited offline are sent and done',
            f'{seconds:.2f} s',
            '',
            f'{DRAIN_TARGET:g} s',
            seconds < DRAIN_TARGET,
        ),
    ]
    return Chapter(
        'Clicks, near and far',
        'Chromium, two tabs in a window each, real clicks on a checkbox. *Painted*: from the time of the click, as the '
        'browser has it, until after the frame in which the number of todos that are left has changed. A frame takes '
        '17 ms. The server is so far away. Against: the same click as an event to a handler in Python, and a checkbox '
        'whose line of JavaScript changes a text. *Writes that waited*: from the new connection until the queue is '
        'empty.',
        figures,
    )


@asynccontextmanager
async def two_tabs(url: str, *, keeps_nothing: bool = False) -> AsyncIterator[dict[str, Page]]:
    """Open two tabs in a browser of their own, and return them by role."""
    async with chromium() as context:
        if keeps_nothing:
            await context.add_init_script(KEEPS_NOTHING)
        tabs = [await open_tab(context, url) for _ in range(2)]
        for tab in tabs:
            await tab.wait_for_selector('.todo-checkbox')
        yield {str(await tab.evaluate('todosync.status.role')): tab for tab in tabs}


async def click(tab: Page, box: str, left: str) -> float:
    """Click, and return how many seconds later it was painted. Waits until the click is done."""
    await tab.evaluate(ARM, left)
    await tab.locator(box).first.click()
    seconds = float(await tab.evaluate('painted'))
    if left == LEFT and await tab.evaluate(f'{QUEUE}.isOpen'):
        await tab.wait_for_function(IS_EMPTY)
    return seconds


async def quick_clicks(tab: Page) -> int:
    """Click many times in a row, and return how many frames more than the clicks have changed what is shown."""
    await tab.evaluate(WATCH_FRAMES)
    for _ in range(QUICK_CLICKS):
        await tab.locator('.todo-checkbox').first.click()
    await tab.wait_for_function(IS_EMPTY)
    return max(0, int(await tab.evaluate(COUNT_CHANGES)) - QUICK_CLICKS)


async def drain(server: RunningServer, count: int) -> float:
    """Have a browser without a network write much, and return how long it takes to send it all."""
    async with LongWay(server) as way, chromium() as context:
        tab = await open_tab(context, way.url)
        way.cut()
        await tab.wait_for_function('() => !todosync.status.connected')
        await tab.evaluate(WRITE_MANY, count)
        way.is_cut = False
        return float(await tab.evaluate(DRAIN))
