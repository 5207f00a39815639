"""The storage of a test, and the tables of the program that it tests."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path

import pytest
from sqlalchemy import Table
from sqlalchemy.exc import SAWarning
from sqlmodel import SQLModel


@pytest.fixture(autouse=True)
def todosync_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give each test its own storage directory, and so its own database. Import this fixture into ``conftest.py``.

    ``User`` runs the main file anew for each test. So after a test, the tables that the main file has declared are
    forgotten, and the next run can declare them again. Tables of modules that stay imported are kept.

    :param tmp_path: pytest's directory for the test
    :param monkeypatch: pytest's fixture, which sets ``TODOSYNC_STORAGE_DIR`` during the test
    :return: the storage directory; it is made when something is stored

    Example::

        from todosync.testing import todosync_storage
    """
    storage = tmp_path / 'storage'
    monkeypatch.setenv('TODOSYNC_STORAGE_DIR', str(storage))
    before = set(SQLModel.metadata.tables.values())
    with warnings.catch_warnings():
        # a model of the run before may still be in memory, where SQLAlchemy sees it
        warnings.filterwarnings('ignore', 'This declarative base already contains', SAWarning)
        yield storage
    kept = _tables_of_modules()
    for table in set(SQLModel.metadata.tables.values()) - before - kept:
        SQLModel.metadata.remove(table)


def _tables_of_modules() -> set[Table]:
    """Return the tables whose models can still be imported."""
    tables: set[Table] = set()
    models: list[type[SQLModel]] = [SQLModel]
    while models:
        model = models.pop()
        models += model.__subclasses__()
        table = getattr(model, '__table__', None)
        if isinstance(table, Table) and _is_imported(model):
            tables.add(table)
    return tables


def _is_imported(model: type) -> bool:
    try:
        found: object = attrgetter(model.__qualname__)(sys.modules[model.__module__])
    except (KeyError, AttributeError):  # the program that declared it has ended, or NiceGUI has removed its module
        return False
    return found is model
