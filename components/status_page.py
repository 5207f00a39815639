"""The page for operators: the state of all processes, now and in the last ten minutes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from nicegui import run, ui

from components.theme import ThemeToggle, use_theme
from todosync import DatabaseUnavailableError, FailedExecution, ProcessReport, current_server

REFRESH_INTERVAL = 2.0
FAILURES_SHOWN = 20
RUNNING_SHOWN = 20
CHART_SIZE = (160, 36)
HEADROOM = 1.1
"""The top of a chart, as a multiple of its highest value."""
MEGABYTE = 2**20

History = Sequence[ProcessReport]

TILES: Mapping[str, Callable[[Sequence[ProcessReport]], str]] = {
    'Browsers': lambda reports: f'{sum(report.browsers for report in reports):,}',
    'Tabs': lambda reports: f'{sum(report.tabs for report in reports):,}',
    'Leaders': lambda reports: f'{sum(report.leaders for report in reports):,}',
    'Followers': lambda reports: f'{sum(report.followers for report in reports):,}',
    'Version of todos': lambda reports: f'{max(report.versions["todos"] for report in reports):,}',
    'Last broadcast': lambda reports: f'{max(report.broadcast_age for report in reports):.0f} s ago',
    'Cache hits': lambda reports: _share(
        sum(report.cache_hits for report in reports), sum(report.cache_misses for report in reports)
    ),
    'Jobs waiting': lambda reports: f'{max(report.jobs_waiting for report in reports):,}',
    'Jobs running': lambda reports: f'{max(report.jobs_running for report in reports):,}',
    'Failed jobs': lambda reports: f'{max(report.jobs_failed for report in reports):,}',
}
CHARTS: Mapping[str, tuple[Callable[[History], list[float]], Callable[[Iterable[float]], float], str]] = {
    'Tabs': (lambda history: [report.tabs for report in history], sum, '{:.0f}'),
    'Changes': (lambda history: _rates(history, lambda report: report.versions['todos']), max, '{:.1f} /s'),
    'Processor': (lambda history: _rates(history, lambda report: 100 * report.cpu_seconds), sum, '{:.0f} %'),
    'Memory': (lambda history: [report.memory_bytes / MEGABYTE for report in history], sum, '{:.0f} MB'),
}
"""For each chart: the values of one process, how the values of several processes become one, and their format."""
COLUMNS: Mapping[str, Callable[[ProcessReport], str]] = {
    'Process': lambda report: report.process + (' (runs the jobs)' if report.owns_jobs else ''),
    'Up': lambda report: str(timedelta(seconds=int(report.at - report.started_at))),
    'Browsers': lambda report: f'{report.browsers:,}',
    'Tabs': lambda report: f'{report.tabs:,}',
    'Sockets': lambda report: f'{report.leaders:,}',
    'Version': lambda report: ', '.join(f'{version:,}' for version in report.versions.values()),
    'Processor time': lambda report: f'{report.cpu_seconds:,.0f} s',
    'Memory': lambda report: f'{report.memory_bytes / MEGABYTE:,.0f} MB',
    'Open files': lambda report: f'{report.open_files:,}',
}


async def status_page() -> None:
    """Build the status page. It refreshes itself every two seconds.

    Example::

        @ui.page('/status')
        async def status() -> None:
            await status_page()
    """
    use_theme()
    ui.add_css(Path(__file__).with_suffix('.css'))
    ui.page_title('Status')
    with ui.element('div').classes('page status-page'):
        with ui.element('header').classes('page-header'):
            ui.element('h1').props('textContent=Status')
            ThemeToggle()
        note = ui.label().classes('status-note')
        problems = ui.label().classes('status-problems').mark('problems')
        tiles = _Tiles()
        charts = _Charts()
        ui.element('h2').props('textContent=Processes')
        columns = [{'name': name, 'label': name, 'field': name, 'align': 'left'} for name in COLUMNS]
        processes = ui.table(columns=columns, rows=[], row_key='Process').classes('status-table').props('flat dense')
        running = ui.label().classes('status-note').mark('running jobs')
        failures = _Failures()

    board = current_server().status
    assert board is not None, 'call todosync.add_production(server) first'

    def refresh() -> None:
        histories = board.histories()
        reports = [history[-1] for history in histories]
        note.text = f'As of {datetime.now(UTC):%H:%M:%S} UTC. Lines show the last ten minutes.'
        if reports:
            tiles.show(reports)
            charts.show(histories)
            processes.rows = [{name: read(report) for name, read in COLUMNS.items()} for report in reports]

    async def refresh_jobs() -> None:
        with suppress(DatabaseUnavailableError):  # which is among the problems
            running.text = await run.io_bound(_running_jobs) or ''
            failures.show(await run.io_bound(current_server().jobs.failed.newest, FAILURES_SHOWN) or [])

    async def refresh_problems() -> None:
        if found := await run.io_bound(current_server().health):
            problems.text = _problems(found[1])

    refresh()
    await refresh_problems()
    ui.timer(REFRESH_INTERVAL, refresh)
    ui.timer(REFRESH_INTERVAL, refresh_problems, immediate=False)
    ui.timer(5 * REFRESH_INTERVAL, refresh_jobs)


class _Tiles:
    """Tiles with numbers over all processes."""

    def __init__(self) -> None:
        self._values: dict[str, ui.label] = {}
        with ui.element('div').classes('status-tiles'):
            for name in TILES:
                with ui.element('div').classes('status-tile'):
                    ui.label(name).classes('status-name')
                    self._values[name] = ui.label('-').classes('status-value').mark(f'tile {name}')

    def show(self, reports: Sequence[ProcessReport]) -> None:
        for name, read in TILES.items():
            self._values[name].text = read(reports)


class _Charts:
    """Charts of the last ten minutes, for all processes together."""

    def __init__(self) -> None:
        self._parts: dict[str, tuple[ui.label, ui.html]] = {}
        with ui.element('div').classes('status-charts'):
            for name in CHARTS:
                with ui.element('div').classes('status-tile'):
                    ui.label(name).classes('status-name')
                    self._parts[name] = ui.label('-').classes('status-value'), ui.html(sanitize=False)

    def show(self, histories: Sequence[History]) -> None:
        for name, (read, combine, format_) in CHARTS.items():
            value, chart = self._parts[name]
            values = _combined([read(history) for history in histories], combine)
            value.text = format_.format(values[-1]) if values else '-'
            chart.content = _line(values)


class _Failures:
    """The last failed executions, each with its traceback."""

    def __init__(self) -> None:
        self._shown: list[str] = []
        self._rows = ui.element('section').classes('status-failures')

    def show(self, failures: Sequence[FailedExecution]) -> None:
        if [failure.failed_at for failure in failures] == self._shown:
            return
        self._shown = [failure.failed_at for failure in failures]
        self._rows.clear()
        with self._rows:
            ui.element('h2').props('textContent="Failed jobs"')
            for failure in failures:
                with ui.element('details').classes('status-failure'):
                    with ui.element('summary'):
                        ui.label(failure.error)
                        when = datetime.fromisoformat(failure.failed_at)
                        ui.label(f'{failure.job_id}, {when:%Y-%m-%d %H:%M:%S} UTC').classes('status-note')
                    with ui.element('pre'):
                        ui.label(failure.traceback)


def _running_jobs() -> str:
    """Return a sentence for each job that runs, the oldest first. Blocks."""
    found = current_server().jobs.running()[:RUNNING_SHOWN]
    return ' '.join(f'The job {job.job_id} ({job.function}) runs since {job.started_at[:19]} UTC.' for job in found)


def _problems(health: Mapping[str, Any]) -> str:
    """Return a sentence for each check of this process that fails."""
    found = {name: check for name, check in health.items() if isinstance(check, Mapping) and not check.get('ok', True)}
    return ' '.join(f'Here the check {name} fails: {check.get("error", "see /up")}.' for name, check in found.items())


def _share(hits: int, misses: int) -> str:
    return f'{hits / (hits + misses):.0%}' if hits + misses else '-'


def _rates(history: History, read: Callable[[ProcessReport], float]) -> list[float]:
    """Return the growth per second of a counter, from each report to the next."""
    return [(read(later) - read(earlier)) / max(later.at - earlier.at, 0.001) for earlier, later in pairwise(history)]


def _combined(series: Sequence[list[float]], combine: Callable[[Iterable[float]], float]) -> list[float]:
    """Make one series of several that end at the same time, and may have begun at different times."""
    length = max(map(len, series), default=0)
    return [combine(values[n] for values in series if -n <= len(values)) for n in range(-length, 0)]


def _line(values: Sequence[float]) -> str:
    if len(values) < 2:
        return ''
    width, height = CHART_SIZE
    top = max(*values, 1e-9) * HEADROOM
    points = ' '.join(
        f'{n * width / (len(values) - 1):.1f},{height - value * height / top:.1f}' for n, value in enumerate(values)
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true">'
        f'<polygon points="0,{height} {points} {width},{height}"/><polyline points="{points}"/></svg>'
    )
