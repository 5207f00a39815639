"""Waiting on conditions, never on fixed times."""

from __future__ import annotations

import time
from collections.abc import Callable

TIMEOUT = 90.0
"""Seconds. Long, for slow machines: a test that passes does not need them."""
INTERVAL = 0.005


def wait_until(condition: Callable[[], object], timeout: float = TIMEOUT) -> None:
    """Return as soon as the condition holds.

    :raises AssertionError: it does not within ``timeout`` seconds
    """
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f'this did not come true within {timeout:g} s'
        time.sleep(INTERVAL)
