"""What a person sees: five tabs of a real Chromium."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import BrowserContext, Page, WebSocket, async_playwright

from tests.e2e.browser import ARGUMENTS, CHROMIUM
from tests.server import RunningServer

from .report import Chapter, Figure, median, ms, percentile
from .servers import post, serving, serving_plain, serving_todos

TABS = 5
SETTLED = 0.5
"""Seconds to wait until the tabs have done all their work."""
FLOOR = ['#socket', '', '', '', '']
"""The first of the windows of the floor holds the socket."""
OF_FLOOR = 2.25
"""How many times what the browser itself takes the change may take."""
FLAT = 1.2
"""The allowed ratio of the cost of a change with the longest list to that with the shortest."""
WATCH = """
window.seen = {};
const now = () => (performance.timeOrigin + performance.now()) / 1000;
new MutationObserver((rows) => {
  for (const { target, addedNodes } of rows) {
    for (const node of [target, ...addedNodes]) {
      for (const [marker] of (node.textContent ?? '').matchAll(/painted-\\d+/g)) {
        if (marker in seen) continue;
        const times = (seen[marker] = { rendered: now() });
        // the callback comes before the frame is painted, the task that it leaves behind after
        requestAnimationFrame(() => setTimeout(() => (times.painted = now())));
      }
    }
  }
}).observe(document, { subtree: true, childList: true, characterData: true });
"""
NOTE_LEAD = """
() => {
  const { status } = window.todosync;
  Vue.watchSyncEffect(() => {
    if (status.role === 'leader' && status.connected) window.ledAt ??= Date.now() / 1000;
  });
}
"""
CHANGE = """
async (rounds) => {
  const { tab, stream } = todosync;
  const relay = tab.relays.find((relay) => "streams" in relay.versions());
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const { items, totals } = stream('todos');
    const base = relay.store.stream('todos').version;
    const put = [{ ...items[3], completed: !items[3].completed }];
    const began = performance.now();
    const changed = { put, del: [], totals: { ...totals, heading: `${round}` } };
    relay.fromServer('todosync_data', { stream: 'todos', base, version: [base[0] + 1, 'mark'], ...changed });
    await Vue.nextTick();
    times.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return times.sort((a, b) => a - b)[Math.floor(rounds / 2)] / 1000;
}
"""


@asynccontextmanager
async def chromium() -> AsyncIterator[BrowserContext]:
    """Start a Chromium with an empty profile."""
    async with async_playwright() as playwright:
        with tempfile.TemporaryDirectory(prefix='todosync-benchmark-') as profile:
            context = await playwright.chromium.launch_persistent_context(
                profile, executable_path=CHROMIUM, args=ARGUMENTS
            )
            await context.add_init_script(WATCH)
            yield context
            await context.close()


async def measure(short: bool) -> Chapter:
    """Measure five tabs."""
    rounds = 5 if short else 200
    async with serving('instrumented') as server, chromium() as context:
        path = f'/benchmark/renames/{server.add("Buy milk")["id"]}'
        sockets = note_sockets(context)
        tabs = [await open_tab(context, server.url) for _ in range(TABS)]
        in_browser, on_server = len(sockets), server.connections()['sockets']
        rendered, painted = await commit_to_painted(server, tabs, path, rounds=rounds, floor=False)
        taken_over = [await take_over(context, server, tabs) for _ in range(1 if short else 10)]
        for tab in tabs:
            await tab.close()
        windows = [await open_window(context, f'{server.url}/benchmark/floor{part}') for part in FLOOR]
        _, floor = await commit_to_painted(server, windows, path, rounds=rounds, floor=True)
    plain_sockets = await sockets_of_plain()
    counts = [10, 100] if short else [100, 1_000, 10_000, 100_000]
    changes = [await change_in_browser(count, rounds=5 if short else 300) for count in counts]
    return Chapter(
        'Five tabs of one browser',
        'Chromium, five tabs in a window each, so that all of them are visible and painted 60 times a second. '
        'The server makes the changes by itself, and nobody looks at the tabs meanwhile. '
        '*Rendered*: from the commit in the server until the last of the five documents has the change, by its own '
        'clock. *Painted*: until after the frame that shows it; the floor is a page of one line, which sets its text '
        'when a bare WebSocket or BroadcastChannel brings it. *Take-over*: from the order to close the leading tab '
        'until another one leads and is connected. *A change in a tab*: from the arrival of a delta in a tab '
        'until everything is rendered.',
        [
            Figure(
                'WebSockets in the browser / on the server',
                f'{in_browser} / {on_server}',
                f'plain NiceGUI: {plain_sockets}',
                '1',
                (in_browser, on_server) == (1, 1),
            ),
            Figure(
                'commit to rendered in all five, p50 / p99',
                f'{ms(median(rendered))} / {ms(percentile(rendered, 99))}',
                'the original: 110 ms',
                '30 ms',
                median(rendered) < 0.03,
            ),
            Figure(
                'commit to painted in all five, p50 / p99',
                f'{ms(median(painted))} / {ms(percentile(painted, 99))}',
                f'floor {ms(median(floor))} / {ms(percentile(floor, 99))}',
                f'{OF_FLOOR} times the floor',
                median(painted) < OF_FLOOR * median(floor)
                and percentile(painted, 99) < OF_FLOOR * percentile(floor, 99),
            ),
            Figure(
                'take-over, leader closed, p50 / longest',
                f'{ms(median(taken_over))} / {ms(max(taken_over))}',
                'the original: 5 s',
                '100 ms',
                median(taken_over) < 0.1,
            ),
            Figure(
                'a change in a tab, ' + ' / '.join(f'{count:,}' for count in counts),
                ' / '.join(ms(change) for change in changes),
                '',
                'flat within 20 %',
                changes[-1] <= FLAT * changes[0],
            ),
        ],
    )


def note_sockets(context: BrowserContext) -> list[WebSocket]:
    """Return a list to which each WebSocket is added that the browser opens."""
    sockets: list[WebSocket] = []
    context.on('page', lambda page: page.on('websocket', lambda socket: sockets.append(socket)))  # noqa: PLW0108 - playwright sets an attribute on it
    return sockets


async def open_tab(context: BrowserContext, url: str) -> Page:
    """Open the app, in a window of its own."""
    page = await open_window(context, url)
    await page.wait_for_function('() => window.todosync?.status.connected')
    await page.evaluate(NOTE_LEAD)
    return page


async def open_window(context: BrowserContext, url: str) -> Page:
    """Open a page in a window of its own, because a headless Chromium paints only the front tab of a window."""
    session = await context.new_cdp_session(context.pages[0])
    async with context.expect_page() as opened:
        await session.send('Target.createTarget', {'url': 'about:blank', 'newWindow': True})
    page = await opened.value
    await page.goto(url)
    return page


async def commit_to_painted(
    server: RunningServer, tabs: list[Page], path: str, *, rounds: int, floor: bool
) -> tuple[list[float], list[float]]:
    """Return for each of some changes how long the slowest tab took to render, and to paint it.

    The server makes the changes by itself, and the tabs are asked when all are done: measuring takes no part in them.

    :param floor: whether the tabs show the floor
    """
    commits = await post(server, path, rounds=rounds, floor=floor)
    titles = list(commits)
    seen = [await times_of(tab, titles[-1]) for tab in tabs]
    rendered, painted = (
        [max(shown_at(titles[n:], times, kind) for times in seen) - commits[title] for n, title in enumerate(titles)]
        for kind in ('rendered', 'painted')
    )
    return rendered, painted


async def times_of(tab: Page, last_title: str) -> dict[str, dict[str, float]]:
    """Wait until a tab has painted the last title, and return when it has rendered and painted each that it saw."""
    while True:
        await asyncio.sleep(SETTLED)
        seen: dict[str, dict[str, float]] = await tab.evaluate('() => seen')
        if 'painted' in seen.get(last_title, {}):
            return seen


def shown_at(titles: list[str], times: dict[str, dict[str, float]], kind: str) -> float:
    """Return the time at which the first of these titles was shown. A slow tab may skip a title and show the next."""
    return min(times[title][kind] for title in titles if title in times)


async def change_in_browser(count: int, rounds: int) -> float:
    """Return how long a tab with so many todos takes for one change."""
    async with serving_todos(count) as server, chromium() as context:
        tab = await open_tab(context, server.url)
        await tab.wait_for_function('(count) => todosync.stream("todos").items.length === count', arg=count)
        await tab.evaluate(CHANGE, rounds // 3)  # the browser compiles the code meanwhile
        return float(await tab.evaluate(CHANGE, rounds))


async def take_over(context: BrowserContext, server: RunningServer, tabs: list[Page]) -> float:
    """Close the leading tab, and return how long it took until another one led. Opens a new tab in its place."""
    roles = [await tab.evaluate('() => window.todosync.status.role') for tab in tabs]
    leader = tabs.pop(roles.index('leader'))
    await asyncio.sleep(SETTLED)
    began = time.time()
    await leader.close()
    led_at = None
    while led_at is None:
        await asyncio.sleep(SETTLED)
        led_at = next(filter(None, [await tab.evaluate('() => window.ledAt') for tab in tabs]), None)
    tabs.append(await open_tab(context, server.url))
    return float(led_at) - began


async def sockets_of_plain() -> int:
    async with serving_plain(count=1) as server, chromium() as context:
        sockets = note_sockets(context)
        for _ in range(TABS):
            page = await context.new_page()
            await page.goto(server.url)
            await page.wait_for_function('() => window.did_handshake')
    return len(sockets)
