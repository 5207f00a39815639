"""Which of several processes owns a thing: an operating system's or a database's lock, which ends with its holder."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout


class Ownership(Protocol):
    """Held by at most one process at a time, and free as soon as that process ends, however it ends."""

    def acquire(self) -> bool:
        """Return whether this process is the owner, after trying to become it. Does not wait for another owner."""

    def release(self) -> None:
        """Let another process be the owner; safe to call twice."""


class SoleOwnership:
    """For what no other process can reach."""

    def acquire(self) -> bool:
        """Return true."""
        return True

    def release(self) -> None:
        """Do nothing."""


class FileOwnership:
    """Between the processes of a machine.

    :param path: the file to lock; it is made if it is missing
    """

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path, thread_local=False)

    def acquire(self) -> bool:
        """Return whether this process is the owner, after trying to become it."""
        if not self._lock.is_locked:
            with suppress(Timeout):
                self._lock.acquire(timeout=0)
        return self._lock.is_locked

    def release(self) -> None:
        """Let another process be the owner; safe to call twice."""
        self._lock.release()
