"""The version number of the messages' format, for processes of different releases that share a cache and a cable."""

from __future__ import annotations

PROTOCOL = 3
"""Increase it when the fields of a snapshot or a delta change. 1: totals were called ``derived``. 2: ``totals``. 3: a
version is a number and a mark."""


def topic(stream_name: str, shape: str) -> str:
    """Return the name of a stream's messages in the cache and on the cable.

    During an upgrade old and new processes run side by side. The number and the shape in the name keep either from
    reading messages in the format of the other, or rows that lack a field; each process broadcasts to those of its own
    release.

    :param stream_name: the name of the stream
    :param shape: tells streams of one name apart whose rows differ, see :attr:`Stream.shape`
    """
    return f'{stream_name}@{PROTOCOL}.{shape}'
