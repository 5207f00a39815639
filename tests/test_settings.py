"""Settings: values from the environment, refused values, and the secret, which is made once."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.processes import run_at_once
from tests.server import ROOT
from todosync import Settings

SECRET = 'a secret that is long enough'


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith('TODOSYNC_'):
            monkeypatch.delenv(name)


def run(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, 'PYTHONPATH': str(ROOT), **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_development_keeps_its_data_in_the_storage_directory_and_all_else_in_memory(tmp_path: Path) -> None:
    settings = Settings(storage_dir=tmp_path)
    assert settings.data_url == f'sqlite:///{tmp_path}/development.sqlite3'
    assert (settings.queue_url, settings.cable_adapter) == ('sqlite://', 'memory')
    assert (settings.host, settings.port) == ('127.0.0.1', 8080)


def test_production_keeps_one_file_for_each_part(tmp_path: Path) -> None:
    settings = Settings(env='production', storage_dir=tmp_path)
    assert settings.data_url == f'sqlite:///{tmp_path}/production.sqlite3'
    assert settings.queue_url == f'sqlite:///{tmp_path}/production_queue.sqlite3'
    assert settings.cable_path == tmp_path / 'production_cable.sqlite3'
    assert settings.cache_dir == tmp_path / 'production_cache'
    assert settings.cable_adapter == 'sqlite'


@pytest.mark.parametrize('env', ['development', 'production'])
def test_with_data_on_postgresql_the_jobs_and_the_cable_are_there_too(env: str) -> None:
    url = 'postgresql+psycopg://todos@db/todos'
    settings = Settings(env=env, database_url=url)  # type: ignore[arg-type]
    assert (settings.data_url, settings.queue_url, settings.cable_adapter) == (url, url, 'postgres')


@pytest.mark.parametrize(
    ('name', 'value', 'told'),
    [
        ('ENV', 'staging', "'development' or 'production'"),
        ('PORT', 'http', 'valid integer'),
        ('PORT', '70000', 'less than or equal to 65535'),
        ('POLL_INTERVAL', '0', 'greater than 0'),
        ('POLL_INTERVAL', 'inf', 'finite number'),
        ('STORAGE_SECRET', 'short', 'at least 16 characters'),
        ('DATABASE_URL', 'mysql://root:hunter2@db/todos', 'postgresql+psycopg://'),
        ('DATABASE_URL', 'sqlite://', 'sqlite:////var/lib/todos.sqlite3'),
        ('DATABASE_URL', 'nonsense', 'sqlite:////var/lib/todos.sqlite3'),
        ('DATABASE_URL', 'sqlite:////no/such/folder/todos.sqlite3', 'there is no directory /no/such/folder'),
        ('CABLE', 'pigeon', "'memory', 'sqlite' or 'postgres'"),
        ('CABLE', 'postgres', 'TODOSYNC_DATABASE_URL'),
    ],
)
def test_a_wrong_variable_ends_the_program_with_one_line_that_names_it(
    name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv('TODOSYNC_STORAGE_DIR', str(tmp_path))
    monkeypatch.setenv(f'TODOSYNC_{name}', value)
    with pytest.raises(SystemExit) as ended:
        Settings.from_environment()
    message = str(ended.value)
    assert message.startswith(f'TODOSYNC_{name}: ')
    assert told in message
    assert '\n' not in message


def test_a_setting_that_is_none_is_told_with_the_one_that_was_meant(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv('TODOSYNC_STORAGE_DIR', str(tmp_path))
    monkeypatch.setenv('TODOSYNC_PROT', '9090')
    monkeypatch.setenv('TODOSYNC_SITE', 'of another program')
    Settings.from_environment()
    assert [record.getMessage() for record in caplog.records] == [
        'TODOSYNC_PROT is no setting and changes nothing; did you mean TODOSYNC_PORT?'
    ]
    with pytest.raises(SystemExit, match="there is no setting 'storage_dri'; did you mean 'storage_dir'"):
        Settings.from_environment(storage_dri=tmp_path)


def test_one_wrong_setting_is_one_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('TODOSYNC_PORT', 'many')
    with pytest.raises(ValidationError) as raised:
        Settings(storage_dir=tmp_path)
    assert [problem['loc'] for problem in raised.value.errors()] == [('port',)]
    monkeypatch.delenv('TODOSYNC_PORT')
    assert Settings(storage_dir=tmp_path).static_dir == tmp_path / 'static'
    assert Settings(storage_dir=tmp_path, static_dir=Path('elsewhere')).static_dir == Path('elsewhere')


def test_the_program_itself_ends_without_a_traceback(tmp_path: Path) -> None:
    ended = run(str(ROOT / 'main.py'), cwd=tmp_path, TODOSYNC_PORT='many', TODOSYNC_STORAGE_DIR=str(tmp_path))
    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines() == [
        'TODOSYNC_PORT: Input should be a valid integer, unable to parse string as an integer'
    ]


def test_a_storage_directory_that_cannot_be_made_ends_the_program_with_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / 'file').touch()
    monkeypatch.setenv('TODOSYNC_STORAGE_DIR', str(tmp_path / 'file' / 'storage'))
    with pytest.raises(SystemExit, match=r'^TODOSYNC_STORAGE_DIR: .*Not a directory'):
        Settings.from_environment()


def test_secrets_are_shown_neither_by_the_settings_nor_by_their_errors() -> None:
    settings = Settings(storage_secret=SECRET, database_url='postgresql+psycopg://todos:hunter2@db/todos')
    assert SECRET not in repr(settings)
    assert 'hunter2' not in repr(settings)
    with pytest.raises(ValidationError) as error:
        Settings(database_url='mysql://root:hunter2@db/todos')
    assert 'hunter2' not in str(error.value)


def test_a_given_storage_secret_is_used_and_not_written_down(tmp_path: Path) -> None:
    settings = Settings(storage_dir=tmp_path / 'storage', storage_secret=SECRET)
    assert settings.resolve_storage_secret() == SECRET
    assert not (tmp_path / 'storage').exists()


def test_a_storage_secret_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(storage_dir=tmp_path / 'storage')
    secret = settings.resolve_storage_secret()
    assert len(secret) >= 32
    assert Settings(storage_dir=tmp_path / 'storage').resolve_storage_secret() == secret
    assert stat.S_IMODE((tmp_path / 'storage' / 'storage_secret').stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / 'storage').stat().st_mode) == 0o700
    assert [path.name for path in (tmp_path / 'storage').iterdir()] == ['storage_secret']


def test_processes_that_start_at_once_agree_on_one_storage_secret(tmp_path: Path) -> None:
    program = 'from todosync import Settings; wait(); print("secret", Settings().resolve_storage_secret())'
    outputs = run_at_once(3, program, TODOSYNC_STORAGE_DIR=str(tmp_path / 'storage'))
    secrets = {output.rpartition('secret ')[2] for output in outputs}
    assert len(secrets) == 1
    assert len(secrets.pop().strip()) >= 32
