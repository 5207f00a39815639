"""The contract that every cable adapter keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Receiver = Callable[[bytes], None]
"""Takes a message. The cable calls it in one of its own threads; it must return quickly."""


class Cable(Protocol):
    """Publish/subscribe between processes.

    A message that is published after ``start`` and ``subscribe`` have returned reaches the subscribers in all
    processes, also in the one that publishes it. The messages of one process arrive in their order. A message may
    arrive twice, and is lost if the cable stops. So each message carries a version, and a process that misses a
    message reads the change log.
    """

    def start(self) -> None:
        """Begin to deliver; safe to call twice.

        :raises OSError: the store that carries the messages cannot be opened
        """

    def stop(self) -> None:
        """End delivery and release everything; safe to call twice."""

    def publish(self, topic: str, message: bytes) -> None:
        """Deliver a message to all subscribers of the topic. May block.

        :param topic: what the message is about, such as the topic of a stream
        :param message: the message, as JSON
        :raises OSError: the message could not be published
        """

    def subscribe(self, topic: str, receive: Receiver) -> Callable[[], None]:
        """Call ``receive`` with each message of the topic from now on.

        :return: a function that ends the subscription; safe to call twice
        """

    def trim(self, max_age: float) -> None:
        """Delete the messages that were published more than ``max_age`` seconds ago. May block.

        :raises OSError: the messages could not be removed
        """
