"""Catching up: reads the newest changes, once for all who ask at the same time, and again after errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from todosync.clock import clock
from todosync.database import QUIET, DatabaseUnavailableError, Outage

RETRY_INTERVAL = 1.0
"""Seconds from a failed attempt to the next."""

log = logging.getLogger(__name__)


class CatchingUp:
    """Runs ``read`` when it is asked to, and again after an error. Belongs to the event loop.

    :param name: the name of the stream, for the log
    :param read: reads everything that is committed when it is called
    """

    def __init__(self, name: str, read: Callable[[], Awaitable[None]]) -> None:
        self._name = name
        self._read = read
        self._outage = Outage(log, f'reading the {name}', quiet=QUIET)
        self._is_wanted = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Begin to read everything that is committed now.

        If a read is running, another one follows, because the running one may have begun before the last commit.

        :return: a task that ends when everything that was committed before this call has been read
        """
        self._is_wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return self._task

    async def stop(self) -> None:
        """Stop reading; safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._is_wanted:
            self._is_wanted = False
            try:
                await self._read()
            except DatabaseUnavailableError as error:
                self._outage.note(error)
                await self._try_again()
            except Exception:  # whatever the error is: without another attempt the browser would miss changes
                log.exception('the %s could not be read; trying again in %g s', self._name, RETRY_INTERVAL)
                await self._try_again()
            else:
                self._outage.end()

    async def _try_again(self) -> None:
        self._is_wanted = True
        await clock.sleep(RETRY_INTERVAL)
