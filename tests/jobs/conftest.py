"""Stores of durable jobs, of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from todosync.jobs import Jobs


@pytest.fixture(params=['memory', 'sqlite', 'postgresql'])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == 'postgresql':
        return str(request.getfixturevalue('postgres_url'))
    return 'sqlite://' if request.param == 'memory' else f'sqlite:///{tmp_path}/queue.sqlite3'


@pytest.fixture
def jobs(store_url: str) -> Iterator[Jobs]:
    jobs = Jobs(store_url)
    jobs.start()
    yield jobs
    jobs.stop()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / 'lines')
