"""Answers to sockets that ask for what they lack. Each socket has one answer at a time, however often it asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from todosync.clock import clock
from todosync.database import unforeseen

from .version import Version

RETRY_INTERVAL = 1.0
"""Seconds from a failed answer to the next attempt."""

log = logging.getLogger(__name__)


class Answers:
    """Answers the questions of sockets. Belongs to the event loop.

    While a socket has not taken its answer, only its newest question is kept, and answered next. So no answers pile up
    for a socket that asks and does not read.

    :param name: the name of the stream, for the log
    :param answer: answers a socket, given its Socket.IO id and its version; returns when the socket has the answer
    :param is_connected: returns whether the socket with a Socket.IO id is connected
    """

    def __init__(
        self, name: str, answer: Callable[[str, Version], Awaitable[None]], is_connected: Callable[[str], bool]
    ) -> None:
        self._name = name
        self._answer = answer
        self._is_connected = is_connected
        self._asked: dict[str, Version] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_failing = False

    @property
    def waiting(self) -> list[str]:
        """The Socket.IO ids of the sockets that have asked and were not answered yet."""
        return list(self._tasks)

    def ask(self, sid: str, version: Version) -> None:
        """Have a socket answered soon. Returns at once.

        :param sid: its Socket.IO id
        :param version: the version that the browser has, ``None`` for none
        """
        self._asked[sid] = version
        if sid not in self._tasks:
            self._tasks[sid] = asyncio.create_task(self._run(sid))

    async def stop(self) -> None:
        """Stop answering; safe to call twice."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, sid: str) -> None:
        try:
            while sid in self._asked and self._is_connected(sid):
                version = self._asked.pop(sid)
                try:
                    await self._answer(sid, version)
                except Exception as error:  # whatever it is: without another attempt the browser misses changes
                    self._note_failure(error)
                    self._asked.setdefault(sid, version)
                    await clock.sleep(RETRY_INTERVAL)
                else:
                    self._is_failing = False
        finally:
            self._asked.pop(sid, None)
            del self._tasks[sid]

    def _note_failure(self, error: Exception) -> None:
        if not self._is_failing:  # one line for an outage, not one for each socket
            what = 'what browsers lack of the %s could not be read; trying on'
            log.error(what, self._name, exc_info=unforeseen(error))
        self._is_failing = True
