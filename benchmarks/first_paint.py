"""The first visit, over a slow connection."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from playwright.async_api import BrowserContext, Page

from tests.server import RunningServer

from .report import Chapter, Figure, median, ms, size
from .screen import chromium
from .servers import serving_plain, serving_todos

TODOS = 1000
FAST_4G = {
    'offline': False,
    'latency': 60 * 2.75,
    'downloadThroughput': 9e6 / 8 * 0.9,
    'uploadThroughput': 1.5e6 / 8 * 0.9,
}
"""The values of "Fast 4G" in Chromium's developer tools: 9 Mbit/s down, 1.5 Mbit/s up, 165 ms for a request."""
VISIT_TIMEOUT = 120_000.0
LARGEST = 6
OF_PLAIN = 0.75


class Visit:
    """What a first visit took."""

    def __init__(self) -> None:
        self.painted = 0.0
        self.shown = 0.0
        self.usable = 0.0
        self.requests = 0
        self.received: defaultdict[str, float] = defaultdict(float)

    @property
    def total(self) -> float:
        """Bytes of all requests, as they travelled."""
        return sum(self.received.values())


async def measure(short: bool) -> Chapter:
    """Measure first visits."""
    rounds, count = (1, 10) if short else (5, TODOS)
    async with serving_todos(count) as server:
        ours = [await visit(server, '.todo', '() => window.todosync?.status.connected') for _ in range(rounds)]
    async with serving_plain(count) as server:
        plain = [await visit(server, '.q-checkbox', '() => window.did_handshake') for _ in range(rounds)]
    largest = sorted(ours[0].received.items(), key=lambda item: -item[1])[:LARGEST]
    return Chapter(
        f'First visit with {count:,} todos over Fast 4G',
        f'Chromium with an empty cache, throttled to 9 Mbit/s down, 1.5 up and 165 ms for a request. *Shown*: the '
        f'first rows are in the document. *Usable*: and the page is connected. Medians of {rounds}. The largest parts: '
        + ', '.join(f'`{name}` {size(count)}' for name, count in largest)
        + '.',
        [
            _figure('first paint', ours, plain, 'painted'),
            _figure('shown', ours, plain, 'shown'),
            _figure('usable', ours, plain, 'usable'),
            Figure(
                'bytes / requests',
                f'{size(median(one.total for one in ours))} / {ours[0].requests}',
                f'plain NiceGUI {size(median(one.total for one in plain))} / {plain[0].requests}',
            ),
        ],
    )


async def visit(server: RunningServer, row: str, connected: str) -> Visit:
    """Visit the page with a fresh browser."""
    visit = Visit()
    async with chromium() as context:
        page = await context.new_page()
        await _throttle(context, page, visit)
        await page.goto(server.url, wait_until='commit', timeout=VISIT_TIMEOUT)
        await page.wait_for_selector(row, timeout=VISIT_TIMEOUT)
        visit.shown = await _now(page)
        await page.wait_for_function(connected, timeout=VISIT_TIMEOUT)
        visit.usable = await _now(page)
        visit.painted = await page.evaluate(
            "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime / 1000"
        )
    return visit


async def _throttle(context: BrowserContext, page: Page, visit: Visit) -> None:
    session = await context.new_cdp_session(page)
    urls: dict[str, str] = {}

    def note_request(event: dict[str, Any]) -> None:
        urls[event['requestId']] = event['request']['url']
        visit.requests += 1

    def note_end(event: dict[str, Any]) -> None:
        name = urls.get(event['requestId'], '').partition('?')[0].rpartition('/')[2]
        visit.received[name or 'the page'] += event['encodedDataLength']

    session.on('Network.requestWillBeSent', note_request)
    session.on('Network.loadingFinished', note_end)
    await session.send('Network.enable')
    await session.send('Network.emulateNetworkConditions', FAST_4G)


async def _now(page: Page) -> float:
    return float(await page.evaluate('() => performance.now() / 1000'))


def _figure(name: str, ours: list[Visit], plain: list[Visit], moment: str) -> Figure:
    measured, against = (median(getattr(one, moment) for one in visits) for visits in (ours, plain))
    return Figure(
        name, ms(measured), f'plain NiceGUI {ms(against)}', f'{OF_PLAIN} of plain', measured < OF_PLAIN * against
    )
