"""Looks whether a process's copy of a stream has the version of the database, also where no message has come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from todosync.database import DatabaseOutdatedError

from .looking import Looking
from .replica import Replica
from .source import Source
from .version import Version

LOOK_INTERVAL = 1.0
"""Seconds between two looks at the version."""
LOOKS_PER_COUNT = 10
"""Every so many looks the number of rows is compared, too."""

log = logging.getLogger(__name__)


class ReplicaWatch:
    """Looks again and again, so that a database that was put back or replaced does not wait for a message.

    Belongs to the event loop.

    :param replica: the copy
    :param source: reads the database
    :param catch_up: brings the copy up to date
    :param prepare: makes what the database lacks, where it was replaced by one of an older release; called in a thread
    """

    def __init__(
        self,
        replica: Replica,
        source: Source,
        catch_up: Callable[[], Awaitable[None]],
        prepare: Callable[[], None],
    ) -> None:
        self._replica = replica
        self._source = source
        self._catch_up = catch_up
        self._prepare = prepare
        self._left_out = 0  # rows of the table that are not in the list, also when all are read anew
        self._looks = 0
        self._looking = Looking(f'the version of the {replica.stream.name}', self._look, LOOK_INTERVAL)

    def start(self) -> None:
        """Begin to look; safe to call twice."""
        self._looking.start()

    async def stop(self) -> None:
        """Look no more; safe to call twice."""
        await self._looking.stop()

    async def _look(self) -> None:
        self._looks += 1
        counts = self._looks % LOOKS_PER_COUNT == 0
        try:
            version, count = await asyncio.to_thread(self._source.count if counts else self._version_only)
        except DatabaseOutdatedError as error:
            log.warning('the database is brought up to date: %s', error)
            await asyncio.to_thread(self._prepare)
            return
        if version != self._replica.version:
            await self._catch_up()
        elif count is not None and count - len(self._replica.rows) != self._left_out:
            name, here = self._replica.stream.name, len(self._replica.rows)
            log.warning('of the %s %d are here, %d in the database: they are read anew', name, here, count)
            await asyncio.to_thread(self._source.renew)
            await self._catch_up()
            self._left_out = count - len(self._replica.rows)

    def _version_only(self) -> tuple[Version, None]:
        return self._source.version(), None
