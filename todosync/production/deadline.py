"""What a process does about itself when it hangs: it says where, and ends, so that it is started again."""

from __future__ import annotations

import asyncio
import faulthandler
import signal
from contextlib import suppress

DEADLINE = 60.0
"""Seconds for which the event loop may stand still. Browsers take their connection for lost after 18."""
RENEWAL_INTERVAL = 5.0
DUMP_SIGNAL = getattr(signal, 'SIGUSR2', 0)
"""The signal at which a process writes to stderr what each of its threads is doing; 0 where there is none."""


class LoopDeadline:
    """Ends the process when its event loop has not run for a minute, after writing to stderr what each thread does.

    Python's :mod:`faulthandler` keeps the time in a thread that needs no other: it also ends a process in which C code
    keeps Python's lock. Supervisord starts the process again, or Docker, which by itself restarts only what has ended.
    """

    def __init__(self, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._renewing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Watch the running event loop; safe to call twice."""
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew())
            with suppress(AttributeError, OSError, RuntimeError, ValueError):  # not a Unix, or stderr is no file
                faulthandler.register(DUMP_SIGNAL, all_threads=True)

    def stop(self) -> None:
        """Watch no longer; safe to call twice."""
        if self._renewing is not None:
            renewing, self._renewing = self._renewing, None
            renewing.get_loop().call_soon_threadsafe(renewing.cancel)

    async def _renew(self) -> None:
        with suppress(AttributeError, OSError, RuntimeError):  # stderr is no file
            try:
                while True:
                    faulthandler.dump_traceback_later(self._deadline, exit=True)
                    await asyncio.sleep(RENEWAL_INTERVAL)
            finally:
                faulthandler.cancel_dump_traceback_later()
