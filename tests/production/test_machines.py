"""Two machines: two servers that share nothing but PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.server import RunningServer, running_server
from tests.waiting import wait_until
from todosync.database.postgres import OWNER_LOCK


@pytest.fixture
def machines(tmp_path: Path, postgres_url: str) -> Iterator[list[RunningServer]]:
    settings = {'ENV': 'production', 'DATABASE_URL': postgres_url}
    with (
        running_server(tmp_path / 'one', **settings) as one,
        running_server(tmp_path / 'two', **settings) as two,
    ):
        yield [one, two]


def job_owners(url: str) -> int:
    with psycopg.connect(url.replace('+psycopg', '')) as connection:
        query = 'SELECT count(*) FROM pg_locks WHERE objid = %s AND granted'
        row = connection.execute(query, (OWNER_LOCK,)).fetchone()
    assert row is not None
    return int(row[0])


def test_what_is_written_on_one_is_read_on_the_other_at_once(machines: list[RunningServer]) -> None:
    one, two = machines
    todo = one.add('Buy milk')
    assert two.todos() == [todo]
    two.request('PATCH', f'/todos/{todo["id"]}', {'todo': {'completed': True}})
    assert one.todos() == [{**todo, 'completed': True}]


def test_both_write_at_once_and_nothing_is_lost(machines: list[RunningServer]) -> None:
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda number: machines[number % 2].add(str(number)), range(60)))
    assert len({todo['id'] for todo in added}) == 60
    lists = [machine.todos() for machine in machines]
    assert lists[0] == lists[1]
    assert {todo['title'] for todo in lists[0]} == {str(number) for number in range(60)}
    wait_until(lambda: [machine.request('GET', '/up')[1]['versions']['todos'] for machine in machines] == [60, 60])


def test_one_of_them_runs_the_durable_jobs_and_the_other_when_it_dies(
    machines: list[RunningServer], postgres_url: str
) -> None:
    one, two = machines
    wait_until(lambda: job_owners(postgres_url) == 1)
    one.kill()
    wait_until(lambda: job_owners(postgres_url) == 1)
    one.start()
    two.kill()
    wait_until(lambda: job_owners(postgres_url) == 1)
    assert one.add('Buy milk') in one.todos()
