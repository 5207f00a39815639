"""Decides when changes go to the browsers: a single one at once, many in a row as one message per interval."""

from __future__ import annotations

from .messages import Delta
from .version import NOTHING, Version


class Burst:
    """The deltas that were not yet sent to the browsers, and the time of the next message.

    It neither waits nor sends. Its owner tells it the time, in seconds of any clock that never goes back.

    :param interval: seconds between two messages
    """

    def __init__(self, interval: float) -> None:
        self.sent_version = NOTHING
        """The version that a browser has after the last message."""
        self._interval = interval
        self._sent_at = float('-inf')
        self._unsent: list[Delta] = []

    def add(self, delta: Delta) -> None:
        """Note a change to be sent. It must continue what was added or sent before."""
        self._unsent.append(delta)

    def wait(self, now: float) -> float:
        """Return for how many seconds the next message has to wait, 0 if it may go out now."""
        return max(0.0, self._sent_at + self._interval - now)

    def take(self, now: float) -> Delta | None:
        """Return all unsent changes as one delta, and note them as sent; ``None`` if there are none."""
        if not self._unsent:
            return None
        delta = Delta.joined(self._unsent)
        self.note_sent(delta.version, now)
        return delta

    def note_sent(self, version: Version, now: float) -> None:
        """Note that all rows at a version have been sent: they include all unsent changes."""
        self.sent_version, self._sent_at = version, now
        self._unsent.clear()
