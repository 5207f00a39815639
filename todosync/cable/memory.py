"""A cable within one process."""

from __future__ import annotations

from collections.abc import Callable

from .base import Receiver
from .subscriptions import Subscriptions


class MemoryCable:
    """Delivers a message in the thread that publishes it, before ``publish`` returns."""

    def __init__(self) -> None:
        self._subscriptions = Subscriptions()
        self._running = False

    def start(self) -> None:
        """Begin to deliver; safe to call twice."""
        self._running = True

    def stop(self) -> None:
        """End delivery; safe to call twice."""
        self._running = False

    def publish(self, topic: str, message: bytes) -> None:
        """Deliver a message to all subscribers of the topic."""
        if self._running:
            self._subscriptions.deliver(topic, message)

    def subscribe(self, topic: str, receive: Receiver) -> Callable[[], None]:
        """Call ``receive`` with each message of the topic from now on."""
        return self._subscriptions.add(topic, receive)

    def trim(self, max_age: float) -> None:
        """Do nothing: no message is kept."""
