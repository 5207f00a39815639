"""The version number of the messages' format, for processes of different releases that share a cache and a cable."""

from __future__ import annotations

PROTOCOL = 2
"""Increase it when the fields of a snapshot or a delta change. 1: totals were called ``derived``. 2: ``totals``."""


def topic(stream_name: str) -> str:
    """Return the name of a stream's messages in the cache and on the cable.

    During an upgrade old and new processes run side by side. The number in the name keeps either from reading messages
    in the format of the other; each process broadcasts to those of its own release.
    """
    return f'{stream_name}@{PROTOCOL}'
