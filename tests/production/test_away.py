"""While PostgreSQL is away, operators are told why, also through the proxy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.postgres import PostgresServer
from tests.production.stack import RunningStack
from tests.waiting import wait_until

pytestmark = pytest.mark.long


@pytest.fixture
def stack_away(postgres_of_its_own: PostgresServer, tmp_path: Path) -> Iterator[RunningStack]:
    stack = RunningStack(tmp_path, DATABASE_URL=postgres_of_its_own.create_database())
    stack.start()
    try:
        yield stack
    finally:
        stack.stop()


def test_up_metrics_and_status_say_why_through_the_proxy(
    stack_away: RunningStack, postgres_of_its_own: PostgresServer
) -> None:
    postgres_of_its_own.stop('immediate')
    wait_until(lambda: all(stack_away.ask(name, '/up').status_code == 503 for name in stack_away.apps))
    wait_until(lambda: 'database' in answer(stack_away, '/up').text)  # Caddy, too, has noticed by then
    up = answer(stack_away, '/up')
    assert up.status_code == 503
    assert not up.json()['database']['ok']
    metrics = answer(stack_away, '/metrics')
    assert metrics.status_code == 200
    assert any('check="database"' in line and line.endswith(' 0.0') for line in metrics.text.splitlines()), metrics.text
    assert 'Here the check database fails' in answer(stack_away, '/status').text
    assert answer(stack_away, '/todos').status_code == 503
    told = [f'{name} (process {stack_away.processes[name]}) is unhealthy: database (' for name in stack_away.apps]
    wait_until(lambda: [stack_away.log_path.read_text().count(line) for line in told] == [1] * len(told))
    assert 'health_checker' not in stack_away.log_path.read_text(), 'which would tell it each second'
    postgres_of_its_own.start()
    wait_until(stack_away.is_up)


def answer(stack: RunningStack, path: str) -> httpx.Response:
    return httpx.get(f'{stack.url}{path}', timeout=30)
