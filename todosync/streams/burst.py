"""When the changes of a stream go to the browsers: one alone at once, many in a row as one message per interval."""

from __future__ import annotations

from .messages import Delta


class Burst:
    """The deltas that the browsers have not been sent, and when the next message may go out.

    It neither waits nor sends: whoever holds it tells it the time, in seconds of any clock that only goes forward.

    :param interval: seconds between two messages
    """

    def __init__(self, interval: float) -> None:
        self.sent_version = -1
        """The version that the last message led to."""
        self._interval = interval
        self._sent_at = float('-inf')
        self._unsent: list[Delta] = []

    def add(self, delta: Delta) -> None:
        """Note a change that is to be sent; it continues what was added or sent before."""
        self._unsent.append(delta)

    def wait(self, now: float) -> float:
        """Return for how many seconds the next message has to wait, 0 if it may go out now."""
        return max(0.0, self._sent_at + self._interval - now)

    def take(self, now: float) -> Delta | None:
        """Return all that is unsent as one delta, which counts as sent; ``None`` if nothing is."""
        if not self._unsent:
            return None
        delta = Delta.joined(self._unsent)
        self.note_sent(delta.version, now)
        return delta

    def note_sent(self, version: int, now: float) -> None:
        """Note that the whole list at a version has been sent: what was unsent is part of it."""
        self.sent_version, self._sent_at = version, now
        self._unsent.clear()
