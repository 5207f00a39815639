"""Versions: each names one state of a stream, by a number and a random mark."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple, Self

REMEMBERED = 64
"""How many of its last versions a holder remembers."""


class Version(NamedTuple):
    """A version of a stream: the row of the change log that led to it, by its number and its mark.

    Numbers rise with each change. Marks are random and have no order. After a database was put back or replaced, a
    number may come again for another state; then its mark is another one.

    :param number: 0 before the first change, -1 for a reader that holds nothing
    :param mark: empty where the change log has no mark; such a version is equal to no other

    Example::

        Version(41, '9f86d081884c7d65').text  # '41-9f86d081884c7d65'
    """

    number: int
    mark: str

    @classmethod
    def from_message(cls, value: Any) -> Self | None:
        """Return the version in a message, ``None`` if the message holds anything else.

        :param value: what the message holds
        """
        match value:
            case [int(number), str(mark)] if not isinstance(number, bool):
                return cls(number, mark)
        return None

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return the version of which this is the ``text``.

        :param text: the text
        :raises ValueError: it is none
        """
        number, _, mark = text.rpartition('-')
        return cls(int(number), mark)

    @property
    def text(self) -> str:
        """The version as one word, for names and keys."""
        return f'{self.number}-{self.mark}'

    def message(self) -> list[Any]:
        """Return the version as messages carry it."""
        return [self.number, self.mark]


NOTHING = Version(-1, '')
"""The version of a reader that holds nothing."""


class Held:
    """The version that somebody holds, and the last ones that came before it in the same history."""

    def __init__(self) -> None:
        self.version = NOTHING
        self._remembered: deque[Version] = deque(maxlen=REMEMBERED)

    def move_on(self, version: Version) -> None:
        """Hold a version to which a change has led from the one that is held."""
        self.version = version
        self._remembered.append(version)

    def start_anew(self, version: Version) -> None:
        """Hold a version of any history, and forget those that came before."""
        self._remembered.clear()
        self.move_on(version)

    def knows(self, version: Version) -> bool:
        """Return whether this is the version that is held, or one that came before it."""
        return version in self._remembered
