"""Pages are told of changes, those of a large room less often."""

from __future__ import annotations

from todosync.clock import Clock
from todosync.presence import Spot
from todosync.presence.news import News


class Room:
    """A scope whose pages take some seconds to be told."""

    def __init__(self, seconds: float) -> None:
        self.clock = Clock()
        self.seconds = seconds
        self.told = 0
        self.news = News(lambda key: [self.spot], self.clock)
        self.spot = Spot('room', 'page', lambda: 'ann', lambda spot, place: None, self.tell)

    def tell(self) -> None:
        self.told += 1
        self.clock.advance(self.seconds)


async def test_pages_that_take_long_are_told_once_for_all_changes_of_a_while() -> None:
    room = Room(0.1)
    for _ in range(5):
        room.news.tell('room')
    assert room.told == 1
    room.clock.advance(0.8)
    assert room.told == 1
    room.clock.advance(0.2)
    assert room.told == 2, 'of all that has changed meanwhile'
    room.clock.advance(60)
    assert room.told == 2, 'nothing more has changed'
    room.news.tell('room')
    assert room.told == 3
    room.news.tell('room')
    room.news.stop()
    room.clock.advance(60)
    assert room.told == 3


async def test_pages_that_are_few_are_told_of_each_change() -> None:
    room = Room(0.001)
    for _ in range(5):
        room.news.tell('room')
    assert room.told == 5
