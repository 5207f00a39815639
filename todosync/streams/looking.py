"""Looking again and again, for what no message tells."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from todosync.database import Outage

log = logging.getLogger(__name__)


class Looking:
    """Calls a function at intervals, and when it is woken, whatever errors the function raises.

    Belongs to the event loop, except where a method says otherwise.

    :param what: what is read, for the log
    :param look: reads it once
    :param interval: seconds between two calls
    """

    def __init__(self, what: str, look: Callable[[], Awaitable[None]], interval: float) -> None:
        self._look = look
        self._interval = interval
        self._outage = Outage(log, f'reading {what}')
        self._woken: asyncio.Event  # from the start on
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, the first time after an interval; safe to call twice."""
        if self._task is None:
            self._loop, self._woken = asyncio.get_running_loop(), asyncio.Event()
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Look no more; safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def wake(self) -> None:
        """Have a look begin now, or once more when the present one has ended. Any thread may call this, at any time."""
        if self._task is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._interval)
            self._woken.clear()
            with self._outage.passed_over():
                await self._look()
