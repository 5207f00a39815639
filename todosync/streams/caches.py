"""Which cache the settings ask for."""

from __future__ import annotations

from todosync.settings import Settings

from .cache import Cache, MemoryCache
from .disk_cache import DiskCache


def make_cache(settings: Settings) -> Cache:
    """Return the cache that the settings ask for: in production the processes of a machine share one in files.

    :param settings: the settings
    """
    if settings.is_production:
        return DiskCache(settings.cache_dir, settings.cache_ttl, settings.cache_size_limit)
    return MemoryCache(settings.cache_ttl)
