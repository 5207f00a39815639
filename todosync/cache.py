"""The cache: JSON bytes with the version that they are of, in memory or in diskcache."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import diskcache

from .database import forbid_event_loop

LOCK_EXPIRY = 5.0
"""Seconds after which a computation that another process began is taken for dead."""
VERSION_BYTES = 8


@dataclass(frozen=True)
class Entry:
    """A cached value and the version that it is of."""

    version: int
    value: bytes


class Cache(Protocol):
    """What every cache adapter promises. Calls may come from any thread but an event loop's, and may block.

    A value is never served for a version newer than its own, so a value stored late, by a reader that loaded it
    before somebody else's commit, can do no harm. A miss is always safe.
    """

    def fetch(self, key: str, version: int, compute: Callable[[], Entry]) -> Entry:
        """Return the entry if it is of ``version`` or newer; otherwise compute it, once for concurrent callers."""

    def invalidate(self, key: str) -> None:
        """Drop an entry; a missing one is fine."""

    def close(self) -> None:
        """Release what the adapter holds; safe to call twice."""


class MemoryCache:
    """A cache in this process.

    :param ttl: seconds that an entry lives
    :param clock: returns the time in seconds
    """

    def __init__(self, ttl: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._ttl = ttl
        self._clock = clock
        self._entries: dict[str, tuple[float, Entry]] = {}
        self._computing: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def fetch(self, key: str, version: int, compute: Callable[[], Entry]) -> Entry:
        """Return the entry if it is of ``version`` or newer; otherwise compute it, once for concurrent callers."""
        forbid_event_loop('The cache')
        if (entry := self._get(key, version)) is not None:
            return entry
        with self._computing[key]:
            if (entry := self._get(key, version)) is not None:
                return entry
            entry = compute()
            self._entries[key] = (self._clock() + self._ttl, entry)
            return entry

    def invalidate(self, key: str) -> None:
        """Drop an entry; a missing one is fine."""
        self._entries.pop(key, None)

    def close(self) -> None:
        """Drop everything."""
        self._entries.clear()

    def _get(self, key: str, version: int) -> Entry | None:
        expires, entry = self._entries.get(key, (0.0, None))
        return entry if entry is not None and entry.version >= version and self._clock() < expires else None


class DiskCache:
    """A cache in files, shared by the processes of a machine and kept over restarts.

    Values are bytes, never pickles (CVE-2025-69872), in a directory that only its owner can enter.

    :param directory: where the files are; the last part serves as namespace of the environment
    :param ttl: seconds that an entry lives
    :param size_limit: bytes on disk, beyond which old entries are culled
    """

    def __init__(self, directory: Path, ttl: float, size_limit: int) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.chmod(directory, 0o700)
        self._ttl = ttl
        self._cache = diskcache.Cache(str(directory), size_limit=size_limit, disk_min_file_size=4 * 2**20)
        self._computing: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def fetch(self, key: str, version: int, compute: Callable[[], Entry]) -> Entry:
        """Return the entry if it is of ``version`` or newer; otherwise compute it, once for concurrent callers."""
        forbid_event_loop('The cache')
        if (entry := self._get(key, version)) is not None:
            return entry
        # the first lock keeps this process's threads from spinning on the second, which is for the other processes
        with self._computing[key], diskcache.Lock(self._cache, f'{key}:computing', expire=LOCK_EXPIRY):
            if (entry := self._get(key, version)) is not None:
                return entry
            entry = compute()
            self._cache.set(key, entry.version.to_bytes(VERSION_BYTES) + entry.value, expire=self._ttl)
            return entry

    def invalidate(self, key: str) -> None:
        """Drop an entry; a missing one is fine."""
        self._cache.delete(key)

    def close(self) -> None:
        """Close the files."""
        self._cache.close()

    def _get(self, key: str, version: int) -> Entry | None:
        stored = self._cache.get(key)
        if not isinstance(stored, bytes):
            return None
        entry = Entry(int.from_bytes(stored[:VERSION_BYTES]), stored[VERSION_BYTES:])
        return entry if entry.version >= version else None
