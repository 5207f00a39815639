"""How processes tell each other who is here: what is missed is asked for, and who is silent is forgotten."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest

from tests.sockets import until
from todosync.cable import MemoryCable
from todosync.presence import Editing, Entry, Exchange, Roster
from todosync.presence.exchange import BEAT_INTERVAL, ENTRIES_PER_MESSAGE, LEASE, TOPIC, WAITING_MAX
from todosync.presence.roster import Place

ANN, BOB = ('notes', 'ann'), ('notes', 'bob')


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Lossy(MemoryCable):
    """A cable that loses what it is told to lose."""

    def __init__(self) -> None:
        super().__init__()
        self.loses: Callable[[dict[str, Any]], bool] = lambda message: False
        self.messages: list[dict[str, Any]] = []

    def publish(self, stream: str, message: bytes) -> None:
        if not self.loses(orjson.loads(message)):
            self.messages.append(orjson.loads(message))
            super().publish(stream, message)


class Process:
    """A process: its roster, and what it tells."""

    def __init__(self, cable: MemoryCable) -> None:
        self.clock = Clock()
        self.roster = Roster()
        self.changes: list[Place] = []
        self.exchange = Exchange(cable, self.roster, self.changes.extend, clock=self.clock)

    def tell(self, place: Place, entry: Entry | None) -> None:
        self.roster.put(self.exchange.process, place, entry)
        self.exchange.tell([place])

    def names(self) -> list[str]:
        return [person.name for person in self.roster.people('notes')]


@pytest.fixture
async def cable() -> Lossy:
    cable = Lossy()
    cable.start()
    return cable


@pytest.fixture
async def pair(cable: Lossy) -> AsyncIterator[tuple[Process, Process]]:
    processes = Process(cable), Process(cable)
    for process in processes:
        process.exchange.start()
    yield processes
    for process in processes:
        await process.exchange.stop()


async def test_each_process_hears_of_the_people_of_the_other(pair: tuple[Process, Process]) -> None:
    one, other = pair
    one.tell(ANN, Entry('Ann', (Editing(7, 'text'),)))
    other.tell(BOB, Entry('Bob'))
    await until(lambda: one.names() == other.names() == ['Ann', 'Bob'])
    assert other.roster.people('notes')[0].editing == (Editing(7, 'text'),)
    assert ANN in other.changes
    one.tell(ANN, None)
    await until(lambda: other.names() == ['Bob'])


async def test_a_process_that_starts_later_hears_of_everybody(pair: tuple[Process, Process], cable: Lossy) -> None:
    one, other = pair
    one.tell(ANN, Entry('Ann'))
    other.tell(BOB, Entry('Bob'))
    late = Process(cable)
    late.exchange.start()
    await until(lambda: late.names() == ['Ann', 'Bob'])
    await late.exchange.stop()


async def test_a_process_that_stops_takes_leave(pair: tuple[Process, Process]) -> None:
    one, other = pair
    one.tell(ANN, Entry('Ann'))
    await until(lambda: other.names() == ['Ann'])
    await one.exchange.stop()
    await until(lambda: other.names() == [])


async def test_what_was_lost_is_asked_for(pair: tuple[Process, Process], cable: Lossy) -> None:
    one, other = pair
    one.tell(ANN, Entry('Ann'))
    await until(lambda: other.names() == ['Ann'])
    cable.loses = lambda message: 'here' in message
    one.tell(BOB, Entry('Bob'))
    await until(lambda: other.names() == ['Ann', 'Bob'])  # after the next beat


async def test_a_message_that_comes_twice_or_late_changes_nothing(pair: tuple[Process, Process], cable: Lossy) -> None:
    one, other = pair
    one.tell(ANN, Entry('Ann'))
    one.tell(ANN, Entry('Anna'))
    await until(lambda: other.names() == ['Anna'])
    for message in [each for each in cable.messages if 'here' in each]:
        other.exchange.take(message)
    assert other.names() == ['Anna']


async def test_who_is_silent_for_longer_than_the_lease_is_forgotten(pair: tuple[Process, Process]) -> None:
    one, other = pair
    one.tell(ANN, Entry('Ann'))
    await until(lambda: other.names() == ['Ann'])
    await one.exchange.stop()
    other.exchange.take({'from': 'killed', 'number': 1, 'all': [['notes', 'ann', ['Ann', []]]]})
    other.exchange.look()
    assert other.names() == ['Ann']
    for _ in range(int(LEASE / BEAT_INTERVAL)):
        other.clock.now += BEAT_INTERVAL
        other.exchange.look()
    assert other.names() == ['Ann']
    other.clock.now += BEAT_INTERVAL
    other.changes.clear()
    other.exchange.look()
    assert (other.names(), other.changes) == ([], [ANN])


async def test_who_has_hung_itself_hears_the_others_before_it_forgets_them(pair: tuple[Process, Process]) -> None:
    _, other = pair
    other.exchange.take({'from': 'alive', 'number': 1, 'all': [['notes', 'ann', ['Ann', []]]]})
    other.clock.now += 10 * LEASE  # its own event loop stood still, and the beats of the other wait
    other.exchange.look()
    assert other.names() == ['Ann']


async def test_no_message_is_longer_than_some_hundred_people(pair: tuple[Process, Process], cable: Lossy) -> None:
    one, _ = pair
    places = [('notes', str(number)) for number in range(ENTRIES_PER_MESSAGE + 10)]
    for place in places:
        one.roster.put(one.exchange.process, place, Entry('x'))
    one.exchange.tell(places)
    late = Process(cable)
    late.exchange.start()
    await until(lambda: late.roster.count('notes') == len(places))
    await late.exchange.stop()
    assert max(len(each.get('here', each.get('all', []))) for each in cable.messages) == ENTRIES_PER_MESSAGE


async def test_a_cable_that_fails_or_is_slow_keeps_nobody_waiting_and_little_in_memory(
    cable: Lossy, caplog: pytest.LogCaptureFixture
) -> None:
    one = Process(cable)
    one.exchange.start()

    def fail(message: dict[str, Any]) -> bool:
        raise OSError('the disk is full')

    cable.loses = fail
    for number in range(2 * WAITING_MAX):
        one.tell(ANN, Entry(str(number)))
    await one.exchange.stop()
    assert [record.getMessage() for record in caplog.records] == [
        'telling other processes who is here fails: the disk is full; further failures are counted'
    ]


async def test_a_slow_cable_does_not_keep_a_process_from_stopping_until_all_is_said(cable: Lossy) -> None:
    one, stops = Process(cable), threading.Event()
    one.exchange.start()
    await until(lambda: len(cable.messages) == 2)
    begun: list[dict[str, Any]] = []

    def is_slow(message: dict[str, Any]) -> bool:
        begun.append(message)
        stops.wait()
        time.sleep(0.2)
        return False

    cable.loses = is_slow
    for number in range(WAITING_MAX):
        one.tell(ANN, Entry(str(number)))
    await until(lambda: len(begun) == 1)
    stops.set()
    await one.exchange.stop()
    assert len(begun) < WAITING_MAX, 'what waits is left out'
    assert begun[-1]['all'] == [], 'but not that the process is gone'


async def test_what_this_process_has_said_itself_is_no_news(pair: tuple[Process, Process], cable: Lossy) -> None:
    one, _ = pair
    one.tell(ANN, Entry('Ann'))
    await until(lambda: any('here' in each for each in cable.messages))
    assert one.changes == []
    assert TOPIC.startswith('todosync_presence@')
