"""From the cable's threads to the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import orjson

from todosync.cable import Cable

log = logging.getLogger(__name__)


def listen(cable: Cable, topic: str, take: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
    """Have each message of a topic taken on the running event loop, in their order.

    :param cable: brings the messages, in threads of its own
    :param topic: their topic
    :param take: called with each message
    :return: a function that ends this; safe to call twice
    """
    loop = asyncio.get_running_loop()

    def receive(encoded: bytes) -> None:
        try:
            loop.call_soon_threadsafe(lambda: take(orjson.loads(encoded)))
        except RuntimeError:
            log.debug('the event loop is gone, the app is stopping')

    return cable.subscribe(topic, receive)
