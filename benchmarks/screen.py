"""What a person sees: five tabs of a real Chromium."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager

from playwright.async_api import BrowserContext, JSHandle, Page, WebSocket, async_playwright

from tests.server import RunningServer

from .report import Chapter, Figure, median, ms, percentile
from .servers import post, serving, serving_plain

TABS = 5
CHROMIUM = shutil.which('chromium') or '/usr/bin/chromium'
ARGUMENTS = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
]
PAUSE = 0.05
"""Seconds between two changes: each is a lone one."""
WATCH = """
window.painted = {};
new MutationObserver((records) => {
  for (const { target, addedNodes } of records) {
    for (const node of [target, ...addedNodes]) {
      for (const [marker] of (node.textContent ?? '').matchAll(/painted-\\d+/g)) {
        if (marker in window.painted) continue;
        window.painted[marker] = 0;
        // the callback comes before the frame is painted, the task that it leaves behind after
        requestAnimationFrame(() => setTimeout(() => {
          window.painted[marker] = (performance.timeOrigin + performance.now()) / 1000;
        }));
      }
    }
  }
}).observe(document, { subtree: true, childList: true, characterData: true });
const poll = setInterval(() => {
  const status = window.todosync?.status;
  if (status?.role !== 'leader' || !status.connected) return;
  window.ledAt = Date.now() / 1000;
  clearInterval(poll);
}, 1);
"""


@asynccontextmanager
async def chromium() -> AsyncIterator[BrowserContext]:
    """Start a Chromium with an empty profile."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = await browser.new_context()
        await context.add_init_script(WATCH)
        yield context
        await browser.close()


async def measure(short: bool) -> Chapter:
    """Measure five tabs."""
    async with serving('instrumented') as server, chromium() as context:
        todo = server.add('Buy milk')
        sockets = note_sockets(context)
        tabs = [await open_tab(context, server) for _ in range(TABS)]
        in_browser, on_server = len(sockets), server.connections()['sockets']
        painted = await commit_to_painted(server, tabs, todo['id'], rounds=5 if short else 200)
        taken_over = [await take_over(context, server, tabs) for _ in range(1 if short else 10)]
    plain_sockets = await sockets_of_plain()
    return Chapter(
        'Five tabs of one browser',
        'Chromium, five visible tabs. *Painted*: from the commit in the server until the last of the five tabs has '
        'shown the change, by its own clock, after the frame. *Take-over*: from the order to close the leading tab '
        'until another one leads and is connected.',
        [
            Figure(
                'WebSockets in the browser / on the server',
                f'{in_browser} / {on_server}',
                f'plain NiceGUI: {plain_sockets}',
                '1',
                (in_browser, on_server) == (1, 1),
            ),
            Figure(
                'commit to painted in all five, p50 / p99',
                f'{ms(median(painted))} / {ms(percentile(painted, 99))}',
                'the original: 110 ms',
                '15 / 50 ms',
                median(painted) < 0.015 and percentile(painted, 99) < 0.05,
            ),
            Figure(
                'take-over, leader closed, p50 / longest',
                f'{ms(median(taken_over))} / {ms(max(taken_over))}',
                'the original: 5 s',
                '100 ms',
                median(taken_over) < 0.1,
            ),
        ],
    )


def note_sockets(context: BrowserContext) -> list[WebSocket]:
    """Return the list of the WebSockets that the browser will have opened."""
    sockets: list[WebSocket] = []
    context.on('page', lambda page: page.on('websocket', lambda socket: sockets.append(socket)))  # noqa: PLW0108 - playwright sets an attribute on it
    return sockets


async def open_tab(context: BrowserContext, server: RunningServer) -> Page:
    page = await context.new_page()
    await page.goto(server.url)
    await page.wait_for_function('() => window.todosync?.status.connected')
    return page


async def commit_to_painted(server: RunningServer, tabs: list[Page], todo_id: int, rounds: int) -> list[float]:
    """Return for each of some changes how long the slowest tab took."""
    times = []
    for number in range(rounds):
        marker = f'painted-{number}'
        answer = await post(server, f'/benchmark/rename/{todo_id}', title=marker)
        shown = [await tab.wait_for_function(f'() => window.painted[{json.dumps(marker)}]') for tab in tabs]
        times.append(max([await handle.json_value() for handle in shown]) - answer['committed_at'])
        await asyncio.sleep(PAUSE)
    return times


async def take_over(context: BrowserContext, server: RunningServer, tabs: list[Page]) -> float:
    """Close the leading tab, and return how long it took until another one led. Opens a new tab in its place."""
    roles = [await tab.evaluate('() => window.todosync.status.role') for tab in tabs]
    leader = tabs.pop(roles.index('leader'))
    began = time.time()
    await leader.close()
    led_at = await first_of([tab.wait_for_function('() => window.ledAt') for tab in tabs])
    tabs.append(await open_tab(context, server))
    return float(await led_at.json_value()) - began


async def first_of(waits: Sequence[Awaitable[JSHandle]]) -> JSHandle:
    """Return what comes first, and wait for nothing else."""
    done, pending = await asyncio.wait(map(asyncio.ensure_future, waits), return_when=asyncio.FIRST_COMPLETED)
    for wait in pending:
        wait.cancel()
    return done.pop().result()


async def sockets_of_plain() -> int:
    async with serving_plain(count=1) as server, chromium() as context:
        sockets = note_sockets(context)
        for _ in range(TABS):
            page = await context.new_page()
            await page.goto(server.url)
            await page.wait_for_function('() => window.did_handshake')
    return len(sockets)
