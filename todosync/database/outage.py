"""One line in the log when something stops working and one when it works again, however often it is tried meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .errors import DatabaseUnavailableError

QUIET = 5.0
"""The usual ``quiet``."""
CURRENT = 60.0
"""Seconds after which a failure tells nothing any more, where nobody has tried again."""


class Outage:
    """Tells of the first failure of a row, counts the others, and tells when it is over. May be used from any thread.

    :param log: where it is told
    :param what: what does not work, as the subject of a sentence
    :param clock: returns the time in seconds
    :param quiet: for how many seconds there must be no failure until it is told to be over; for what many use at once,
        of whom some may fail and others not

    Example::

        outage = Outage(log, 'the cable')
        outage.note(error)  # the cable fails: ...; further failures are counted
        outage.end()  # the cable works again after 12 s and 58 failures
    """

    def __init__(
        self, log: logging.Logger, what: str, *, clock: Callable[[], float] = time.monotonic, quiet: float = 0.0
    ) -> None:
        self._log = log
        self._what = what
        self._clock = clock
        self._quiet = quiet
        self._lock = threading.Lock()
        self._failures = 0
        self._began = self._last = 0.0
        self._reason, self._is_failing = '', False

    def note(self, error: BaseException, *, with_traceback: bool = False) -> None:
        """Tell of a failure if it is the first, else count it.

        :param error: what was raised
        :param with_traceback: for what is not foreseen
        """
        with self._lock:
            self._failures += 1
            self._is_failing = True
            self._last, self._reason = self._clock(), str(error).strip().partition('\n')[0]
            if self._failures > 1:
                return
            self._began = self._clock()
        traceback = error if with_traceback else None
        self._log.warning('%s fails: %s; further failures are counted', self._what, self._reason, exc_info=traceback)

    def end(self) -> None:
        """Tell that it works again, if it has failed."""
        if not self._failures:  # by far the most frequent case costs no lock
            return
        self._is_failing = False
        with self._lock:
            if self._clock() - self._last < self._quiet:
                return
            failures, self._failures = self._failures, 0
            lasted = self._clock() - self._began
        if failures:
            self._log.warning('%s works again after %.1f s and %d failures', self._what, lasted, failures)

    @contextmanager
    def passed_over(self) -> Iterator[None]:
        """Raise nothing of what fails in a block that is run again and again, and tell it once, with its traceback.

        That the database is not available is told by those who read and write.
        """
        try:
            yield
        except DatabaseUnavailableError as error:
            self._log.debug('%s fails: %s', self._what, error)
        except Exception as error:
            self.note(error, with_traceback=True)
        else:
            self.end()

    def reason(self) -> str:
        """Return what the last failure was; empty if it has worked since, or nobody has tried for a minute."""
        with self._lock:
            return self._reason if self._is_failing and self._clock() - self._last < CURRENT else ''
