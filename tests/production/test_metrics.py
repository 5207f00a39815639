"""What processes report of themselves, and what Prometheus reads."""

from __future__ import annotations

import dataclasses
import itertools
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import orjson
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.server import RunningServer, running_server
from tests.waiting import TIMEOUT, wait_until
from todosync.cable import MemoryCable
from todosync.production.metrics import ReportCollector
from todosync.production.status import EXPIRY, PROCESS, TOPIC, ProcessReport, StatusBoard

REPORT = ProcessReport(
    process=PROCESS, at=1000.0, started_at=900.0, versions={'todos': 7, 'notes': 3}, browsers=2, leaders=2, followers=3,
    cache_hits=8, cache_misses=2, jobs_waiting=1, jobs_running=0, jobs_failed=4, owns_jobs=True, broadcast_age=1.5,
    cpu_seconds=12.5, memory_bytes=100_000_000, open_files=42, open_files_limit=65_536, refused_frames=6,
)  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cable() -> Iterator[MemoryCable]:
    cable = MemoryCable()
    cable.start()
    yield cable
    cable.stop()


@pytest.fixture
def board(cable: MemoryCable, clock: Clock) -> Iterator[StatusBoard]:
    board = StatusBoard(cable, lambda: REPORT, clock=clock)
    board.start()
    wait_until(board.reports)
    yield board
    board.stop()


def publish(cable: MemoryCable, report: ProcessReport) -> None:
    cable.publish(TOPIC, orjson.dumps(dataclasses.asdict(report)))


def test_a_process_knows_the_newest_report_of_every_process(board: StatusBoard, cable: MemoryCable) -> None:
    other = dataclasses.replace(REPORT, process='elsewhere:1')
    publish(cable, other)
    publish(cable, dataclasses.replace(other, browsers=9))
    assert [(report.process, report.browsers) for report in board.reports()] == sorted(
        [(PROCESS, 2), ('elsewhere:1', 9)]
    )
    assert [len(history) for history in board.histories()] in ([1, 2], [2, 1])


def test_a_process_that_no_longer_reports_is_forgotten(board: StatusBoard, cable: MemoryCable, clock: Clock) -> None:
    publish(cable, dataclasses.replace(REPORT, process='elsewhere:1'))
    clock.now += EXPIRY - 1
    publish(cable, REPORT)
    assert len(board.reports()) == 2
    clock.now += 2
    assert [report.process for report in board.reports()] == [PROCESS]


def test_of_two_reports_at_once_the_one_that_looked_later_is_the_newest(cable: MemoryCable, clock: Clock) -> None:
    looks, begun, slow = itertools.count(1), threading.Event(), threading.Event()

    def take() -> ProcessReport:
        look = next(looks)
        if look == 1:
            begun.set()
            slow.wait(TIMEOUT)
        return dataclasses.replace(REPORT, browsers=look)

    board = StatusBoard(cable, take, clock=clock)
    board.start()
    begun.wait(TIMEOUT)
    later = threading.Thread(target=board.report)
    later.start()
    later.join(0.2)
    slow.set()
    later.join()
    board.stop()
    assert [[report.browsers for report in history] for history in board.histories()] == [[1, 2]]


def test_a_silent_cable_is_noticed(board: StatusBoard, cable: MemoryCable, clock: Clock) -> None:
    clock.now += 100
    cable.stop()
    board.report()
    assert board.seconds_since_echo() == 100
    cable.start()
    board.report()
    assert board.seconds_since_echo() == 0


def test_a_report_that_cannot_be_made_or_sent_stops_nothing(cable: MemoryCable, clock: Clock) -> None:
    attempts = itertools.count()

    def fail_once() -> ProcessReport:
        if next(attempts) == 0:
            raise OSError('disk full')
        return REPORT

    board = StatusBoard(cable, fail_once, clock=clock)
    board.start()
    wait_until(lambda: next(attempts))
    board.report()
    assert board.reports() == [REPORT]
    board.stop()
    board.stop()


def test_the_report_of_an_older_version_of_the_program_is_left_out(board: StatusBoard, cable: MemoryCable) -> None:
    old = dataclasses.asdict(dataclasses.replace(REPORT, process='old:1'))
    del old['open_files']
    cable.publish(TOPIC, orjson.dumps(old))
    new = {**dataclasses.asdict(dataclasses.replace(REPORT, process='new:1')), 'added_later': 1}
    cable.publish(TOPIC, orjson.dumps(new))
    assert {report.process for report in board.reports()} == {PROCESS, 'new:1'}


def test_prometheus_can_read_every_figure_of_every_process(board: StatusBoard, cable: MemoryCable) -> None:
    publish(cable, dataclasses.replace(REPORT, process='elsewhere:1', followers=30))
    registry = CollectorRegistry()
    registry.register(ReportCollector(board))
    found = {
        (sample.name, sample.labels.get('process'), sample.labels.get('stream')): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }
    assert found['todosync_followers', PROCESS, None] == 3
    assert found['todosync_followers', 'elsewhere:1', None] == 30
    assert found['todosync_version', PROCESS, 'notes'] == 3
    assert found['todosync_cache_hits_total', PROCESS, None] == 8
    assert found['todosync_failed_executions', PROCESS, None] == 4
    assert found['todosync_cable_silence_seconds', None, None] == 0


@pytest.fixture(scope='module')
def server(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Iterator[RunningServer]:
    storage = tmp_path_factory.mktemp('metrics') / 'storage'
    with running_server(storage, ENV='production', DATABASE_URL=new_database()) as server:
        yield server


def test_a_running_server_answers_with_its_own_figures(server: RunningServer) -> None:
    def own_figures() -> dict[str, float]:
        answer = httpx.get(f'{server.url}/metrics')
        assert answer.headers['Content-Type'].startswith('text/plain')
        families = text_string_to_metric_families(answer.text)
        return {sample.name: sample.value for family in families for sample in family.samples}

    wait_until(lambda: own_figures().get('todosync_owns_jobs') == 1)  # a first report may be from before that
    figures = own_figures()
    assert figures['todosync_memory_bytes'] > 10_000_000
    assert figures['todosync_open_files'] > 3
    assert figures['todosync_owns_jobs'] == 1
    assert server.request('GET', '/up')[1]['cable']['ok']


@pytest.mark.any_database
@pytest.mark.skipif(sys.platform != 'linux', reason='prlimit is of Linux')
def test_more_sockets_are_served_than_the_soft_limit_of_open_files_allows(tmp_path: Path) -> None:
    server = RunningServer(tmp_path, ENV='production')
    server.command = ['prlimit', '--nofile=256:4096', *server.command]
    server.start()
    try:
        with ExitStack() as opened:
            for _ in range(400):
                opened.enter_context(socket.create_connection(('127.0.0.1', server.port)))
            assert server.is_up()
            wait_until(lambda: 'todosync_open_files_limit{' in httpx.get(f'{server.url}/metrics').text)
            text = httpx.get(f'{server.url}/metrics').text
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        assert [sample.value for sample in samples if sample.name == 'todosync_open_files_limit'] == [4096]
        assert 'this process may have 4096 open files' in server.log_path.read_text()
    finally:
        server.stop()


def test_a_log_line_of_a_request_has_the_id_that_the_answer_has(server: RunningServer) -> None:
    request_id = '0f8fad5b-d9cb-469f-a165-70867728950e'
    answer = httpx.get(f'{server.url}/no-such-page', headers={'X-Request-ID': request_id})
    assert answer.headers['X-Request-ID'] == request_id
    lines = [json.loads(line) for line in server.log_path.read_text().splitlines() if line.startswith('{')]
    mine = [line for line in lines if line['request_id'] == request_id]
    assert mine, lines
    assert {'ts', 'level', 'logger', 'msg', 'process'} <= mine[0].keys()
