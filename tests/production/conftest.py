"""One running stack for each test module, and a Chromium where a test wants one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import chromium, playwright
from tests.production.stack import RunningStack

__all__ = ['chromium', 'playwright', 'stack']


@pytest.fixture(scope='module')
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    stack = RunningStack(tmp_path_factory.mktemp('stack'))
    stack.start()
    try:
        yield stack
    finally:
        stack.stop()
