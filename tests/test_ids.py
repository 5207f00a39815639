"""Ids that are made by whoever makes a row."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import RFC_4122

import pytest

from todosync.ids import GIVEN_ID_MAX, ID_MAX, IdMaker, UuidMaker

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()


def test_an_id_tells_when_it_was_made() -> None:
    milliseconds = IdMaker(lambda: NOON)() >> 12
    assert milliseconds == (NOON - datetime(2025, 1, 1, tzinfo=UTC).timestamp()) * 1000


def test_fifty_rows_of_one_moment_have_ids_that_rise() -> None:
    make_id = IdMaker(lambda: NOON)
    ids = [make_id() for _ in range(50)]
    assert ids == sorted(set(ids))


def test_two_makers_of_one_moment_rarely_make_the_same_id() -> None:
    assert len({IdMaker(lambda: NOON)() for _ in range(100)}) > 80


def test_when_the_clock_is_set_back_ids_rise_on() -> None:
    now = NOON
    make_id = IdMaker(lambda: now)
    before = make_id()
    now -= 3600
    assert make_id() == before + 1
    now += 7200
    assert make_id() > before + 3_000_000


@pytest.mark.parametrize('year', [1970, 2000, 2025, 2094, 2095, 9999])
def test_every_id_can_be_told_from_its_neighbours_in_javascript_whatever_the_clock_says(year: int) -> None:
    make_id = IdMaker(lambda: datetime(year, 1, 1, tzinfo=UTC).timestamp())
    ids = [make_id() for _ in range(10_000)]
    assert ids == sorted(set(ids))
    assert 0 < ids[0] < ids[-1] < GIVEN_ID_MAX < ID_MAX
    assert float(ids[-1]) == ids[-1] != float(ids[-1] + 1)


def test_threads_share_a_maker() -> None:
    make_id = IdMaker(lambda: NOON)
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: make_id(), range(10_000)))
    assert len(set(ids)) == 10_000


def test_a_uuid_tells_when_it_was_made_and_rises_whatever_the_clock_does() -> None:
    now = NOON
    make_id = UuidMaker(lambda: now)
    made = [make_id() for _ in range(50)]
    assert made[0].int >> 80 == NOON * 1000
    now -= 3600
    made += [make_id() for _ in range(50)]
    now += 7200
    made.append(make_id())
    assert made == sorted(set(made))
    assert {(found.version, found.variant) for found in made} == {(7, RFC_4122)}
    assert len({UuidMaker(lambda: NOON)() for _ in range(100)}) == 100
