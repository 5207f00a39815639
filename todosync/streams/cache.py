"""The cache of JSON values, each with its version: the contract, what adapters share, and the one for one process."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import count
from typing import Protocol, TypeGuard

from todosync.database import forbid_event_loop

from .version import NOTHING, Version


@dataclass(frozen=True)
class CacheEntry:
    """A cached value, and the version of the rows from which it was made.

    :param version: the version
    :param value: the value, as JSON bytes

    Example::

        entry = server.cache.fetch('notes.open', version, lambda: CacheEntry(version, b'[]'))
    """

    version: Version
    value: bytes


@dataclass
class Usage:
    """How often a cache had the value (hits) and had not (misses), in this process."""

    hits: int = 0
    misses: int = 0


class Cache(Protocol):
    """What every cache adapter promises. Any thread without an event loop may call it. Calls may block.

    An entry is returned for its own version only, number and mark, or if it was computed after the caller asked. So
    nothing has to be deleted: an entry of another state of the database, or of another database, is not found.
    A slow reader that stores rows which it read before another program's commit replaces nothing newer. A missing entry
    does no harm, so the cache may lose all entries at any time.
    """

    usage: Usage

    def fetch(self, key: str, version: Version, compute: Callable[[], CacheEntry]) -> CacheEntry:
        """Return the entry if it is of this version; otherwise compute it, once for concurrent callers."""

    def cull(self) -> None:
        """Delete expired entries, and old ones as long as the cache exceeds its size limit."""

    def close(self) -> None:
        """Release all files and memory; safe to call twice."""


class ComputingCache(ABC):
    """What the adapters share: an entry that may not be served is computed, once for all who ask meanwhile."""

    def __init__(self) -> None:
        self.usage = Usage()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._computed: dict[str, tuple[int, Version]] = {}
        """When the last computation of a key's entry began, and the version that it found."""
        self._ticks = count()

    def fetch(self, key: str, version: Version, compute: Callable[[], CacheEntry]) -> CacheEntry:
        """Return the entry if it is of this version; otherwise compute it, once for concurrent callers."""
        forbid_event_loop('The cache')
        asked, entry = next(self._ticks), self._load(key)
        if not self._may_serve(entry, key, version, asked):
            # the first lock keeps out other threads of this process, the second one other processes
            with self._locks[key], self._between_processes(key):
                entry = self._load(key)
                if not self._may_serve(entry, key, version, asked):
                    self.usage.misses += 1
                    before, began = entry.version if entry else None, next(self._ticks)
                    entry = compute()
                    self._store(key, entry, before)
                    self._computed[key] = began, entry.version
                    return entry
        self.usage.hits += 1
        return entry

    @abstractmethod
    def _load(self, key: str) -> CacheEntry | None: ...

    @abstractmethod
    def _store(self, key: str, entry: CacheEntry, before: Version | None) -> None:
        """Store an entry.

        :param before: the version of the entry that was there when the computation began
        """

    def _between_processes(self, key: str) -> AbstractContextManager[None]:
        """Return what is held while an entry is computed, so that no other process computes it, too."""
        return nullcontext()

    def _may_serve(self, entry: CacheEntry | None, key: str, version: Version, asked: int) -> TypeGuard[CacheEntry]:
        """Return whether an entry is the answer to somebody who asked for a version at a moment."""
        if entry is None or not entry.version.mark:
            return False
        began, computed = self._computed.get(key, (-1, NOTHING))
        return entry.version == version or (entry.version == computed and began > asked)


class MemoryCache(ComputingCache):
    """A cache in this process.

    :param ttl: seconds for which an entry is valid
    :param clock: returns the time in seconds
    """

    def __init__(self, ttl: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._ttl = ttl
        self._clock = clock
        self._entries: dict[str, tuple[float, CacheEntry]] = {}

    def cull(self) -> None:
        """Delete expired entries."""
        for key, (expires, _) in list(self._entries.items()):
            if expires <= self._clock():
                self._entries.pop(key, None)

    def close(self) -> None:
        """Delete all entries."""
        self._entries.clear()

    def _load(self, key: str) -> CacheEntry | None:
        expires, entry = self._entries.get(key, (0.0, None))
        return entry if self._clock() < expires else None

    def _store(self, key: str, entry: CacheEntry, before: Version | None) -> None:
        self._entries[key] = (self._clock() + self._ttl, entry)
