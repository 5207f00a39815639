"""The contract that every cable adapter keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Receiver = Callable[[bytes], None]
"""Called with a message in a thread of the cable's choice; must be quick."""


class Cable(Protocol):
    """Publish/subscribe between processes.

    A message published after ``start`` and ``subscribe`` returned reaches the subscriber, in every process, the
    publishing one included, in the order of publication by one process. Delivery is at least once while the cable
    runs; messages therefore carry versions, and whoever misses one heals the gap from the change log.
    """

    def start(self) -> None:
        """Begin to deliver; safe to call twice.

        :raises OSError: the store that carries the messages cannot be opened
        """

    def stop(self) -> None:
        """End delivery and release everything; safe to call twice."""

    def publish(self, stream: str, message: bytes) -> None:
        """Hand a message to all subscribers of the stream. May block.

        :raises OSError: the message could not be handed over
        """

    def subscribe(self, stream: str, receive: Receiver) -> Callable[[], None]:
        """Have ``receive`` called with each message of the stream.

        :return: a function that ends the subscription; safe to call twice
        """

    def trim(self, max_age: float) -> None:
        """Forget the messages that were published more than ``max_age`` seconds ago. May block.

        :raises OSError: the messages could not be removed
        """
