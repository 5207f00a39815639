"""A deployment of the version before is upgraded in place: this version starts on its storage and goes on with it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import other_program
from tests.server import ROOT, RunningServer
from tests.waiting import wait_until
from todos import MIGRATIONS

FIXTURES = ROOT / 'tests' / 'fixtures'
LEFT_BEHIND = ['Written after the backup', 'Water the plants', 'Call Ann', 'Buy milk']


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """This version, not yet started, with the storage of the version before."""
    shutil.copytree(FIXTURES / 'version_0_1', tmp_path / 'storage')
    server = RunningServer(tmp_path / 'storage', ENV='production', CHANGE_LOG_RETENTION=1)
    server.environment['PYTHONPATH'] = f'{ROOT}:{FIXTURES}'
    yield server
    server.stop()


def titles(server: RunningServer) -> list[str]:
    return [todo['title'] for todo in server.todos()]


def version(server: RunningServer) -> int:
    return int(server.request('GET', '/up')[1]['versions']['todos'])


def run_cli(server: RunningServer, *arguments: str) -> str:
    command = [sys.executable, '-m', 'todosync', *arguments]
    result = subprocess.run(
        command,
        env={**server.environment, 'TODOSYNC_MIGRATIONS': str(MIGRATIONS)},
        cwd=server.storage,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return result.stdout


def test_the_list_is_there_and_what_is_written_goes_on_after_it(server: RunningServer) -> None:
    server.start()
    wait_until(lambda: titles(server)[1:] == LEFT_BEHIND)  # before it, what the waiting job adds
    assert [todo['completed'] for todo in server.todos()[1:]] == [False, False, True, False]
    known = {todo['id'] for todo in server.todos()}
    before = version(server)
    assert before == 7 + 1, 'the change log goes on where the version before has left it'
    assert server.add('Written by this version')['id'] > max(known)
    assert version(server) == before + 1
    assert server.request('DELETE', '/todos/1')[0] == 204
    assert titles(server)[:1] == ['Written by this version']
    assert 'Buy milk' not in titles(server)


def test_jobs_that_were_due_run_once_and_the_others_wait_on(server: RunningServer) -> None:
    server.start()
    wait_until(lambda: 'By the job that is due' in titles(server))
    server.restart()
    server.add('a change after the restart, by which the jobs have been taken up again')
    assert titles(server).count('By the job that is due') == 1
    with other_program(f'sqlite:///{server.storage}/production_queue.sqlite3') as queue:
        waiting = {row.job_id: row.run_at for row in queue.exec_driver_sql('SELECT * FROM todosync_jobs')}
        failed = queue.exec_driver_sql('SELECT * FROM failed_executions').all()
    assert str(waiting['later']).startswith(('4102444800', '2100-01-01'))
    assert failed == []


def test_a_recurring_job_that_was_missed_is_made_up_for(server: RunningServer) -> None:
    server.start()

    def changes_are_trimmed() -> bool:
        with other_program(server.database_url) as database:
            return database.exec_driver_sql('SELECT min(version) FROM changes').scalar_one() >= 7

    wait_until(changes_are_trimmed)


def test_a_backup_of_the_version_before_can_be_restored(server: RunningServer) -> None:
    server.start()
    wait_until(lambda: 'By the job that is due' in titles(server))
    backups = run_cli(server, 'backups').splitlines()  # at night there is one of tonight, too
    run_cli(server, 'restore', min(backups), '--yes')
    wait_until(lambda: server.is_up() and titles(server) == LEFT_BEHIND[1:])  # brought up to this version's shape
    before = version(server)
    server.add('Written after the restore')
    assert version(server) == before + 1
    assert set(run_cli(server, 'backups').splitlines()) > set(backups), 'what was replaced is kept'
