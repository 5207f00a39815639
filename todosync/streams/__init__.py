"""The streams room, the read side: a table, its copy in each process, and its way to the browsers.

Imports ``cable``, ``jobs``, ``access`` and ``database`` only.
"""

from .broadcaster import Broadcaster
from .cache import Cache, CacheEntry, DiskCache, MemoryCache
from .channel import Channel
from .messages import Delta, Row, Snapshot
from .replica import Replica
from .stream import Stream, Total, count, total

__all__ = [
    'Broadcaster',
    'Cache',
    'CacheEntry',
    'Channel',
    'Delta',
    'DiskCache',
    'MemoryCache',
    'Replica',
    'Row',
    'Snapshot',
    'Stream',
    'Total',
    'count',
    'total',
]
