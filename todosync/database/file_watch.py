"""Tells when to check a SQLite file for new commits. Checking all the time would keep a processor busy."""

from __future__ import annotations

import logging
import math
import socket
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Self

if sys.platform == 'linux':
    from inotify_simple import INotify, flags

BURST = 0.05
"""Two writes belong to one burst if there are no more seconds than this between them."""
SAFETY_INTERVAL = 1.0
"""Seconds between two checks while the system reports no write, in case it missed one."""
FIRST_PAUSE = 0.001
"""The shortest pause, in seconds, between two checks in a burst."""
UNTIL_FOUND = 0.25
"""Until a check finds a commit, the pause is this share of the time since the last write.

The system reports a write before SQLite commits it. In between, SQLite waits for the disk, for an unknown time. So the
first checks follow quickly, and the later ones ever more slowly."""
AFTER_FOUND = 2.0
"""After a check has found a commit, the pause is this multiple of the time since the last write.

The commit was probably that of the last write. It may be that of an earlier write, so the checks go on."""

log = logging.getLogger(__name__)


class FileWatch:
    """Tells when to check a SQLite file: often while a program writes to it, and seldom otherwise.

    On Linux the system reports writes to the file and to its log by any process, see inotify(7). Where the system
    cannot report writes, every interval is time for a check.

    :param path: the file; its directory must exist
    :param interval: the longest time in seconds between two checks while a program writes
    """

    def __init__(self, path: Path, interval: float) -> None:
        self._path = path.resolve()
        self._names = {self._path.name, f'{self._path.name}-wal', f'{self._path.name}-journal'}
        self._interval = interval
        self._wakeup, self._waker = socket.socketpair()
        self._writes: INotify | None = None
        self._first_write = self._last_write = -math.inf
        self._found = True  # whether a check has found a commit since the last write

    def __enter__(self) -> Self:
        """Begin to watch. Call it in the thread that will call :meth:`wait`; no other thread may wait."""
        with ExitStack() as opened:
            for end in (self._wakeup, self._waker):
                opened.enter_context(end).setblocking(False)
            self._for_wakeup = opened.enter_context(DefaultSelector())
            self._for_anything = opened.enter_context(DefaultSelector())
            for selector in (self._for_wakeup, self._for_anything):
                selector.register(self._wakeup, EVENT_READ)
            self._writes = _writes_in(self._path.parent)
            if self._writes is not None:
                self._for_anything.register(opened.enter_context(self._writes), EVENT_READ)
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._opened.close()

    def wake(self) -> None:
        """Make :meth:`wait` return at once, or at its next call if no thread waits now. Any thread may call this."""
        with suppress(OSError):  # the buffer is full of earlier calls, or the watch has ended
            self._waker.send(b'.')

    def wait(self, *, found: bool = False) -> bool:
        """Wait until it is time for a check.

        :param found: whether the last check has found a commit
        :return: whether :meth:`wake` was called
        """
        self._found = self._found or found
        if self._writes is None:
            self._for_wakeup.select(self._interval)
        else:
            self._wait_for_write(self._writes, time.monotonic())
        return self._is_woken()

    def _wait_for_write(self, writes: INotify, now: float) -> None:
        since_write = now - self._last_write
        is_burst = since_write < BURST
        pause = since_write * (AFTER_FOUND if self._found else UNTIL_FOUND)
        if is_burst:  # a report of each write would wake the thread too often
            pause = max(FIRST_PAUSE, pause, (now - self._first_write) * UNTIL_FOUND)
            self._for_wakeup.select(min(pause, self._interval))
        else:  # the next write wakes the thread; the time limit is for a commit that has not come yet
            self._for_anything.select(min(pause, SAFETY_INTERVAL))
        if self._is_written_to(writes):
            self._last_write, self._found = time.monotonic(), False
            if not is_burst:
                self._first_write = self._last_write

    def _is_written_to(self, writes: INotify) -> bool:
        events = writes.read(timeout=0)
        return any(event.name in self._names or event.mask & flags.Q_OVERFLOW for event in events)

    def _is_woken(self) -> bool:
        with suppress(BlockingIOError):
            return bool(self._wakeup.recv(4096))
        return False


def _writes_in(directory: Path) -> INotify | None:
    """Have the system report writes to the files of a directory; return ``None`` where it cannot."""
    if sys.platform != 'linux':
        return None
    writes = None
    try:
        writes = INotify()
        writes.add_watch(directory, flags.MODIFY)
    except OSError as error:
        log.warning('%s is checked all the time, because the system cannot report writes to it: %s', directory, error)
        if writes is not None:
            writes.close()
        return None
    return writes
