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

- **Fan-out.** The server encodes a message once and writes the finished WebSocket frame to each transport. That is all
  that the floor does, too. `sio.emit` makes a task and a timer for each recipient. See `todosync/streams/fanout.py`.
  It uses internals of other libraries, which `tests/streams/test_fanout.py` checks; where they differ, messages go by
  `sio.emit`.
- **Writes.** NiceGUI wraps three `BaseHTTPMiddleware` layers around every request, which take longer than the insert.
  Requests for the API skip them (`todosync/production/tuning.py`). Many changes in a row are broadcast once per 10 ms.
- **Pages.** Only the newest 128 kB of a long list are part of the page, so from about 1,100 todos on all pages cost the
  same. The other rows come over the browser's one socket. Most of the time is NiceGUI's, which builds some forty
  elements.
- **Idle.** NiceGUI wakes once a second for each page to look for messages. Here the loop of an idle page ends, and
  starts again with the next message (`todosync/production/idle.py`). The server does not look for writes of other
  programs either, because the system reports them (`todosync/database/file_watch.py`). Most of what remains is the ping
  of each socket, every 10 s.
- **Painted.** Each of the five tabs takes some 4 ms of processor time, on 2 cores. A fifth of it renders the one row
  that has changed, and neither the list nor NiceGUI's page (see `todosync/elements/browser_list.js`). In the rest the
  browser paints a frame. The server takes 2 to 3 ms until the change is sent.
- **Memory.** Closed pages leave work to the garbage collector, and memory that was once full stays partly in use. So
  the server breaks the cycles of a deleted page, collects more often, gives large blocks back to the system
  (`todosync/production/tuning.py`), and keeps little for each SQLite connection. With that, memory after the soak is
  half of the 284 MB before. In an hour of it (`make soak`, 25,650 visits) memory grew from 143.1 MB to 145.9 MB, by
  1.0 MB of that in the second half. There were no more files, tasks and pages than before, and one more thread.
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
