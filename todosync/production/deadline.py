"""What a process does about itself when it hangs: it says where, and ends, so that it is started again."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import sys
import threading
from contextlib import suppress

DEADLINE = 60.0
"""Seconds for which the event loop may stand still. Browsers take their connection for lost after 18."""
RENEWAL_INTERVAL = 5.0
LOCK_PATIENCE = 10.0
"""Seconds after the deadline in which the thread that writes should have got Python's lock."""
DUMP_SIGNAL = getattr(signal, 'SIGUSR2', 0)
"""The signal at which a process writes to stderr what each of its threads is doing; 0 where there is none."""


class LoopDeadline:
    """Ends the process when its event loop has not run for a minute, after writing to stderr what each thread does.

    Supervisord starts the process again, or Docker, which by itself restarts only what has ended.

    A thread of Python's keeps the time. It has Python's lock while it writes, so that no other thread changes what it
    reads. Where C code keeps that lock, the thread cannot run; there :mod:`faulthandler` ends the process a little
    later, from a thread that needs no lock. It comes last because it may crash when other threads run while it reads
    (https://github.com/python/cpython/issues/116008), and the log then lacks what was asked.
    """

    def __init__(self, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._renewing: asyncio.Task[None] | None = None
        self._renewed = threading.Event()

    def start(self) -> None:
        """Watch the running event loop; safe to call twice."""
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew())
            self._renewing.add_done_callback(lambda _: self._renewed.set())
            threading.Thread(target=self._watch, args=(self._renewing,), name='deadline', daemon=True).start()
            with suppress(AttributeError, OSError, RuntimeError, ValueError):  # not a Unix, or stderr is no file
                faulthandler.register(DUMP_SIGNAL, all_threads=True)

    def stop(self) -> None:
        """Watch no longer; safe to call twice."""
        if self._renewing is not None:
            renewing, self._renewing = self._renewing, None
            renewing.get_loop().call_soon_threadsafe(renewing.cancel)

    async def _renew(self) -> None:
        try:
            while True:
                self._renewed.set()
                with suppress(AttributeError, OSError, RuntimeError):  # stderr is no file
                    faulthandler.dump_traceback_later(self._deadline + LOCK_PATIENCE, exit=True)
                await asyncio.sleep(RENEWAL_INTERVAL)
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _watch(self, renewing: asyncio.Task[None]) -> None:
        while self._renewed.wait(self._deadline):
            self._renewed.clear()
            if renewing.done():
                return
        with suppress(AttributeError, OSError, RuntimeError):  # stderr is no file
            sys.stderr.write(f'The event loop has stood still for {self._deadline:g} s: the process ends.\n')
            sys.stderr.flush()
            faulthandler.dump_traceback(all_threads=True)
        os._exit(1)
