"""The last changes of a stream. They bring a browser up to date that was away for a moment only."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import dropwhile

from .messages import Delta
from .version import Version

RECENT = 64
"""How many of the last changes are kept."""


class Recent:
    """The last changes of a replica, in their order. Each begins at the version at which the one before ends."""

    def __init__(self) -> None:
        self._deltas: deque[Delta] = deque(maxlen=RECENT)

    def add(self, delta: Delta) -> None:
        """Note a change that continues the last one."""
        self._deltas.append(delta)

    def clear(self) -> None:
        """Forget all: the whole list has been replaced."""
        self._deltas.clear()

    def since(self, version: Version) -> Sequence[Delta]:
        """Return the changes that came after a version; none if the first of them is no longer kept."""
        return list(dropwhile(lambda delta: delta.base != version, self._deltas))
