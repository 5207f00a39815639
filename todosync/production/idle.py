"""Lets the outboxes of idle pages sleep until there is something to send, so that idle pages cost nothing.

NiceGUI runs a loop for each page, which wakes up once a second as long as the page exists. With 500 browsers that is
most of the work of an idle server. Here a loop ends when it has sent nothing for a while. It is started again by the
event that NiceGUI sets to wake it. This uses internals of NiceGUI, which ``tests/production/test_idle.py`` checks. If
they differ, the loops run as in plain NiceGUI.
"""

from __future__ import annotations

import asyncio
import inspect
from weakref import WeakKeyDictionary

from nicegui import Client, background_tasks
from nicegui.outbox import Outbox

SWEEP_INTERVAL = 5.0
"""Seconds between two sweeps. An outbox that has sent nothing from one sweep to the next falls asleep."""
RELIED_ON = (
    "name=f'outbox loop {client.id}'",
    'self._enqueue_event = asyncio.Event()',
    'self._enqueue_event.set()',
    'while not self._should_stop:',
)
"""Parts of the source of NiceGUI's outbox."""


def loops_can_be_ended() -> bool:
    """Return whether NiceGUI's outbox is as this module needs it. Reads files, so don't call it on an event loop."""
    source = inspect.getsource(Outbox)
    return all(part in source for part in RELIED_ON)


class IdleOutboxes:
    """Lets the outboxes of idle pages sleep. Belongs to the event loop."""

    def __init__(self) -> None:
        self._supported = loops_can_be_ended()
        self._sent: WeakKeyDictionary[Outbox, int] = WeakKeyDictionary()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_running(self) -> bool:
        """Whether there are sweeps; never if NiceGUI's outbox is not as this module needs it."""
        return self._timer is not None

    def start(self) -> None:
        """Begin to sweep; safe to call twice."""
        if self._supported and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SWEEP_INTERVAL, self._sweep)

    def stop(self) -> None:
        """Stop sweeping; safe to call twice. Outboxes that sleep still wake up by themselves."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        loops = {task.get_name(): task for task in background_tasks.running_tasks}
        for client in Client.instances.values():
            outbox = client.outbox
            idle = self._sent.get(outbox) == outbox.next_message_id and not is_pending(outbox)
            if idle and (loop := loops.get(f'outbox loop {client.id}')):
                put_to_sleep(outbox, loop)
            self._sent[outbox] = outbox.next_message_id
        self._timer = None
        self.start()


def put_to_sleep(outbox: Outbox, loop: asyncio.Task[None]) -> None:
    """End the loop of an outbox when it has sent its current message, until something is put into the outbox."""
    outbox.stop()
    loop.add_done_callback(lambda _: _fall_asleep(outbox))


def _fall_asleep(outbox: Outbox) -> None:
    client = outbox._client()
    if client is None or client.id not in Client.instances:
        return  # the page was deleted meanwhile
    outbox._should_stop = False
    outbox._enqueue_event = WakeUp(outbox)
    if is_pending(outbox):
        outbox._enqueue_event.set()


def is_pending(outbox: Outbox) -> bool:
    """Return whether there is anything to send."""
    return bool(outbox.updates or outbox.messages)


class WakeUp(asyncio.Event):
    """Replaces the event for which the loop waits. It starts the loop when it is set."""

    def __init__(self, outbox: Outbox) -> None:
        super().__init__()
        self._outbox = outbox

    def set(self) -> None:
        """Start the loop, unless the page is deleted. The loop then makes an event of its own."""
        if not self.is_set() and not self._outbox._should_stop:
            super().set()
            background_tasks.create(self._outbox.loop(), name=f'outbox loop {self._outbox.client.id}')
