"""The source of a stream: the database, and the cache in front of it."""

from __future__ import annotations

import orjson

from todosync.database import Database

from .cache import Cache, CacheEntry
from .messages import Delta
from .stream import Stream


class Source:
    """Reads a stream. All methods block; they are for threads only.

    :param stream: the stream
    :param database: where its table and its change log are
    :param cache: keeps the JSON of the last snapshot
    """

    def __init__(self, stream: Stream, database: Database, cache: Cache) -> None:
        self.stream = stream
        self._database = database
        self._cache = cache

    def read(self) -> CacheEntry:
        """Return the version and JSON of the snapshot message.

        Never older than the last commit: the version is asked of the database each time, which costs next to
        nothing, and only the list itself comes from the cache.
        """
        with self._database.read() as session:
            version = self.stream.version(session)
        return self._cache.fetch(self.stream.topic, version, self._compute)

    def read_since(self, version: int | None) -> Delta | CacheEntry:
        """Return what has changed since a version; the snapshot where the change log does not reach back to it.

        :param version: the version that somebody holds, ``None`` or -1 for none
        """
        if version is not None and version >= 0:
            with self._database.read() as session:
                delta = self.stream.delta(session, version)
            if delta is not None:
                return delta
        return self.read()

    def _compute(self) -> CacheEntry:
        with self._database.read() as session:
            snapshot = self.stream.snapshot(session)
        return CacheEntry(snapshot.version, orjson.dumps(snapshot.message()))
