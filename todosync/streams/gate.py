"""The gate before a channel: a change passes it when nobody gets it any more who has lost the right to read it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from todosync.clock import clock
from todosync.database import DatabaseUnavailableError

RETRY_INTERVAL = 0.25
"""Seconds until it is asked again who may read a change, after a database that could not be read."""


class Gate:
    """Lets messages pass, in their order. Belongs to the event loop.

    :param settle_rights: awaited before messages pass; returns when nobody gets them any more who had lost the right
        when it was called; ``None`` where nobody loses a right, so that messages pass at once
    :param take: called with each message that has passed
    """

    def __init__(
        self, settle_rights: Callable[[], Awaitable[None]] | None, take: Callable[[dict[str, Any]], None]
    ) -> None:
        self._settle_rights = settle_rights
        self._take = take
        self._waiting: list[dict[str, Any]] = []
        self._passing: asyncio.Task[None] | None = None

    def put(self, message: dict[str, Any]) -> None:
        """Have a message pass, now or soon."""
        if self._settle_rights is None:
            self._take(message)
            return
        self._waiting.append(message)
        if self._passing is None or self._passing.done():
            self._passing = asyncio.create_task(self._pass(self._settle_rights))

    async def wait(self) -> None:
        """Return when what was committed before this call may pass.

        :raises DatabaseUnavailableError: it cannot be told now
        """
        if self._settle_rights is not None:
            await self._settle_rights()

    async def stop(self) -> None:
        """Let nothing pass any more; safe to call twice."""
        if self._passing is not None:
            self._passing.cancel()
            await asyncio.gather(self._passing, return_exceptions=True)

    async def _pass(self, settle_rights: Callable[[], Awaitable[None]]) -> None:
        while self._waiting:
            count = len(self._waiting)
            try:
                await settle_rights()
            except DatabaseUnavailableError:  # who reads or writes says so
                await clock.sleep(RETRY_INTERVAL)
                continue
            messages, self._waiting = self._waiting[:count], self._waiting[count:]
            for message in messages:
                self._take(message)
