"""A replica, changed step by step, is what it would be if it were read anew."""

from __future__ import annotations

import random

import pytest

from todos import TODOS
from todosync import Row
from todosync.streams.messages import Delta
from todosync.streams.replica import Replica
from todosync.streams.version import REMEMBERED, Version


def record(chance: random.Random, row_id: int) -> Row:
    second = chance.randrange(5)  # few, so that many rows are of the same time
    return {
        'id': row_id,
        'title': f'title {chance.randrange(100)}',
        'completed': chance.random() < 0.5,
        'created_at': f'2026-11-22T18:00:0{second}.000000Z',
    }


def at(number: int, mark: str = 'mark') -> Version:
    return Version(number, mark)


@pytest.mark.parametrize('seed', range(20))
def test_a_replica_is_in_order_and_adds_up_after_any_changes(seed: int) -> None:
    chance = random.Random(seed)
    rows = {number: record(chance, number) for number in range(1, 20)}
    replica = Replica(TODOS)
    replica.reset(at(0), rows.values())
    for version in range(1, 100):
        put = [record(chance, number) for number in chance.sample(range(1, 40), chance.randrange(4))]
        deleted = list({*chance.sample(range(1, 40), 2)} - {row['id'] for row in put})
        rows |= {row['id']: row for row in put}
        rows = {number: row for number, row in rows.items() if number not in deleted}
        assert replica.apply(Delta('todos', at(version - 1), at(version), put, deleted))
        anew = Replica(TODOS)
        anew.reset(at(version), rows.values())
        assert list(replica.rows) == list(anew.rows)
        assert list(anew.rows) == sorted(rows.values(), key=lambda row: (row['created_at'], row['id']), reverse=True)
        assert replica.totals == anew.totals


def test_a_delta_of_another_history_is_a_gap_whatever_numbers_it_has() -> None:
    chance = random.Random(1)
    replica = Replica(TODOS)
    replica.reset(at(4), [])
    assert replica.apply(Delta('todos', at(4), at(5), [record(chance, 1)], []))
    for base, version in (
        (at(5, 'other'), at(6, 'other')),  # the same numbers, other marks
        (at(4), at(6, 'other')),  # put back to what was held, and grown on
        (at(4), at(5, 'other')),
        (at(2, 'other'), at(3, 'other')),  # the lower number
    ):
        assert not replica.apply(Delta('todos', base, version, [], [1]))
    assert ([row['id'] for row in replica.rows], replica.version) == ([1], at(5))


def test_what_was_held_is_known_again_until_it_is_long_ago_or_everything_was_replaced() -> None:
    replica = Replica(TODOS)
    replica.reset(at(0), [])
    for number in range(REMEMBERED):
        assert replica.apply(Delta('todos', at(number), at(number + 1), [], []))
    assert replica.apply(Delta('todos', at(0), at(1), [], [7])), 'a message that comes twice is no gap'
    assert not replica.apply(Delta('todos', at(-1), at(0), [], [7]))
    replica.reset(at(3, 'other'), [])
    assert not replica.knows(at(REMEMBERED))
