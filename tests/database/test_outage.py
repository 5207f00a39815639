"""What does not work for a while makes two lines in the log, one when it begins and one when it ends."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from tests.postgres import PostgresServer
from tests.server import RunningServer, running_server
from tests.waiting import wait_until
from todosync.database import DatabaseUnavailableError, Outage

log = logging.getLogger(__name__)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_first_failure_is_told_the_others_are_counted_and_so_is_the_time(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    outage = Outage(log, 'the cable', clock=clock)
    outage.end()
    for number in range(58):
        outage.note(OSError(f'cut {number}'))
    clock.now += 12
    outage.end()
    outage.end()
    assert caplog.messages == [
        'the cable fails: cut 0; further failures are counted',
        'the cable works again after 12.0 s and 58 failures',
    ]


def test_what_fails_again_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(log, 'the cable')
    for _ in range(2):
        outage.note(OSError('cut'))
        outage.end()
    assert len(caplog.messages) == 4


def test_where_some_fail_and_others_do_not_it_is_over_when_none_has_failed_for_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    outage = Outage(log, 'reading', clock=clock, quiet=5)
    for _ in range(100):
        outage.note(OSError('malformed'))
        assert outage.reason() == 'malformed'
        clock.now += 0.1
        outage.end()
        assert not outage.reason()
    assert caplog.messages == ['reading fails: malformed; further failures are counted']
    clock.now += 5
    outage.end()
    assert caplog.messages[1:] == ['reading works again after 15.0 s and 100 failures']


def test_a_failure_after_which_nobody_has_tried_for_a_minute_tells_nothing_any_more() -> None:
    clock = Clock()
    outage = Outage(log, 'writing', clock=clock)
    outage.note(OSError('full\nof what'))
    assert outage.reason() == 'full'
    clock.now += 61
    assert not outage.reason()


def test_what_runs_again_and_again_raises_nothing_and_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(log, 'looking')
    for error in (DatabaseUnavailableError('away'), LookupError('unforeseen'), LookupError('unforeseen')):
        with outage.passed_over():
            raise error
    assert [(record.levelname, bool(record.exc_info)) for record in caplog.records] == [('WARNING', True)]
    with outage.passed_over():
        pass
    assert 'looking works again' in caplog.messages[1]


def warnings(server: RunningServer) -> list[str]:
    lines = [json.loads(line) for line in server.log_path.read_text().splitlines() if line.startswith('{')]
    return [f'{line["logger"]}: {line["msg"]}' for line in lines if line['level'] != 'INFO']


def test_an_outage_of_postgresql_makes_few_lines(postgres_of_its_own: PostgresServer, tmp_path: Path) -> None:
    with running_server(tmp_path, ENV='production', DATABASE_URL=postgres_of_its_own.create_database()) as server:
        server.add('before')
        known = len(warnings(server))
        postgres_of_its_own.stop('immediate')
        wait_until(lambda: server.request('GET', '/up')[0] == 503)
        for number in range(40):
            assert server.request('POST', '/todos', {'todo': {'title': f'{number}'}})[0] == 503
            assert server.request('GET', '/todos')[0] == 503
        postgres_of_its_own.start()
        wait_until(server.is_up)
        wait_until(lambda: any('listening to todosync_data works again' in line for line in warnings(server)))
        wait_until(lambda: wrote_again(server))
        told = warnings(server)[known:]
        assert len(told) <= 20, told
        assert len(told) == len(set(told)), told
        assert any('writing to the database works again' in line and ' 40 failures' in line for line in told), told
        log = server.log_path.read_text()
        assert 'Traceback' not in log, [line[-4000:] for line in log.splitlines() if 'Traceback' in line]


def wrote_again(server: RunningServer) -> bool:
    server.add('after')
    return any('writing to the database works again' in line for line in warnings(server))
