"""The cache: JSON bytes, each with its version. The contract, and the adapter for one process."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from todosync.database import forbid_event_loop


@dataclass(frozen=True)
class CacheEntry:
    """A cached value and the version that it is of.

    :param version: the version
    :param value: JSON

    Example::

        entry = server.cache.fetch('notes.open', version, lambda: CacheEntry(version, b'[]'))
    """

    version: int
    value: bytes


@dataclass
class Usage:
    """How often a cache had what was asked for, in this process."""

    hits: int = 0
    misses: int = 0


class Cache(Protocol):
    """What every cache adapter promises. Calls may come from any thread but an event loop's, and may block.

    A value is never served for a version newer than its own, and never replaced by one of an older version; so a
    value stored late, by a reader that loaded it before somebody else's commit, can do no harm. A miss is always
    safe, and so the cache may lose everything at any time without anybody being told.
    """

    usage: Usage

    def fetch(self, key: str, version: int, compute: Callable[[], CacheEntry]) -> CacheEntry:
        """Return the entry if it is of ``version`` or newer; otherwise compute it, once for concurrent callers."""

    def invalidate(self, key: str) -> None:
        """Drop an entry; a missing one is fine."""

    def cull(self) -> None:
        """Drop what has expired, and what exceeds the size limit."""

    def close(self) -> None:
        """Release what the adapter holds; safe to call twice."""


class MemoryCache:
    """A cache in this process.

    :param ttl: seconds that an entry lives
    :param clock: returns the time in seconds
    """

    def __init__(self, ttl: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.usage = Usage()
        self._ttl = ttl
        self._clock = clock
        self._entries: dict[str, tuple[float, CacheEntry]] = {}
        self._computing: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def fetch(self, key: str, version: int, compute: Callable[[], CacheEntry]) -> CacheEntry:
        """Return the entry if it is of ``version`` or newer; otherwise compute it, once for concurrent callers."""
        forbid_event_loop('The cache')
        if (entry := self._load(key, version)) is None:
            with self._computing[key]:
                if (entry := self._load(key, version)) is None:
                    self.usage.misses += 1
                    entry = compute()
                    self._entries[key] = (self._clock() + self._ttl, entry)
                    return entry
        self.usage.hits += 1
        return entry

    def invalidate(self, key: str) -> None:
        """Drop an entry; a missing one is fine."""
        self._entries.pop(key, None)

    def cull(self) -> None:
        """Drop what has expired."""
        for key, (expires, _) in list(self._entries.items()):
            if expires <= self._clock():
                self._entries.pop(key, None)

    def close(self) -> None:
        """Drop everything."""
        self._entries.clear()

    def _load(self, key: str, version: int) -> CacheEntry | None:
        expires, entry = self._entries.get(key, (0.0, None))
        return entry if entry is not None and entry.version >= version and self._clock() < expires else None
