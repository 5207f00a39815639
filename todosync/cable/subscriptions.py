"""The receivers of each stream: the part that all cable adapters share."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable

from .base import Receiver

log = logging.getLogger(__name__)


class Subscriptions:
    """The receivers of each stream. May be used from any thread."""

    def __init__(self) -> None:
        self._receivers: defaultdict[str, list[Receiver]] = defaultdict(list)
        self._lock = threading.RLock()

    def add(self, stream: str, receive: Receiver) -> Callable[[], None]:
        """Add a receiver and return a function that removes it; that is safe to call twice."""
        with self._lock:
            self._receivers[stream].append(receive)

        def remove() -> None:
            with self._lock:
                if receive in self._receivers[stream]:
                    self._receivers[stream].remove(receive)

        return remove

    def deliver(self, stream: str, message: bytes) -> None:
        """Call all receivers of a stream. An error of one is logged, and the others still get the message."""
        with self._lock:  # held during delivery, so that all receivers get the messages in the same order
            for receive in list(self._receivers[stream]):
                try:
                    receive(message)
                except Exception:
                    log.exception('a receiver of the stream %r failed', stream)
