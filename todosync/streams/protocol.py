"""The number of the form that messages have, for processes of different versions that share a cache and a cable."""

from __future__ import annotations

PROTOCOL = 2
"""Rises when the fields of a snapshot or a delta change. 1: totals were named ``derived``. 2: they are ``totals``."""


def topic(stream_name: str) -> str:
    """Return the name under which a stream's messages are in the cache and on the cable.

    While a server is upgraded, old and new processes run side by side. With the number in the name, neither reads
    messages of the other's form; each broadcasts to those of its own.
    """
    return f'{stream_name}@{PROTOCOL}'
