"""``GET /metrics``: the reports of all processes, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .status import PROCESS, ProcessReport, StatusBoard

GAUGES: Mapping[str, tuple[str, Callable[[ProcessReport], float]]] = {
    'todosync_browsers': ('Browser sessions that have a tab open', lambda report: report.browsers),
    'todosync_sockets': ('Tabs that hold a socket: the leaders', lambda report: report.leaders),
    'todosync_followers': ("Tabs that are carried by another tab's socket", lambda report: report.followers),
    'todosync_broadcast_age_seconds': ('Time since the last successful broadcast run', lambda r: r.broadcast_age),
    'todosync_jobs_waiting': ('Durable jobs of all processes that wait', lambda report: report.jobs_waiting),
    'todosync_jobs_running': ('Durable jobs of all processes that run', lambda report: report.jobs_running),
    'todosync_failed_executions': ('Failed executions that are kept', lambda report: report.jobs_failed),
    'todosync_owns_jobs': ('1 in the process that runs the durable jobs', lambda report: report.owns_jobs),
    'todosync_start_time_seconds': ('When the process started, since 1970', lambda report: report.started_at),
    'todosync_report_time_seconds': ('When the process reported this, since 1970', lambda report: report.at),
    'todosync_memory_bytes': ('Resident memory', lambda report: report.memory_bytes),
    'todosync_open_files': ('Open file descriptors, sockets included', lambda report: report.open_files),
    'todosync_open_files_limit': ('How many of them the process may have', lambda report: report.open_files_limit),
}
COUNTERS: Mapping[str, tuple[str, Callable[[ProcessReport], float]]] = {
    'todosync_cache_hits': ('How often the cache had what was asked for', lambda report: report.cache_hits),
    'todosync_cache_misses': ('How often the cache had not what was asked for', lambda report: report.cache_misses),
    'todosync_refused_frames': ('Frames of sockets that no browser sends', lambda report: report.refused_frames),
    'todosync_cpu_seconds': ('Processor time', lambda report: report.cpu_seconds),
}


class ReportCollector(Collector):
    """Turns the newest reports into metrics, with the process as a label."""

    def __init__(self, board: StatusBoard) -> None:
        self._board = board

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of all processes that live."""
        reports = self._board.reports()
        for name, (text, read) in GAUGES.items():
            yield _family(GaugeMetricFamily(name, text, labels=['process']), read, reports)
        for name, (text, read) in COUNTERS.items():
            yield _family(CounterMetricFamily(name, text, labels=['process']), read, reports)
        versions = GaugeMetricFamily('todosync_version', 'Version of a stream', labels=['process', 'stream'])
        for report in reports:
            for stream, version in report.versions.items():
                versions.add_metric([report.process, stream], version)
        yield versions
        echo = GaugeMetricFamily('todosync_cable_silence_seconds', 'Time since the answering process heard itself')
        echo.add_metric([], self._board.seconds_since_echo())
        yield echo


class HealthCollector(Collector):
    """Turns the checks of the answering process into metrics: they work while the cable and the database do not.

    :param health: looks at the process; may block
    """

    def __init__(self, health: Callable[[], tuple[bool, dict[str, Any]]]) -> None:
        self._health = health

    def collect(self) -> Iterable[Metric]:
        """Return one sample for each check."""
        _, report = self._health()
        family = GaugeMetricFamily(
            'todosync_check_ok', '1 if the check of the answering process is well', labels=['process', 'check']
        )
        for name, found in report.items():
            if isinstance(found, dict) and 'ok' in found:
                family.add_metric([PROCESS, name], found['ok'])
        yield family


def make_router(board: StatusBoard, health: Callable[[], tuple[bool, dict[str, Any]]]) -> APIRouter:
    """Return the route; whichever process answers, it answers for all.

    :param health: looks at the answering process; may block
    """
    router = APIRouter(tags=['operations'])
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ReportCollector(board))
    registry.register(HealthCollector(health))

    @router.get('/metrics')
    def metrics() -> Response:
        """Tell Prometheus how all processes are doing."""
        return Response(generate_latest(registry), headers={'Content-Type': CONTENT_TYPE_LATEST})

    return router


def _family(
    family: GaugeMetricFamily | CounterMetricFamily,
    read: Callable[[ProcessReport], float],
    reports: Iterable[ProcessReport],
) -> Metric:
    for report in reports:
        family.add_metric([report.process], float(read(report)))
    return family
