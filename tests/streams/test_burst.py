"""What goes to the browsers when: decided without a clock of its own, so tested without waiting."""

from __future__ import annotations

from todosync import Row
from todosync.streams.burst import Burst
from todosync.streams.messages import Delta
from todosync.streams.version import NOTHING, Version

INTERVAL = 0.01


def at(number: int) -> Version:
    return Version(number, 'mark')


def row(row_id: int, title: str = '') -> Row:
    return {'id': row_id, 'title': title}


def put(base: int, *rows: Row) -> Delta:
    return Delta('todos', at(base), at(base + 1), list(rows), [])


def delete(base: int, *row_ids: int) -> Delta:
    return Delta('todos', at(base), at(base + 1), [], list(row_ids))


def test_a_change_after_a_pause_goes_out_at_once_and_as_it_is() -> None:
    burst = Burst(INTERVAL)
    burst.note_sent(at(4), now=100.0)
    change = put(4, row(1))
    burst.add(change)
    assert burst.wait(now=100.0 + INTERVAL) == 0
    assert burst.take(now=100.0 + INTERVAL) is change
    assert burst.sent_version == at(5)


def test_the_first_message_of_all_does_not_wait() -> None:
    assert Burst(3600).wait(now=0.0) == 0


def test_what_follows_waits_for_the_rest_of_the_interval() -> None:
    burst = Burst(interval=10.0)
    burst.add(put(0, row(1)))
    burst.take(now=100.0)
    burst.add(put(1, row(2)))
    assert [burst.wait(now) for now in (100.0, 103.0, 110.0, 500.0)] == [10.0, 7.0, 0.0, 0.0]


def test_a_burst_becomes_one_delta_of_the_last_states() -> None:
    burst = Burst(INTERVAL)
    changes = [put(3, row(1, 'a'), row(2, 'b')), put(4, row(1, 'A')), delete(5, 2, 3), put(6, row(3, 'is back'))]
    for change in changes:
        burst.add(change)
    taken = burst.take(now=0.0)
    assert taken == Delta('todos', at(3), at(7), [row(1, 'A'), row(3, 'is back')], [2])


def test_what_has_been_taken_is_not_taken_again() -> None:
    burst = Burst(INTERVAL)
    burst.add(put(0, row(1)))
    assert burst.take(now=0.0) is not None
    assert burst.take(now=1.0) is None
    burst.add(put(1, row(2)))
    assert burst.take(now=2.0) == put(1, row(2))


def test_the_whole_list_makes_up_for_what_was_unsent_and_begins_an_interval() -> None:
    burst = Burst(interval=10.0)
    burst.add(put(0, row(1)))
    burst.note_sent(at(9), now=50.0)
    assert burst.take(now=60.0) is None
    assert burst.sent_version == at(9)
    assert burst.wait(now=50.0) == 10.0


def test_taking_nothing_delays_nothing() -> None:
    burst = Burst(INTERVAL)
    assert burst.take(now=100.0) is None
    assert burst.wait(now=100.0) == 0
    assert burst.sent_version == NOTHING
