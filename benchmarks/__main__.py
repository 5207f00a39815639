"""``python -m benchmarks [--short] [--only CHAPTER]``: measure, print a table, write ``docs/performance.md``."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from functools import partial

from . import clicks, cost, fan_out, first_paint, idle, rights, screen, soak, sockets, writes
from .report import Chapter, table, write_document

CHAPTERS = {
    'screen': screen.measure,
    'cost': cost.measure,
    'fan_out': fan_out.measure,
    'rights': rights.measure,
    'sockets': sockets.measure,
    'idle': idle.measure,
    'writes': writes.measure,
    'clicks': clicks.measure,
    'first_paint': first_paint.measure,
    'soak': soak.measure,
}


async def measure(names: list[str], short: bool, soak_minutes: float) -> list[Chapter]:
    """Measure the given chapters, one after the other."""
    measures = CHAPTERS | {'soak': partial(soak.measure, minutes=soak_minutes)}
    chapters = []
    for name in names:
        began = time.monotonic()
        chapters.append(await measures[name](short))
        print(f'{name}: measured in {time.monotonic() - began:.0f} s', file=sys.stderr)
    return chapters


def main() -> None:
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description='Measure what the app costs.')
    parser.add_argument('--short', action='store_true', help='few rounds, small lists: shows that it works')
    parser.add_argument('--only', choices=CHAPTERS, action='append', help='a chapter (default: all, and the document)')
    parser.add_argument('--soak', type=float, default=0.0, metavar='MINUTES', help='how long tabs come and go')
    arguments = parser.parse_args()
    chapters = asyncio.run(measure(arguments.only or list(CHAPTERS), arguments.short, arguments.soak))
    print(table([figure for chapter in chapters for figure in chapter.figures]))
    if not arguments.short and not arguments.only:
        write_document(chapters)


main()
