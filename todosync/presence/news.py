"""Tells pages that something has changed in their scope; where that takes long, because they are many, less often."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from todosync.clock import Clock, Timer, clock

from .spot import Spot

REST = 9.0
"""For how many times as long as it took nobody is told again, so that it takes a tenth of the time at most."""
SHORT = 0.1
"""Seconds of such a rest that are left out: changes come no faster."""


class News:
    """Tells the pages of each scope of changes. Belongs to the event loop.

    :param spots_of: returns the spots in a scope, by its key
    :param clock: tells the time
    """

    def __init__(self, spots_of: Callable[[str], Iterable[Spot]], clock: Clock = clock) -> None:
        self._spots_of = spots_of
        self._clock = clock
        self._resting: dict[str, Timer] = {}
        self._waiting: set[str] = set()

    def tell(self, key: str) -> None:
        """Tell the pages of a scope, now or when they may be told again.

        :param key: the key of the scope
        """
        if key in self._resting:
            self._waiting.add(key)
            return
        began = self._clock.monotonic()
        for spot in list(self._spots_of(key)):
            spot.on_news()
        rest = REST * (self._clock.monotonic() - began)
        if rest > SHORT:
            self._resting[key] = self._clock.call_later(rest, partial(self._go_on, key))

    def stop(self) -> None:
        """Tell nobody any more; safe to call twice."""
        for timer in self._resting.values():
            timer.cancel()
        self._resting.clear()
        self._waiting.clear()

    def _go_on(self, key: str) -> None:
        del self._resting[key]
        if key in self._waiting:
            self._waiting.discard(key)
            self.tell(key)
