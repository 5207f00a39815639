"""The clock of a process. A test lets it run ahead, so as not to wait. Imports nothing of todosync."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Timer:
    """Something that is to be done at a time; see :meth:`Clock.call_later`."""

    def __init__(self, clock: Clock, seconds: float, run: Callable[[], None]) -> None:
        self._clock = clock
        self._run = run
        self.due = clock.monotonic() + seconds
        self._handle = asyncio.get_running_loop().call_later(seconds, self.ring)

    def ring(self) -> None:
        """Do it now."""
        self.cancel()
        self._run()

    def cancel(self) -> None:
        """Do it no more; safe to call twice."""
        self._handle.cancel()
        self._clock.forget(self)


class Clock:
    """Tells the time, and when some of it has passed."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._timers: dict[Timer, None] = {}
        self._listeners: list[Callable[[float], None]] = []

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self._ahead)

    def monotonic(self) -> float:
        """Return seconds since some moment. They never go back."""
        return time.monotonic() + self._ahead

    def call_later(self, seconds: float, run: Callable[[], None]) -> Timer:
        """Call a function on the event loop when some seconds have passed.

        :param seconds: how many
        :param run: the function
        """
        timer = Timer(self, seconds, run)
        self._timers[timer] = None
        return timer

    async def sleep(self, seconds: float) -> None:
        """Return when some seconds have passed.

        :param seconds: how many
        """
        over = asyncio.Event()
        timer = self.call_later(seconds, over.set)
        try:
            await over.wait()
        finally:
            timer.cancel()

    def on_advance(self, listener: Callable[[float], None]) -> Callable[[], None]:
        """Call a function with the seconds by which the clock runs ahead further, as soon as it does.

        :return: a function that ends these calls; safe to call twice
        """
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    def advance(self, seconds: float) -> None:
        """Run ahead: what is due within some seconds is done now, in its order.

        :param seconds: how many
        """
        end = self.monotonic() + seconds
        while due := [timer for timer in self._timers if timer.due <= end]:
            first = min(due, key=lambda timer: timer.due)
            self._ahead += max(0.0, first.due - self.monotonic())
            first.ring()
        self._ahead += max(0.0, end - self.monotonic())
        for listener in list(self._listeners):
            listener(seconds)

    def set_back(self) -> None:
        """Tell the time as it is again."""
        self._ahead = 0.0

    def forget(self, timer: Timer) -> None:
        """Forget a timer that is over; safe to call twice."""
        self._timers.pop(timer, None)


clock = Clock()
"""The clock of this process."""
