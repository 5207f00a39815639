"""The source of a stream: the database, and the cache in front of it."""

from __future__ import annotations

import orjson

from todosync.database import Database

from .cache import Cache, CacheEntry
from .messages import Delta
from .stream import Stream


class Source:
    """Reads a stream. All methods block, so call them in threads.

    :param stream: the stream
    :param database: has the stream's table and its change log
    :param cache: keeps the JSON of the last snapshot
    """

    def __init__(self, stream: Stream, database: Database, cache: Cache) -> None:
        self.stream = stream
        self._database = database
        self._cache = cache

    def read(self) -> CacheEntry:
        """Return the snapshot message as JSON, with its version.

        It is never older than the last commit: only the rows come from the cache. The version is read from the database
        each time, which costs next to nothing.
        """
        with self._database.read() as session:
            version = self.stream.version(session)
        return self._cache.fetch(self.stream.topic, version, self._compute)

    def read_since(self, version: int | None) -> Delta | CacheEntry:
        """Return what has changed since a version, or the snapshot if the change log does not reach back that far.

        :param version: the version that the caller has; ``None`` or -1 for none
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
