"""A process that hangs is ended and started again, whatever the reason, and no other is."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.browser import eventually
from tests.production.stack import RunningStack
from tests.server import ROOT, RunningServer
from todosync.production.watchdog import DEAD_AFTER, PATIENCE, START_PATIENCE, Conditions, Judge

WELL: dict[str, Any] = {'status': 'ok'}
MAIN = ROOT / 'tests' / 'apps' / 'hanging.py'
HANG_LIMIT = 90.0


def unhealthy(*, database: bool, last_attempt: float) -> dict[str, Any]:
    broadcast = {'ok': False, 'seconds_since_success': 300, 'seconds_since_attempt': last_attempt}
    return {'status': 'unhealthy', 'database': {'ok': database}, 'broadcast': broadcast}


def ended(judge: Judge, *answers: dict[str, Any] | None) -> list[dict[int, str]]:
    """Return whom a judge ends after each answer of process 7."""
    return [judge.judge({7: answer}) for answer in answers]


def test_who_does_not_answer_a_number_of_times_in_a_row_is_ended() -> None:
    judge = Judge()
    assert ended(judge, WELL, *[None] * (PATIENCE - 1), WELL, *[None] * (PATIENCE - 1)) == [{}] * 2 * PATIENCE
    assert ended(judge, None) == [{7: 'does not answer'}]
    assert ended(judge, None) == [{}]  # the next process may have the number, and is starting


def test_who_is_starting_gets_more_time() -> None:
    assert START_PATIENCE > 5 * PATIENCE
    assert ended(Judge(), *[None] * START_PATIENCE) == [*[{}] * (START_PATIENCE - 1), {7: 'does not answer'}]


@pytest.mark.parametrize(
    'answer',
    [
        {'status': 'unhealthy', 'error': 'no answer from the parts in 2 s'},
        unhealthy(database=True, last_attempt=2 * DEAD_AFTER) | {'status': 'draining'},
        unhealthy(database=True, last_attempt=2 * DEAD_AFTER) | {'status': 'starting'},
        unhealthy(database=False, last_attempt=2 * DEAD_AFTER),
        unhealthy(database=True, last_attempt=5),  # it tries, and fails
        {},
    ],
)
def test_who_answers_that_it_cannot_serve_is_not_ended(answer: dict[str, Any]) -> None:
    assert ended(Judge(), WELL, *[answer] * 100) == [{}] * 101


def test_who_answers_but_looks_for_changes_no_more_is_ended() -> None:
    dead = unhealthy(database=True, last_attempt=2 * DEAD_AFTER)
    assert ended(Judge(), WELL, *[dead] * PATIENCE)[-1] == {7: 'does not look for changes any more'}


def test_one_is_ended_at_a_time_and_the_others_get_their_time_anew() -> None:
    judge = Judge()
    judge.judge({7: WELL, 8: WELL})
    each = [judge.judge({7: None, 8: None}) for _ in range(PATIENCE)]
    assert [len(named) for named in each] == [*[0] * (PATIENCE - 1), 1]
    (first,) = each[-1]
    other = 15 - first
    assert [judge.judge({other: None}) for _ in range(PATIENCE)] == [*[{}] * (PATIENCE - 1), {other: 'does not answer'}]


def test_a_condition_is_told_once_with_its_reason_and_so_is_its_end() -> None:
    conditions = Conditions()
    gone = {'status': 'unhealthy', 'database': {'ok': False, 'error': 'the file is gone'}, 'broadcast': {'ok': True}}
    deaf = {'status': 'degraded', 'cable': {'ok': False, 'seconds_since_echo': 31}}
    deafer = {'status': 'degraded', 'cable': {'ok': False, 'seconds_since_echo': 41}}

    def told(answer: dict[str, Any] | None) -> list[str]:
        return conditions.changes({7: 'app-0', 8: 'app-1'}, {7: answer, 8: WELL})

    assert told(WELL) == []
    assert told(gone) == ['app-0 (process 7) is unhealthy: database (error: the file is gone)']
    assert told(gone) == []
    assert told(deaf) == ['app-0 (process 7) is degraded: cable (seconds_since_echo: 31)']
    assert told(deafer) == []
    assert told({'status': 'draining'}) == ['app-0 (process 7) is well again']
    assert told(None) == ['app-0 (process 7) does not answer']
    assert told({}) == ['app-0 (process 7) is well again']


def test_a_condition_belongs_to_a_process_and_not_to_the_one_after_it() -> None:
    conditions = Conditions()
    assert conditions.changes({7: 'app-0'}, {7: None}) == ['app-0 (process 7) does not answer']
    assert conditions.changes({9: 'app-0'}, {9: WELL}) == []
    assert conditions.changes({7: 'app-0'}, {7: WELL}) == []


@pytest.fixture(scope='module')
def hanging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    stack = RunningStack(tmp_path_factory.mktemp('hanging'), main=MAIN, BUSY_TIMEOUT=1)
    stack.start()
    yield stack
    stack.stop()


def watched(stack: RunningStack) -> dict[str, int]:
    """Return the ids of the processes by name, when all of them are watched."""
    processes = stack.processes
    lines = [f'{name} (process {processes[name]}) is watched' for name in (*stack.apps, 'caddy')]
    eventually(lambda: all(line in stack.log_path.read_text() for line in lines))
    return processes


@pytest.mark.long
@pytest.mark.any_database
def test_a_process_that_does_not_run_at_all_is_started_again(hanging: RunningStack) -> None:
    before = watched(hanging)
    hanging.kill_process('app-0', signal.SIGSTOP)
    eventually(lambda: hanging.processes['app-0'] not in {0, before['app-0']}, timeout=HANG_LIMIT)
    eventually(hanging.is_up)
    assert f'app-0 (process {before["app-0"]}) does not answer: it is killed' in hanging.log_path.read_text()
    assert all(hanging.processes[name] == before[name] for name in ('app-1', 'caddy', 'watchdog'))


@pytest.mark.long
@pytest.mark.any_database
def test_a_caddy_that_hangs_is_started_again(hanging: RunningStack) -> None:
    before = watched(hanging)
    hanging.kill_process('caddy', signal.SIGSTOP)
    eventually(lambda: hanging.processes['caddy'] not in {0, before['caddy']}, timeout=HANG_LIMIT)
    eventually(hanging.is_up)
    assert f'caddy (process {before["caddy"]}) does not answer: it is killed' in hanging.log_path.read_text()
    assert all(hanging.processes[name] == before[name] for name in ('app-0', 'app-1', 'watchdog'))


@pytest.mark.long
@pytest.mark.any_database
def test_a_process_that_hangs_in_a_transaction_is_ended_where_it_hangs_and_writes_go_on(hanging: RunningStack) -> None:
    before = watched(hanging)
    with pytest.raises(httpx.ReadTimeout):
        hanging.ask('app-0', '/hang')
    assert hanging.request('POST', '/todos', {'todo': {'title': 'Refused'}})[0] == 503
    eventually(lambda: hanging.processes['app-0'] not in {0, before['app-0']}, timeout=HANG_LIMIT)
    hanging.add('Written again')
    assert [todo['title'] for todo in hanging.todos()] == ['Written again']
    log = hanging.log_path.read_text()
    assert f'app-0 (process {before["app-0"]}) does not answer' in log
    assert re.search(r'File ".*hanging\.py", line \d+ in hang_here', log)
    eventually(hanging.is_up)


@pytest.mark.long
@pytest.mark.any_database
def test_a_process_alone_ends_itself_when_its_event_loop_hangs_and_says_where(tmp_path: Path) -> None:
    server = RunningServer(tmp_path, main=MAIN, ENV='production')
    server.start()
    with pytest.raises(TimeoutError):
        server.request('GET', '/hang')
    assert server.wait(HANG_LIMIT) == 1
    log = server.log_path.read_text()
    assert re.search(r'stood still for 60 s.*File ".*hanging\.py", line \d+ in hang_here', log, re.DOTALL)
