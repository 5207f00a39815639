"""When it is worth a look whether somebody has committed to a SQLite file."""

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
"""Seconds between two writes that belong together."""
SAFETY_INTERVAL = 1.0
"""Seconds between two looks while nobody is seen to write, should a write go unseen, or its commit take long."""
FIRST_PAUSE = 0.001
"""Seconds from a first write to the second look. SQLite writes, has the disk synced, and then commits, however long
that takes: the further pauses follow from the time since the write."""
UNTIL_FOUND = 0.25
AFTER_FOUND = 2.0
"""Seconds of pause for each second since the write, before a commit is found and after: it may have been that of an
earlier write, so that another one is still to come, but hardly ever is."""

log = logging.getLogger(__name__)


class FileWatch:
    """Paces the looks at a SQLite file: close together while somebody writes to it, and hardly any otherwise.

    On Linux the system tells of writes to the file or to its log, whatever process they are of: inotify(7). Elsewhere,
    and where it has no more of that to give, somebody might be writing all the time.

    :param path: the file; its directory has to be there
    :param interval: seconds between two looks while somebody writes
    """

    def __init__(self, path: Path, interval: float) -> None:
        self._path = path.resolve()
        self._names = {self._path.name, f'{self._path.name}-wal', f'{self._path.name}-journal'}
        self._interval = interval
        self._wakeup, self._waker = socket.socketpair()
        self._writes: INotify | None = None
        self._first_write = self._last_write = -math.inf
        self._found = True  # a commit, since the last write

    def __enter__(self) -> Self:
        """Begin to watch. Blocks: call it in a thread, the only one that may wait."""
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
        """Have :meth:`wait` return at once, now or when it is next called; from any thread."""
        with suppress(OSError):  # it has been woken as often as can be, or nobody waits any more
            self._waker.send(b'.')

    def wait(self, *, found: bool = False) -> bool:
        """Wait until it is time for a look.

        :param found: whether the last look has found a commit
        :return: whether the time has come because of :meth:`wake`
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
        if is_burst:  # one after the other: to be told of each would be too often
            pause = max(FIRST_PAUSE, pause, (now - self._first_write) * UNTIL_FOUND)
            self._for_wakeup.select(min(pause, self._interval))
        else:  # told at once of the next, and the last may not be committed yet
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
    """Have the system tell of writes to the files of a directory, where it can."""
    if sys.platform != 'linux':
        return None
    writes = None
    try:
        writes = INotify()
        writes.add_watch(directory, flags.MODIFY)
    except OSError as error:
        log.warning('%s is looked at all the time, since the system cannot tell of writes: %s', directory, error)
        if writes is not None:
            writes.close()
        return None
    return writes
