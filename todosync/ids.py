"""Ids that whoever makes a row gives to it: never used twice, in whichever process, database or copy it is made."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

ID_MAX = 2**53 - 1
"""The largest id, on either side of zero, that JavaScript tells from its neighbours."""
GIVEN_ID_MAX = ID_MAX - 2**40
"""The largest id to give to a row: what is above is for the rows that SQLite numbers itself, each after the largest."""
RANDOM_BITS = 12
EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
LAST_MILLISECOND = (GIVEN_ID_MAX - 2**40) >> RANDOM_BITS
"""Of the year 2094. A clock that is wrong and says more leaves ids to give, too."""


class IdMaker:
    """Makes ids of 53 bits: 41 of milliseconds since 2025, and 12 of chance. Each is higher than the one before.

    An id that is made of the time is not used again when a backup is restored, or rows are copied to another database.
    Two makers may, once in a long time, make the same one in the same millisecond: then the database refuses the row,
    and its maker gives it another id.

    :param clock: returns seconds since 1970

    Example::

        make_id = IdMaker()
        note = Note(id=make_id(), text='Call Ann')
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._last = 0
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """Return the next id."""
        milliseconds = int((self._clock() - EPOCH.timestamp()) * 1000)
        milliseconds = min(max(milliseconds, 0), LAST_MILLISECOND)  # a clock that is wrong still makes ids
        with self._lock:
            self._last = max(milliseconds << RANDOM_BITS | secrets.randbits(RANDOM_BITS), self._last + 1)
            return self._last


new_id = IdMaker()
"""This process's maker, as the default of a model's key. An id needs 64 bits on PostgreSQL.

Example::

    class Note(SQLModel, table=True):
        id: int | None = Field(
            default_factory=new_id,
            sa_column=Column(BigInteger().with_variant(Integer, 'sqlite'), primary_key=True),
        )
"""
