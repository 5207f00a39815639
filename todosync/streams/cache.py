"""The cache of JSON values, each with its version: the contract, and the adapter for one process."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
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


class Computing:
    """Which values are being computed in this process, and when the last ones were."""

    def __init__(self) -> None:
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._last: dict[str, tuple[int, Version]] = {}
        self._ticks = count()

    def now(self) -> int:
        """Return a number that is higher than all before."""
        return next(self._ticks)

    def turn(self, key: str) -> threading.Lock:
        """Return the lock under which a key's value is computed."""
        return self._locks[key]

    def note(self, key: str, began: int, version: Version) -> None:
        """Note that a key's value has been computed from what was there at a moment."""
        self._last[key] = began, version

    def may_serve(self, key: str, entry: CacheEntry | None, version: Version, asked: int) -> TypeGuard[CacheEntry]:
        """Return whether an entry is the answer to somebody who asked for a version at a moment."""
        if entry is None or not entry.version.mark:
            return False
        began, computed = self._last.get(key, (-1, NOTHING))
        return entry.version == version or (entry.version == computed and began > asked)


def replaces(entry: CacheEntry, stored: Version | None, before: Version | None) -> bool:
    """Return whether an entry takes the place of what is stored.

    :param stored: the version that is stored
    :param before: the version that was stored when the entry was begun to be computed: whatever history it is of, the
        entry is of a later moment
    """
    return stored is None or stored == before or stored.number <= entry.version.number


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
        self._computing = Computing()

    def fetch(self, key: str, version: Version, compute: Callable[[], CacheEntry]) -> CacheEntry:
        """Return the entry if it is of this version; otherwise compute it, once for concurrent callers."""
        forbid_event_loop('The cache')
        asked, entry = self._computing.now(), self._load(key)
        if not self._computing.may_serve(key, entry, version, asked):
            with self._computing.turn(key):
                entry = self._load(key)
                if not self._computing.may_serve(key, entry, version, asked):
                    self.usage.misses += 1
                    began = self._computing.now()
                    entry = compute()
                    self._entries[key] = (self._clock() + self._ttl, entry)
                    self._computing.note(key, began, entry.version)
                    return entry
        self.usage.hits += 1
        assert entry is not None
        return entry

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
