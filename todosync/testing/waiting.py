"""Time that passes for an app without a test that waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from todosync.clock import clock


@pytest.fixture
def advance() -> Iterator[Callable[[float], None]]:
    """Let time pass for the app: ``advance(seconds)``. Import this fixture into ``conftest.py``.

    What moves: jobs that are due by then (``todosync.enqueue(..., at=...)``), recurring ones, too, and further attempts
    of those that failed; the 1.5 s until somebody who has closed their last tab is gone; attempts to read, answer or
    broadcast again after an error; ``row.due.relative()`` in ``User``. Each is done at once, in its order.

    What does not: the app's own ``datetime.now()`` and timers (``ui.timer``), times that the database makes, the
    ages by which old rows of todosync's own tables are deleted, and browsers.

    :return: the function; the clock is set back after the test

    Example::

        async def test_a_reminder_comes(user, advance):
            ...
            advance(24 * 60 * 60)
            await user.should_see('Call Ann, as you wanted', retries=100)
    """
    yield clock.advance
    clock.set_back()
