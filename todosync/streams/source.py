"""The source of a stream: the database, and the cache in front of it."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from todosync.database import Database

from .cache import Cache, CacheEntry
from .messages import Delta, ScopeValue, replacing
from .scope import key_of
from .stream import Stream
from .version import NOTHING, Version


@dataclass(frozen=True)
class EncodedSnapshot:
    """All rows as JSON, for a reader that no delta brings up to date.

    :param entry: the version and JSON of the snapshot message
    :param replaces: whether the reader has to take the rows even if their version has a lower number than its own: it
        holds nothing, or a version that the change log does not know, as after the database was put back
    """

    entry: CacheEntry
    replaces: bool

    @property
    def version(self) -> Version:
        """The version of the rows."""
        return self.entry.version

    @property
    def encoded(self) -> bytes:
        """The JSON of the message."""
        return replacing(self.entry.value) if self.replaces else self.entry.value


class Source:
    """Reads a stream. All methods block, so call them in threads.

    :param stream: the stream
    :param database: has the stream's table and its change log
    :param cache: keeps the JSON of the last snapshot
    :param scope: the scope that is read, of a stream with scopes
    """

    def __init__(self, stream: Stream, database: Database, cache: Cache, scope: ScopeValue | None = None) -> None:
        self.stream = stream
        self.scope = scope
        self._database = database
        self._cache = cache

    def read(self) -> CacheEntry:
        """Return the snapshot message as JSON, with its version.

        It is never older than the last commit: only the rows come from the cache. The version is read from the database
        each time, which costs next to nothing.
        """
        return self._cache.fetch(key_of(self.stream.topic, self.scope), self.version(), self._compute)

    def read_since(self, version: Version) -> Delta | EncodedSnapshot:
        """Return what has changed since a version, or all rows if the change log does not tell.

        :param version: the version that the caller has
        """
        if version == NOTHING:
            return EncodedSnapshot(self.read(), replaces=True)
        with self._database.read() as session:
            delta = self.stream.delta(session, version, self.scope)
            is_known = delta is not None or self.stream.has_held(session, version)
        return delta or EncodedSnapshot(self.read(), replaces=not is_known)

    def version(self) -> Version:
        """Return the version of what is committed by now."""
        with self._database.read() as session:
            return self.stream.version(session, self.scope)

    def count(self) -> tuple[Version, int]:
        """Return the version and the number of rows of one moment."""
        with self._database.read() as session:
            return self.stream.version(session, self.scope), self.stream.count(session)

    def renew(self) -> None:
        """Have everybody get a snapshot, whatever version they hold."""
        self._database.forget_changes(self.stream.log_table)

    def _compute(self) -> CacheEntry:
        with self._database.read() as session:
            snapshot = self.stream.snapshot(session, self.scope)
        return CacheEntry(snapshot.version, orjson.dumps(snapshot.message()))
