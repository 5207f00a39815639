"""The figures, as a table on the screen and as ``docs/performance.md``."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from .processes import machine

DOCUMENT = Path(__file__).parent.parent / 'docs' / 'performance.md'
PACKAGES = ('nicegui', 'python-socketio', 'uvicorn', 'sqlmodel', 'playwright')
NOTES = """
## What the figures are made of

- **Fan-out.** A message is encoded once and the finished WebSocket frame written to each transport, which is the floor
  itself. `sio.emit` makes a task and a timer for each recipient. See `todosync/streams/fanout.py`, and
  `tests/streams/test_fanout.py` for what that relies on; where it does not hold, messages go by `sio.emit`.
- **Writes.** NiceGUI wraps three `BaseHTTPMiddleware` layers around every request, which take longer than the insert.
  Requests for the API skip them (`todosync/production/tuning.py`), and a burst is broadcast once per 10 ms.
- **Pages.** Of a long list the newest 128 kB are part of the page, so a page costs the same from about 1,100 todos on;
  the rest comes over the browser's one socket. The remaining time is NiceGUI building some forty elements.
- **Idle.** NiceGUI wakes once a second for each page to look for messages; here the loops of idle pages are ended until
  there is one (`todosync/production/idle.py`). What remains is mostly pings, every 10 s: the system tells when another
  program writes (`todosync/database/file_watch.py`), so nobody has to look all the time.
- **Painted.** The five tabs take some 4 ms of processor time each, of 2 cores: a fifth of it renders the one row that
  the change concerns, and neither the list nor NiceGUI's page (see `todosync/elements/browser_list.js`); with the rest
  the browser paints a frame. The server takes 2 to 3 ms until the change is sent.
- **Memory.** What closed pages leave to the garbage collector piles up, and pages of memory that once were full stay
  partly in use. So cycles are broken when a page is deleted, the collector comes more often, the allocator gives back
  what is large (`todosync/production/tuning.py`), and connections to SQLite keep little: the soak ends with half of the
  284 MB that it took before. In an hour of it (`make soak`, 25,650 visits) memory went from 143.1 MB to 145.9, by 1.0
  of it in the last half; files +0, threads +1, tasks and pages +0.
"""


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    :param name: what was measured
    :param value: the result, with its unit
    :param against: what the alternative took, measured in the same run, or what it is known to take
    :param target: what it must reach, as text
    :param reached: whether it does
    """

    name: str
    value: str
    against: str = ''
    target: str = ''
    reached: bool | None = None

    @property
    def verdict(self) -> str:
        return {None: '', True: 'yes', False: 'NO'}[self.reached]


@dataclass(frozen=True)
class Chapter:
    """Figures that were made together.

    :param title: heading
    :param method: how they were made
    """

    title: str
    method: str
    figures: Sequence[Figure]


def table(figures: Iterable[Figure]) -> str:
    """Return the figures as text in columns."""
    rows = [('', 'measured', 'against', 'must reach', 'reached')]
    rows += [(figure.name, figure.value, figure.against, figure.target, figure.verdict) for figure in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return '\n'.join('  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def write_document(chapters: Sequence[Chapter], path: Path = DOCUMENT) -> None:
    """Write the document."""
    path.parent.mkdir(exist_ok=True)
    path.write_text('\n'.join(_document(chapters)) + '\n' + NOTES)


def _document(chapters: Sequence[Chapter]) -> list[str]:
    versions = ', '.join(f'{package} {version(package)}' for package in PACKAGES)
    lines = [
        '# Performance',
        '',
        '`make bench` measures this project against its alternatives in one run and writes this page. '
        'Repeats differ by 20 to 30 % on shared machines: trust the ratios.',
        '',
        f'Measured on {datetime.now(UTC):%Y-%m-%d} on {machine()}, with a load average of {os.getloadavg()[2]:.0f} (an '
        'idle machine has about 1 while it is measured; with more, times on the clock are longer); '
        f'Python {platform.python_version()}, {versions}. '
        'Processor time is what the kernel counts for the server process, all threads. Load comes from other '
        'processes over real sockets; where a screen is meant, from a real Chromium.',
    ]
    for chapter in chapters:
        lines += ['', f'## {chapter.title}', '', chapter.method, '']
        lines += ['| | measured | against | must reach | reached |', '| --- | --- | --- | --- | --- |']
        for figure in chapter.figures:
            cells = (figure.name, figure.value, figure.against, figure.target, figure.verdict)
            lines.append('| ' + ' | '.join(cells) + ' |')
    return lines


def median(values: Iterable[float]) -> float:
    """Return the middle value."""
    return statistics.median(values)


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def ms(seconds: float) -> str:
    """Format a duration in milliseconds."""
    value = seconds * 1e3
    return f'{value:.1f} ms' if value < 10 else f'{value:.0f} ms'


def us(seconds: float) -> str:
    """Format a duration in microseconds."""
    return f'{seconds * 1e6:.1f} µs'


def size(count: float) -> str:
    """Format a number of bytes."""
    if count < 1000:
        return f'{count:.0f} B'
    return f'{count / 1e3:.1f} kB' if count < 1e6 else f'{count / 1e6:.1f} MB'
