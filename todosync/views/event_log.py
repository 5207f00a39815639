"""The event log of a tab: its last events, for developers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time
from typing import Literal

LOG_LENGTH = 50
"""Entries that a log keeps; older ones are dropped."""
Category = Literal['leader', 'follower', 'cable', 'broadcast']


@dataclass(frozen=True)
class LogEntry:
    """One line of a tab's event log.

    :param at: when it happened, in UTC; as text it has milliseconds
    :param category: the subject: ``leader``, ``follower``, ``cable`` or ``broadcast``
    :param text: what happened

    Example::

        print(view.events[0])  # 09:41:00.123 broadcast: todos: version 41 → 42
    """

    at: datetime
    category: Category
    text: str

    def __str__(self) -> str:
        return f'{self.at:%H:%M:%S}.{self.at.microsecond // 1000:03d} {self.category}: {self.text}'


class EventLog:
    """The newest entries. A text is made only when somebody reads the entry, because most are never read."""

    def __init__(self) -> None:
        self._notes: deque[tuple[float, Category, str, tuple[object, ...]]] = deque(maxlen=LOG_LENGTH)

    @property
    def entries(self) -> tuple[LogEntry, ...]:
        """The entries, newest first."""
        return tuple(
            LogEntry(datetime.fromtimestamp(at, UTC), category, text % values)
            for at, category, text, values in self._notes
        )

    def note(self, category: Category, text: str, *values: object) -> None:
        """Add an entry with the current time.

        :param text: what happened, with ``%`` placeholders for the values
        """
        self._notes.appendleft((time(), category, text, values))

    def clear(self) -> None:
        """Drop all entries."""
        self._notes.clear()
