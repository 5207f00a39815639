"""The receivers of each topic: the part that all cable adapters share."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable

from .base import Receiver

log = logging.getLogger(__name__)


class Subscriptions:
    """The receivers of each topic. May be used from any thread."""

    def __init__(self) -> None:
        self._receivers: defaultdict[str, list[Receiver]] = defaultdict(list)
        self._lock = threading.RLock()

    def add(self, topic: str, receive: Receiver) -> Callable[[], None]:
        """Add a receiver and return a function that removes it; that is safe to call twice."""
        with self._lock:
            self._receivers[topic].append(receive)

        def remove() -> None:
            with self._lock:
                if receive in self._receivers[topic]:
                    self._receivers[topic].remove(receive)

        return remove

    def deliver(self, topic: str, message: bytes) -> None:
        """Call all receivers of a topic. An error of one is logged, and the others still get the message."""
        with self._lock:  # held during delivery, so that all receivers get the messages in the same order
            for receive in list(self._receivers[topic]):
                try:
                    receive(message)
                except Exception:
                    log.exception('a receiver of %r failed', topic)
