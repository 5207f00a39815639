"""What a deployment writes is for its own user only."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.server import running_server
from todosync import Settings


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_storage_directory_that_others_can_enter_is_closed(tmp_path: Path) -> None:
    storage = tmp_path / 'storage'
    storage.mkdir()
    storage.chmod(0o755)
    Settings(storage_dir=storage).prepare_storage()
    assert mode(storage) == 0o700


@pytest.mark.skipif(os.getuid() != 0, reason='only root can give a directory away')
def test_a_storage_directory_of_somebody_else_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    storage = tmp_path / 'storage'
    storage.mkdir()
    storage.chmod(0o777)
    os.chown(storage, 12345, 12345)
    tmp_path.chmod(0o755)
    child = os.fork()
    if not child:
        os.setuid(12346)
        try:
            Settings(storage_dir=storage).prepare_storage()
        except PermissionError:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert mode(storage) == 0o777


@pytest.mark.parametrize('env', ['development', 'production'])
def test_no_file_of_a_server_can_be_read_by_others(tmp_path: Path, env: str) -> None:
    before = os.umask(0o022)
    try:
        storage = tmp_path / 'storage'
        (storage / 'nicegui').mkdir(parents=True)
        (storage / 'nicegui').chmod(0o755)
        with running_server(storage, ENV=env) as server:
            server.add('Buy milk')
            server.request('GET', '/todos/export.csv')
            server.log_path.unlink()  # the test's own
            found = [path for path in storage.rglob('*') if not path.is_symlink()]
            assert {path.suffix for path in found} >= {'.sqlite3', '.csv'}
            assert {str(path): oct(mode(path)) for path in found if mode(path) & 0o077} == {}
    finally:
        os.umask(before)
