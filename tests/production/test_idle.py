"""The outboxes of idle pages sleep, and every message that is put into one is sent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from nicegui import background_tasks, ui
from nicegui.testing import User
from nicegui.testing.user_simulation import user_simulation

from todosync.production import idle
from todosync.production.idle import IdleOutboxes, loops_can_be_ended, put_to_sleep

TURNS = 2000


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    for _ in range(TURNS):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError('this did not come true')


@pytest.fixture
async def page() -> AsyncIterator[User]:
    def root() -> None:
        ui.label('a page')

    async with user_simulation(root=root) as user:
        user.javascript_rules[re.compile(r'6 \* 7')] = lambda _: 42
        await user.open('/')
        yield user


def loops(user: User) -> list[asyncio.Task[None]]:
    """Return the loops that run for a page; two would send things in any order."""
    name = f'outbox loop {user.client.id}'
    return [task for task in background_tasks.running_tasks if task.get_name() == name]


def fall_asleep(user: User) -> None:
    (loop,) = loops(user)
    put_to_sleep(user.client.outbox, loop)


async def answer(user: User) -> Any:
    """Ask the page something, which takes its outbox, and return what it answers."""
    with user.client:
        return await ui.run_javascript('6 * 7', timeout=20)


def test_the_outbox_of_the_installed_nicegui_is_as_expected() -> None:
    assert loops_can_be_ended()


async def test_a_sleeping_outbox_has_no_loop_and_sends_what_is_put_into_it(page: User) -> None:
    for _ in range(2):
        fall_asleep(page)
        await until(lambda: not loops(page))
        assert await asyncio.gather(answer(page), answer(page)) == [42, 42]
        assert len(loops(page)) == 1


async def test_what_is_put_into_an_outbox_that_falls_asleep_is_sent(page: User) -> None:
    fall_asleep(page)
    assert await answer(page) == 42
    await until(lambda: len(loops(page)) <= 1)


async def test_a_page_that_is_deleted_while_its_outbox_sleeps_has_no_loop_again(page: User) -> None:
    fall_asleep(page)
    await until(lambda: not loops(page))
    page.client.delete()
    await until(lambda: not loops(page))


async def test_a_page_that_is_deleted_while_its_outbox_falls_asleep_has_no_loop_again(page: User) -> None:
    fall_asleep(page)
    page.client.delete()
    await until(lambda: not loops(page))
    page.client.outbox.enqueue_message('notify', {}, page.client.id)
    assert not loops(page)


async def test_an_outbox_falls_asleep_when_it_has_sent_nothing_for_a_while(
    page: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle, 'SWEEP_INTERVAL', 0.02)
    outboxes = IdleOutboxes()
    outboxes.start()
    outboxes.start()
    await until(lambda: not loops(page))
    assert await answer(page) == 42
    await until(lambda: not loops(page))
    outboxes.stop()
    outboxes.stop()


def test_where_nicegui_has_changed_the_loops_run_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, 'RELIED_ON', ('no such source',))
    outboxes = IdleOutboxes()
    outboxes.start()
    assert not outboxes.is_running
