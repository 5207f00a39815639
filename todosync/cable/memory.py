"""A cable within one process."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable

from .base import Receiver


class MemoryCable:
    """Delivers in the publisher's thread, before ``publish`` returns."""

    def __init__(self) -> None:
        self._receivers: defaultdict[str, list[Receiver]] = defaultdict(list)
        self._lock = threading.RLock()
        self._running = False

    def start(self) -> None:
        """Begin to deliver; safe to call twice."""
        self._running = True

    def stop(self) -> None:
        """End delivery; safe to call twice."""
        self._running = False

    def publish(self, stream: str, message: bytes) -> None:
        """Hand a message to all subscribers of the stream."""
        with self._lock:  # held while delivering: two publishers must not reach two subscribers in different orders
            if self._running:
                for receive in list(self._receivers[stream]):
                    receive(message)

    def subscribe(self, stream: str, receive: Receiver) -> Callable[[], None]:
        """Have ``receive`` called with each message of the stream."""
        with self._lock:
            self._receivers[stream].append(receive)

        def unsubscribe() -> None:
            with self._lock:
                if receive in self._receivers[stream]:
                    self._receivers[stream].remove(receive)

        return unsubscribe
