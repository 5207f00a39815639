"""A cache in files, which the processes of one machine share. It uses the library diskcache."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import diskcache
from filelock import FileLock

from .cache import CacheEntry, ComputingCache
from .version import Version

PATIENCE = 1.0
"""Seconds to wait for the cache's files. After that it is cheaper to compute the value."""
COMPUTE_PATIENCE = 5.0
"""Seconds to wait for another process that computes the same value. After that this process computes it, too."""
LOCK_POLL_INTERVAL = 0.005
"""Seconds between two checks whether the other process has finished."""
BLOB_SIZE = 4 * 2**20
"""Values up to this number of bytes are kept in the cache's database, which is several times faster than files."""
VERSION_END = b'\n'
"""What stands between an entry's version and its value."""

log = logging.getLogger(__name__)


class DiskCache(ComputingCache):
    """A cache in files, which the processes of one machine share and which stays over restarts.

    Values are bytes and never pickles (CVE-2025-69872). Only the owner can enter the directory. If the directory is
    deleted or corrupt, it is made again. While that is impossible, every value is computed.

    :param directory: the directory of the files; its name contains the environment, so each environment has its own
    :param ttl: seconds for which an entry is valid
    :param size_limit: bytes on disk; when the cache is larger, :meth:`cull` deletes old entries
    """

    def __init__(self, directory: Path, ttl: float, size_limit: int) -> None:
        super().__init__()
        self._directory = directory
        self._ttl = ttl
        self._size_limit = size_limit
        self._cache: diskcache.Cache | None = None
        self._file_id: int | None = None
        self._problem = ''
        self._opening = threading.Lock()

    def cull(self) -> None:
        """Delete expired entries, and old ones as long as the cache exceeds its size limit."""
        self._try(lambda cache: (cache.expire(), cache.cull()))

    def close(self) -> None:
        """Close the files."""
        with self._opening:
            if self._cache is not None:
                self._cache.close()
                self._cache = None

    def _load(self, key: str) -> CacheEntry | None:
        return _unpack(self._try(lambda cache: cache.get(key)))

    def _store(self, key: str, entry: CacheEntry, before: Version | None) -> None:
        def store(cache: diskcache.Cache) -> None:
            with cache.transact():
                stored = _unpack(cache.get(key))
                if stored is None or _takes_place_of(entry, stored.version, before):
                    cache.set(key, _pack(entry), expire=self._ttl)

        self._try(store)

    def _try(self, action: Callable[[diskcache.Cache], Any]) -> Any:
        """Return the result of an action; ``None`` if it fails because of the files, whatever is wrong with them."""
        try:
            result = action(self._open())
        except diskcache.Timeout:
            log.warning('the cache is too busy to be used')
        except (sqlite3.Error, OSError) as error:
            if str(error) != self._problem:  # once for each problem, not for each request
                log.warning('the cache cannot be used and is made again: %s', error)
            self._problem = str(error)
            self._discard()
        else:
            self._problem = ''
            return result
        return None

    def _open(self) -> diskcache.Cache:
        with self._opening:
            if self._cache is None or self._file_id != self._current_file_id():
                self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._directory.chmod(0o700)
                self._cache = diskcache.Cache(
                    str(self._directory),
                    timeout=PATIENCE,
                    disk=BytesOnlyDisk,
                    size_limit=self._size_limit,
                    disk_min_file_size=BLOB_SIZE,
                )
                self._file_id = self._current_file_id()
            return self._cache

    def _discard(self) -> None:
        with self._opening:
            if self._file_id == self._current_file_id():  # otherwise another process has already made it again
                shutil.rmtree(self._directory, ignore_errors=True)
            self._cache = None

    def _current_file_id(self) -> int | None:
        try:
            return int((self._directory / diskcache.core.DBNAME).stat().st_ino)
        except OSError:
            return None

    @contextmanager
    def _between_processes(self, key: str) -> Iterator[None]:
        lock = FileLock(self._directory.with_name(f'{self._directory.name}.{quote(key, safe="")}.lock'))
        with ExitStack() as held:
            with suppress(OSError):  # without the lock, two processes may compute the same value, which does no harm
                held.enter_context(lock.acquire(timeout=COMPUTE_PATIENCE, poll_interval=LOCK_POLL_INTERVAL))
            yield


def _takes_place_of(entry: CacheEntry, stored: Version, before: Version | None) -> bool:
    """Return whether an entry is newer than what is stored.

    :param before: the version that was stored when the computation began; if it still is, the entry is of a later
        moment, of whichever history
    """
    return stored == before or stored.number <= entry.version.number


def _pack(entry: CacheEntry) -> bytes:
    return entry.version.text.encode() + VERSION_END + entry.value


def _unpack(stored: Any) -> CacheEntry | None:
    """Return an entry that was stored, ``None`` if it is none, as one of an older release."""
    if not isinstance(stored, bytes):
        return None
    text, _, value = stored.partition(VERSION_END)
    try:
        return CacheEntry(Version.from_text(text.decode()), value)
    except ValueError:
        return None


class BytesOnlyDisk(diskcache.Disk):  # type: ignore[misc]
    """Writes no pickles, and loads none, even if somebody has put one into the directory."""

    def store(self, value: Any, read: bool, key: Any = diskcache.UNKNOWN) -> Any:
        """Store bytes; refuse anything else."""
        if not isinstance(value, bytes):
            raise TypeError(f'the cache keeps bytes, not {type(value).__name__}')
        return super().store(value, read, key)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
        """Return bytes; refuse anything else."""
        if mode not in {diskcache.core.MODE_RAW, diskcache.core.MODE_BINARY}:
            raise sqlite3.DatabaseError('it contains values that are not bytes')
        return super().fetch(mode, filename, value, read)
