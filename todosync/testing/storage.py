"""The storage of a test."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def todosync_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test its own storage directory, and so its own database. Import this fixture into ``conftest.py``.

    :param tmp_path: pytest's directory for the test
    :param monkeypatch: pytest's fixture, which sets ``TODOSYNC_STORAGE_DIR`` during the test
    :return: the storage directory; it is made when something is stored

    Example::

        from todosync.testing import todosync_storage
    """
    storage = tmp_path / 'storage'
    monkeypatch.setenv('TODOSYNC_STORAGE_DIR', str(storage))
    return storage
