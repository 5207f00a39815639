"""The cache of JSON values, each with its version: the contract, and the adapter for one process."""

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
    """A cached value, and the version of the rows from which it was made.

    :param version: the version
    :param value: the value, as JSON bytes

    Example::

        entry = server.cache.fetch('notes.open', version, lambda: CacheEntry(version, b'[]'))
    """

    version: int
    value: bytes


@dataclass
class Usage:
    """How often a cache had the value (hits) and had not (misses), in this process."""

    hits: int = 0
    misses: int = 0


class Cache(Protocol):
    """What every cache adapter promises. Any thread without an event loop may call it. Calls may block.

    An entry is never returned for a version newer than its own, and never replaced by an older one. So it does no harm
    if a slow reader stores rows that it read before another program's commit. A missing entry does no harm either, so
    the cache may lose all entries at any time.
    """

    usage: Usage

    def fetch(self, key: str, version: int, compute: Callable[[], CacheEntry]) -> CacheEntry:
        """Return the entry if it is of this version or newer; otherwise compute it, once for concurrent callers."""

    def invalidate(self, key: str) -> None:
        """Delete an entry if there is one."""

    def cull(self) -> None:
        """Delete expired entries, and old ones as long as the cache exceeds its size limit."""

    def close(self) -> None:
        """Release all files and memory; safe to call twice."""


class MemoryCache:
    """A cache in this process.

    :param ttl: seconds for which an entry is valid
    :param clock: returns the time in seconds
    """

    def __init__(self, ttl: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.usage = Usage()
        self._ttl = ttl
        self._clock = clock
        self._entries: dict[str, tuple[float, CacheEntry]] = {}
        self._computing: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def fetch(self, key: str, version: int, compute: Callable[[], CacheEntry]) -> CacheEntry:
        """Return the entry if it is of this version or newer; otherwise compute it, once for concurrent callers."""
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
        """Delete an entry if there is one."""
        self._entries.pop(key, None)

    def cull(self) -> None:
        """Delete expired entries."""
        for key, (expires, _) in list(self._entries.items()):
            if expires <= self._clock():
                self._entries.pop(key, None)

    def close(self) -> None:
        """Delete all entries."""
        self._entries.clear()

    def _load(self, key: str, version: int) -> CacheEntry | None:
        expires, entry = self._entries.get(key, (0.0, None))
        return entry if entry is not None and entry.version >= version and self._clock() < expires else None
