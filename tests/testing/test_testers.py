"""What testers are told of an app: who got what, what a person sees where a test fails, and what time brings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from nicegui.testing import User

import todosync
from tests.waiting import wait_until
from todosync import enqueue
from todosync.clock import Clock
from todosync.testing import (
    Broadcasts,
    RowUser,
    advance,
    another_program,
    broadcasts,
    close_tab,
    follow,
    todosync_storage,
)

__all__ = ['advance', 'broadcasts', 'todosync_storage']

SCOPES = pytest.mark.nicegui_main_file('tests/apps/scopes.py')
PRESENCE = pytest.mark.nicegui_main_file('examples/chat/main.py')
SHOPPING = pytest.mark.nicegui_main_file('examples/shopping/main.py')


async def open_as(user: User, name: str, projects: str) -> User:
    user.http_client.headers['X-User'] = name
    await user.open(f'/{projects}')
    return user


@SCOPES
async def test_it_is_known_who_got_a_change_and_who_did_not(
    user: User, create_user: Callable[[], User], broadcasts: Broadcasts
) -> None:
    ann, bob = await open_as(user, 'ann', '7,8'), await open_as(create_user(), 'bob', '7,8')
    for name, project in (('ann', 7), ('ann', 8), ('bob', 8)):
        await another_program('INSERT INTO project_members VALUES (:n, :p)', {'n': name, 'p': project})
    await RowUser(ann, 'scoped_tasks', 7).settle()
    broadcasts.clear()
    row = {'id': 1, 'project_id': 7, 'title': 'buy a ring', 'done': False}
    await another_program('INSERT INTO scoped_tasks VALUES (:id, :project_id, :title, :done)', row)
    await RowUser(ann, 'scoped_tasks', 7).settle()
    [told] = broadcasts
    assert (told.stream, told.scope, told.put, told.deleted, told.users) == ('scoped_tasks', 7, [row], [], ('ann',))
    assert told.version == RowUser(ann, 'scoped_tasks', 7).view.version
    assert (broadcasts.to(ann), broadcasts.to(bob)) == ([told], [])

    await another_program('UPDATE scoped_tasks SET project_id = 8')
    await RowUser(ann, 'scoped_tasks', 7).settle()
    [told] = broadcasts.to(bob)
    assert (told.scope, told.put, told.deleted) == (8, [{**row, 'project_id': 8}], [])
    assert sorted((each.scope, each.deleted) for each in broadcasts.to(ann)[1:]) == [(7, [1]), (8, [])]


@SHOPPING
async def test_a_failed_test_shows_the_rows_as_the_person_sees_them_and_no_template(user: User) -> None:
    await user.open('/')
    for number in range(30):
        await another_program('INSERT INTO items(name, bought) VALUES (:n, false)', {'n': f'Thing {number}'})
    await RowUser(user, 'items').settle()
    with pytest.raises(AssertionError) as failed:
        await user.should_see('Milk')
    said = str(failed.value)
    assert "'Thing 29' of {'id': 30, 'name': 'Thing 29', 'bought': False}" in said
    assert 'LiveText [text=30 to buy]' in said
    assert "in each row: ui.checkbox 'bought', ui.input 'mark'" not in said
    assert "ui.checkbox 'bought'" in said
    assert 'and 10 more' in said
    assert 'props.row' not in said
    assert 'todosync.' not in said


@SCOPES
async def test_a_failed_test_tells_that_the_person_may_not_read(user: User) -> None:
    await open_as(user, 'bob', '7')
    await user.should_see('You may not read this', retries=100)
    with pytest.raises(AssertionError, match='refused: You may not read this'):
        user.find('buy a ring')


@SHOPPING
async def test_a_tab_that_follows_leads_when_the_other_one_is_closed(
    user: User, create_user: Callable[[], User]
) -> None:
    second, stranger = User(user.http_client), create_user()
    for each in (user, second, stranger):
        await each.open('/')
    await follow(second, user)
    lists = RowUser(user, 'items'), RowUser(second, 'items')
    assert [each.view.role for each in lists] == ['leader', 'follower']
    await lists[1].view.insert(name='Milk')
    await lists[0].settle()
    assert [row['name'] for each in lists for row in each.rows()] == ['Milk', 'Milk']
    close_tab(user)
    assert lists[1].view.role == 'leader'
    await lists[1].trigger('delete', 'click', lists[1].row(name='Milk')['id'])
    assert RowUser(stranger, 'items').rows() == []
    with pytest.raises(AssertionError, match='cannot follow'):
        await follow(second, stranger)


@PRESENCE
async def test_who_has_gone_is_gone_when_time_has_passed(
    user: User, create_user: Callable[[], User], advance: Callable[[float], None]
) -> None:
    ann, bob = user, create_user()
    for each, name in ((ann, 'Ann'), (bob, 'Bob')):
        await each.open('/')
        each.find('Your name').type(name)
    await ann.should_see('Here: Ann, Bob', retries=100)
    before = datetime.now(UTC)
    close_tab(bob)
    advance(1.0)
    await ann.should_see('Here: Ann, Bob')
    advance(1.0)
    await ann.should_not_see('Here: Ann, Bob', retries=20)
    assert datetime.now(UTC) - before < timedelta(seconds=60)


@todosync.job()
def buy(name: str) -> None:
    """Put something on the list."""
    server = todosync.current_server()
    server.writer.insert(server.streams[0], {'name': name})


@SHOPPING
async def test_a_job_of_tomorrow_runs_when_a_day_has_passed(user: User, advance: Callable[[float], None]) -> None:
    await user.open('/')
    await asyncio.to_thread(wait_until, lambda: todosync.current_server().jobs.queue().is_owner)
    await asyncio.to_thread(enqueue, buy, 'Milk', at=datetime.now(UTC) + timedelta(days=1))
    advance(60 * 60)
    await user.should_not_see('Milk')
    advance(24 * 60 * 60)
    await user.should_see('Milk', retries=100)


async def test_timers_ring_in_their_order_each_once() -> None:
    clock, rung = Clock(), []
    timers = [clock.call_later(seconds, lambda seconds=seconds: rung.append(seconds)) for seconds in (30, 10, 20, 40)]
    clock.call_later(5, lambda: clock.call_later(10, lambda: rung.append(15)))
    timers[2].cancel()
    sleeping = asyncio.create_task(clock.sleep(35))
    await asyncio.sleep(0)
    clock.advance(35)
    await sleeping
    assert rung == [10, 15, 30]
    assert 34 < (clock.now() - datetime.now(UTC)).total_seconds() < 36
    clock.set_back()
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 1
