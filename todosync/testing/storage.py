"""The storage of a test."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def todosync_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a storage directory, and so a database, of its own. Import it into ``conftest.py``.

    Example::

        from todosync.testing import todosync_storage
    """
    storage = tmp_path / 'storage'
    monkeypatch.setenv('TODOSYNC_STORAGE_DIR', str(storage))
    return storage
