"""What the browser of a simulated person keeps, whichever of its lists a test looks at."""

from __future__ import annotations

import secrets
from itertools import count
from weakref import WeakKeyDictionary

from nicegui.testing import User

from .away import Away
from .undo import UndoList


class Browser:
    """The queue in which a person's browser numbers their writes, and what its page shows while it is offline."""

    def __init__(self) -> None:
        self.queue = secrets.token_hex(16)
        self.sequences = count(1)
        self.own = UndoList()
        self.away: Away | None = None
        """What the page shows without a connection; ``None`` while it has one."""

    def count_waiting(self) -> int:
        """Return how many writes wait to be sent."""
        return len(self.away.waiting) if self.away else 0

    def forget_waiting(self) -> int:
        """Drop what waits to be sent, and return how many writes that was."""
        count = self.count_waiting()
        if self.away:
            self.away.waiting.clear()
        return count


_browsers: WeakKeyDictionary[User, Browser] = WeakKeyDictionary()


def browser_of(user: User) -> Browser:
    """Return the browser of a simulated person, the same each time."""
    return _browsers.setdefault(user, Browser())
