"""One change to a thousand browsers."""

from __future__ import annotations

from typing import Any

from .load import RemoteLoad, load
from .report import Chapter, Figure, median, ms, us
from .servers import post, serving

BROWSERS = 1000
WAYS = ('floor', 'app', 'emit')
TARGET = 2.0
"""The allowed ratio of the app's cost to that of the floor."""


async def measure(short: bool) -> Chapter:
    """Measure the fan-out."""
    browsers, rounds, repeats = (20, 2, 1) if short else (BROWSERS, 5, 5)
    cpu: dict[str, list[float]] = {way: [] for way in WAYS}
    last: dict[str, list[float]] = {way: [] for way in WAYS}
    async with serving('instrumented') as server, load(server.url) as browser_load:
        await post(server, '/benchmark/quiet')
        await browser_load.call('open', count=browsers)
        version = 1
        for _ in range(repeats):
            for way in WAYS:  # in turns, so that other work on the machine slows down all of them alike
                sent = await post(server, f'/benchmark/fanout/{way}', first=version, rounds=rounds)
                cpu[way] += [one['cpu'] / browsers for one in sent]
                arrived = await _last(browser_load, version, rounds)
                last[way] += [at - one['began'] for at, one in zip(arrived, sent, strict=True)]
                version += rounds
    times = {way: median(values) for way, values in cpu.items()}
    delays = {way: median(values) for way, values in last.items()}
    return Chapter(
        f'Fan-out to {browsers} browsers',
        f'The median of {rounds * repeats} messages of the size of one change, sent inside the server in three ways in '
        'turns to the same sockets: *floor* writes a finished frame to each transport, *app* is the fan-out of the '
        'channels, `sio.emit` goes to a room. Processor time of the event loop until all is written, less that of an '
        'idle interval of the same length; time until a load process has received it on the last socket.',
        [
            _figure('server CPU per browser', times, us),
            _figure('time to the last browser', delays, ms),
        ],
    )


async def _last(browser_load: RemoteLoad, version: int, rounds: int) -> list[float]:
    return [await browser_load.call('arrival', version=version + number) for number in range(rounds)]


def _figure(name: str, values: dict[str, float], unit: Any) -> Figure:
    factor = values['app'] / values['floor']
    return Figure(
        name,
        f'{unit(values["app"])} ({factor:.1f} times the floor)',
        f'floor {unit(values["floor"])}, `sio.emit` {unit(values["emit"])}',
        f'{TARGET:g} times the floor',
        factor <= TARGET,
    )
