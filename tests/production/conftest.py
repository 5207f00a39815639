"""One running stack for each test module, and a Chromium where a test wants one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.e2e.conftest import chromium, playwright
from tests.production.stack import RunningStack

__all__ = ['chromium', 'playwright', 'stack']


@pytest.fixture(scope='module')
def stack(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Iterator[RunningStack]:
    stack = RunningStack(tmp_path_factory.mktemp('stack'), DATABASE_URL=new_database())
    stack.start()
    try:
        yield stack
    finally:
        stack.stop()
