"""What a connect, a frame and the end of a socket cost, with few and with many others."""

from __future__ import annotations

from .report import Chapter, Figure, us
from .servers import post, serving

COUNTS = (50, 500, 2_000, 5_000)
FLAT = 1.5
"""The allowed ratio of the cost with the most sockets to that with the fewest."""
STOP_TARGET = 5.0
"""Seconds of processor time in which the most sockets must have ended."""

Costs = dict[str, float]


async def measure(short: bool) -> Chapter:
    """Measure the costs of sockets."""
    counts, rounds = ((5, 50), 5) if short else (COUNTS, 100)
    now: dict[int, Costs] = {}
    before: dict[int, Costs] = {}
    async with serving('sockets') as server:
        for count in counts:
            now[count] = await post(server, '/benchmark/sockets', count=count, rounds=rounds, indexed=True)
            before[count] = await post(server, '/benchmark/sockets', count=count, rounds=rounds, indexed=False)
            before[count]['frame'] += before[count]['rooms']
    few, many = counts[0], counts[-1]
    figures = [_figure(step, count, few, now, before) for count in counts[1:] for step in ('connect', 'frame', 'end')]
    end = now[many]['end_of_all']
    figures.append(
        Figure(
            f'end of {many:,} sockets at once',
            f'{end:.2f} s',
            f'about {before[many]["end_of_all"]:.1f} s',
            f'{STOP_TARGET:g} s',
            end < STOP_TARGET,
        )
    )
    return Chapter(
        'Sockets',
        "Processor time inside a server with `share_socket()`, for sockets of NiceGUI's own Socket.IO server that lead "
        'nowhere, so that no network is measured. Each is in a room of its own, as that of a page is. A frame is a '
        "numbered one of a page. Against: python-socketio's own client manager, and for a frame one look for the rooms "
        'of its socket, as it was before.',
        figures,
    )


def _figure(step: str, count: int, few: int, now: dict[int, Costs], before: dict[int, Costs]) -> Figure:
    cost = now[count][step]
    ratio = cost / now[few][step]
    return Figure(
        f'{step} of a socket beside {count:,} others',
        f'{us(cost)} ({ratio:.1f} times that beside {few})',
        f'{us(before[count][step])} ({before[count][step] / before[few][step]:.1f} times)',
        f'{FLAT:g} times',
        ratio <= FLAT,
    )
