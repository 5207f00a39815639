"""How processes tell each other who is here: over the cable, with a lease.

A process numbers what it tells, and repeats its last number every half a second while somebody is here. Who finds a
number missing asks it for everything. What was told by a process that is silent for two seconds counts no more: it was
killed, or hangs.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson

from todosync.database import Outage
from todosync.streams import Looking, listen

from .people import Editing
from .roster import Entry, Place, Roster

if TYPE_CHECKING:
    from todosync.cable import Cable

PROTOCOL = 1
"""Increase it when messages change their meaning: processes of two releases then keep apart."""
TOPIC = f'todosync_presence@{PROTOCOL}'
BEAT_INTERVAL = 0.5
"""Seconds after which a process says again that it lives."""
LEASE = 2.0
"""Seconds for which a process counts as alive after its last message."""
ANSWER_DELAY = 0.05
"""Seconds in which questions of several processes get one answer."""
ENTRIES_PER_MESSAGE = 500
WAITING_MAX = 100
"""How many messages may wait for a slow cable; further ones are left out, and asked for afterwards."""

log = logging.getLogger(__name__)


class Exchange:
    """What this process tells the others, and they tell it. Belongs to the event loop.

    :param cable: carries the messages
    :param roster: what is known of all processes
    :param on_change: called with the places that others have changed
    :param clock: returns the time in seconds
    """

    def __init__(
        self,
        cable: Cable,
        roster: Roster,
        on_change: Callable[[Iterable[Place]], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.process = secrets.token_hex(8)
        """The id of this process, another one at each start."""
        self._cable = cable
        self._roster = roster
        self._on_change = on_change
        self._clock = clock
        self._number = 0
        self._numbers: dict[str, int] = {}
        """The last number of each other process."""
        self._heard: dict[str, float] = {}
        """When each other process was heard last."""
        self._asked: set[str] = set()
        """Whom this process has asked since it looked last."""
        self._looked = 0.0
        self._room = threading.Semaphore(0)
        self._outage = Outage(log, 'telling other processes who is here')
        self._publisher: ThreadPoolExecutor | None = None
        self._answering: asyncio.TimerHandle | None = None
        self._beating = Looking('who is here', self._beat, BEAT_INTERVAL)
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin to listen, and ask who is here; safe to call twice."""
        if self._publisher is not None:
            return
        self._room = threading.Semaphore(WAITING_MAX)
        self._publisher = ThreadPoolExecutor(1, thread_name_prefix='presence')  # one, so that messages keep their order
        self._unsubscribe = listen(self._cable, TOPIC, self.take)
        self._looked = self._clock()
        self._publish({'ask': ''})
        self._tell_all()
        self._beating.start()

    async def stop(self) -> None:
        """Take leave, and listen no more; safe to call twice."""
        if self._publisher is None:
            return
        await self._beating.stop()
        if self._answering is not None:
            self._answering.cancel()
        self._unsubscribe()
        # a cable that hangs delays the stop for as long as two messages take, not for all that wait
        await asyncio.to_thread(self._publisher.shutdown, cancel_futures=True)
        self._publisher = None
        self._number += 1
        await asyncio.to_thread(self._publish_now, self._encoded({'number': self._number, 'all': []}))

    def tell(self, places: Iterable[Place]) -> None:
        """Tell the other processes what has changed here.

        :param places: where something has changed
        """
        told = [_packed(place, self._roster.entry(self.process, place)) for place in places]
        for begin in range(0, len(told), ENTRIES_PER_MESSAGE):
            self._number += 1
            self._publish({'number': self._number, 'here': told[begin : begin + ENTRIES_PER_MESSAGE]})

    def look(self) -> None:
        """Forget the processes that have been silent for too long."""
        now, before = self._clock(), self._looked
        self._looked = now
        self._asked.clear()
        if now - before > LEASE / 2:
            # this process hung itself: what the others have said meanwhile waits to be taken
            self._heard = dict.fromkeys(self._heard, now)
        for process in [process for process, heard in self._heard.items() if now - heard > LEASE]:
            del self._heard[process], self._numbers[process]
            self._on_change(self._roster.replace(process, ()))

    async def _beat(self) -> None:
        if self._roster.has(self.process):
            self._publish({'number': self._number})
        self.look()

    def take(self, message: dict[str, Any]) -> None:
        """Take a message of a process, which may be this one.

        :param message: the message
        """
        process = message['from']
        if process == self.process:
            return
        if 'ask' in message:
            if message['ask'] in {'', self.process}:
                self._answer_soon()
            return
        number, held = message['number'], self._numbers.get(process)
        self._heard[process] = self._clock()
        self._numbers.setdefault(process, -1)
        if 'all' in message:
            self._numbers[process] = number
            self._on_change(self._roster.replace(process, map(_unpacked, message['all'])))
        elif 'here' in message and held is not None and number == held + 1:
            self._numbers[process] = number
            entries = map(_unpacked, message['here'])
            self._on_change([place for place, entry in entries if self._roster.put(process, place, entry)])
        elif (held is None or number > held) and process not in self._asked:
            self._asked.add(process)
            self._publish({'ask': process})

    def _answer_soon(self) -> None:
        if self._answering is None:
            self._answering = asyncio.get_running_loop().call_later(ANSWER_DELAY, self._tell_all)

    def _tell_all(self) -> None:
        self._answering = None
        entries = list(self._roster.told_by(self.process))
        self._number += 1
        self._publish({'number': self._number, 'all': [_packed(*e) for e in entries[:ENTRIES_PER_MESSAGE]]})
        self.tell([place for place, _ in entries[ENTRIES_PER_MESSAGE:]])

    def _publish(self, message: dict[str, Any]) -> None:
        if self._publisher is None or not self._room.acquire(blocking=False):
            return  # the number tells that something is missing
        self._publisher.submit(self._publish_now, self._encoded(message))

    def _encoded(self, message: dict[str, Any]) -> bytes:
        return orjson.dumps({'from': self.process, **message})

    def _publish_now(self, encoded: bytes) -> None:
        try:
            self._cable.publish(TOPIC, encoded)
        except OSError as error:
            self._outage.note(error)
        else:
            self._outage.end()
        finally:
            self._room.release()


def _packed(place: Place, entry: Entry | None) -> list[Any]:
    if entry is None:
        return [*place, None]
    return [*place, [entry.name, [[thing.row, thing.field] for thing in entry.editing]]]


def _unpacked(packed: list[Any]) -> tuple[Place, Any]:
    key, person, told = packed
    if told is None:
        return (key, person), None
    name, editing = told
    return (key, person), Entry(name, tuple(Editing(*thing) for thing in editing))
