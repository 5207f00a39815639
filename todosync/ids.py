"""Ids that a server gives to new rows. No id is used twice, in any process, database or copy of a database."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

ID_MAX = 2**53 - 1
"""The largest id, positive or negative, that JavaScript can represent exactly.

Example::

    CheckConstraint(f'id BETWEEN -{ID_MAX} AND {ID_MAX}')
"""
GIVEN_ID_MAX = ID_MAX - 2**40
"""The largest id that a server gives. The higher ones are for rows that SQLite numbers itself, from the largest on."""
RANDOM_BITS = 12
UUID_RANDOM_BITS = 74
UUID_LOW_BITS = 62
"""Those of the random bits that stand after the variant of a UUID."""
EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
LAST_MILLISECOND = (GIVEN_ID_MAX - 2**40) >> RANDOM_BITS
"""In the year 2094. So even a wrong clock that shows a later time leaves ids to give."""


class _RisingNumbers:
    """Makes numbers of a time and of random bits, each higher than the one before. Any thread may ask for one.

    :param random_bits: how many bits are random
    """

    def __init__(self, random_bits: int) -> None:
        self._random_bits = random_bits
        self._last = 0
        self._lock = threading.Lock()

    def make(self, milliseconds: int) -> int:
        """Return the next number, with this time in its upper bits, unless the one before was higher."""
        with self._lock:
            self._last = max(milliseconds << self._random_bits | secrets.randbits(self._random_bits), self._last + 1)
            return self._last


class IdMaker:
    """Makes ids of 53 bits: 41 bits are milliseconds since 2025, 12 are random. Each id is higher than the one before.

    Because an id contains the time, it is not used again after a backup was restored, or in another database to which
    rows are copied. Very rarely two processes make the same id in the same millisecond. The database then refuses the
    second row, and it gets another id.

    :param clock: returns seconds since 1970

    Example::

        make_id = IdMaker()
        note = Note(id=make_id(), text='Call Ann')
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._numbers = _RisingNumbers(RANDOM_BITS)

    def __call__(self) -> int:
        """Return the next id."""
        milliseconds = int((self._clock() - EPOCH.timestamp()) * 1000)
        # even with a wrong clock there are ids
        return self._numbers.make(min(max(milliseconds, 0), LAST_MILLISECOND))


class UuidMaker:
    """Makes UUIDs of version 7: 48 bits are milliseconds since 1970, 74 are random. Each is higher than the one before.

    :param clock: returns seconds since 1970

    Example::

        make_id = UuidMaker()
        note = Note(id=make_id(), text='Call Ann')
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._numbers = _RisingNumbers(UUID_RANDOM_BITS)

    def __call__(self) -> UUID:
        """Return the next id."""
        number = self._numbers.make(min(max(int(self._clock() * 1000), 0), 2**48 - 1))
        time_and_random, low = divmod(number, 2**UUID_LOW_BITS)
        high, middle = divmod(time_and_random, 2**12)
        return UUID(int=high << 80 | 7 << 76 | middle << 64 | 2 << UUID_LOW_BITS | low)


def is_of_the_future(row_id: int, limit: timedelta) -> bool:
    """Return whether an id that somebody else has made contains a time that is yet to come.

    :param row_id: the id
    :param limit: how far the clock of its maker may be ahead
    """
    made_at = EPOCH + timedelta(milliseconds=row_id >> RANDOM_BITS)
    return made_at > datetime.now(UTC) + limit


new_id = IdMaker()
"""Makes the ids of this process. Use it as the default of a model's key; on PostgreSQL the column needs 64 bits.

Example::

    class Note(SQLModel, table=True):
        id: int | None = Field(
            default_factory=new_id,
            sa_column=Column(BigInteger().with_variant(Integer, 'sqlite'), primary_key=True),
        )
"""

new_uuid = UuidMaker()
"""Makes UUIDs as ids, in this process. Use it as the default of a model's key; other systems may make such ids, too.

Example::

    class Note(SQLModel, table=True):
        id: UUID = Field(default_factory=new_uuid, primary_key=True)
"""
