"""The tables in which writes are noted, so that each is done only once, and a delete can be taken back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text

BIG = BigInteger().with_variant(Integer, 'sqlite')


def _text(name: str, *, is_key: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=is_key, nullable=False)


def _number(name: str, *, is_key: bool = False) -> Column[int]:
    return Column(name, BIG, primary_key=is_key, nullable=False)


def _time() -> Column[int]:
    return Column('at', BIG, nullable=False, index=True)


METADATA = MetaData()
done = Table(
    'todosync_done',
    METADATA,
    _text('key', is_key=True),
    _text('request'),
    _text('outcome'),
    _time(),
    sqlite_strict=True,
)
"""Writes that were sent with a key: a hash of the request, and its outcome as JSON."""
queues = Table(
    'todosync_queues',
    METADATA,
    _text('queue', is_key=True),
    _number('last_sequence'),
    _time(),
    Column('person', Text, nullable=False, server_default=''),
    sqlite_strict=True,
)
"""The queues of browsers: the number of the last write that was decided, when that was, and whose the queue is: a hash
as of :func:`todosync.streams.person_key`, empty for nobody. A build before did not know whose."""
outcomes = Table(
    'todosync_outcomes',
    METADATA,
    _text('queue', is_key=True),
    _number('sequence', is_key=True),
    _text('request'),
    _text('outcome'),
    sqlite_strict=True,
)
"""What was decided of a queue's writes and is not confirmed yet: a hash of the write, and its outcome as JSON."""
deleted = Table(
    'todosync_deleted_rows',
    METADATA,
    _text('queue', is_key=True),
    _text('stream', is_key=True),
    _text('id', is_key=True),
    _text('row'),
    _time(),
    sqlite_strict=True,
)
"""The rows that a queue has deleted, all columns as JSON, and when that was."""


def seconds(moment: datetime) -> int:
    """Return a time as the column ``at`` holds it: whole seconds since 1970.

    :param moment: the time, with a time zone
    """
    return int(moment.timestamp())
