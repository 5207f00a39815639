"""Catching up: something is brought up to date, once for all who ask at the same time, until it succeeds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

RETRY_INTERVAL = 1.0
"""Seconds from an attempt that failed to the next."""

log = logging.getLogger(__name__)


class CatchingUp:
    """Runs ``read`` whenever it is asked to, and again after an error. Belongs to the event loop.

    :param name: what is read, for the log
    :param read: brings it up to what is committed when it is called
    """

    def __init__(self, name: str, read: Callable[[], Awaitable[None]]) -> None:
        self._name = name
        self._read = read
        self._is_wanted = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Begin to catch up with what is committed by now.

        A reading that is under way may have begun before that commit, so it is followed by another.

        :return: ends when everything that was committed before this call has been read
        """
        self._is_wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return self._task

    async def stop(self) -> None:
        """Give up; safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._is_wanted:
            self._is_wanted = False
            try:
                await self._read()
            except Exception:  # whatever it is, no browser may stay behind because of it
                log.exception('the %s could not be read; trying again in %g s', self._name, RETRY_INTERVAL)
                self._is_wanted = True
                await asyncio.sleep(RETRY_INTERVAL)
