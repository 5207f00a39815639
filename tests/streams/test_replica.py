"""A replica, changed step by step, is what it would be if it were read anew."""

from __future__ import annotations

import random

import pytest

from todos import TODOS
from todosync import Row
from todosync.streams.messages import Delta
from todosync.streams.replica import Replica


def record(chance: random.Random, row_id: int) -> Row:
    second = chance.randrange(5)  # few, so that many rows are of the same time
    return {
        'id': row_id,
        'title': f'title {chance.randrange(100)}',
        'completed': chance.random() < 0.5,
        'created_at': f'2026-11-22T18:00:0{second}.000000Z',
    }


@pytest.mark.parametrize('seed', range(20))
def test_a_replica_is_in_order_and_adds_up_after_any_changes(seed: int) -> None:
    chance = random.Random(seed)
    rows = {number: record(chance, number) for number in range(1, 20)}
    replica = Replica(TODOS)
    replica.reset(0, rows.values())
    for version in range(1, 100):
        put = [record(chance, number) for number in chance.sample(range(1, 40), chance.randrange(4))]
        deleted = list({*chance.sample(range(1, 40), 2)} - {row['id'] for row in put})
        rows |= {row['id']: row for row in put}
        rows = {number: row for number, row in rows.items() if number not in deleted}
        assert replica.apply(Delta('todos', version - 1, version, put, deleted))
        anew = Replica(TODOS)
        anew.reset(version, rows.values())
        assert list(replica.rows) == list(anew.rows)
        assert list(anew.rows) == sorted(rows.values(), key=lambda row: (row['created_at'], row['id']), reverse=True)
        assert replica.totals == anew.totals
