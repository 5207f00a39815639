"""The history of the todos, as people read it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from nicegui.testing import User

from components.history import ago
from todos import TODOS
from todos.testing import TodoUser
from todosync import current_server
from todosync.testing import todosync_storage
from todosync.writes import Author

__all__ = ['todosync_storage']


async def test_a_person_reads_who_has_done_what_and_puts_it_back(user: User) -> None:
    await user.open('/')
    todos = TodoUser(user)
    await todos.add('Buy milk')
    ann, writer = Author('Ann'), current_server().writer
    todo = todos.rows()[0]
    await asyncio.to_thread(writer.update, TODOS, todo['id'], {'completed': True}, author=ann)
    await asyncio.to_thread(writer.update, TODOS, todo['id'], {'title': 'Buy oats', 'completed': False}, author=ann)
    await asyncio.to_thread(writer.delete, TODOS, todo['id'])
    user.find('history').click()
    for sentence in (
        'Somebody deleted “Buy oats”',
        'Ann changed the title from “Buy milk” to “Buy oats” and marked it as not done',
        'Ann marked “Buy milk” as done',
        'Somebody added “Buy milk”',
    ):
        await user.should_see(sentence, retries=100)
    await todos.trigger('history-put-back-delete', 'click')
    assert todos.titles() == ['Buy oats']


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [(-5, 'just now'), (59, 'just now'), (60, '1 minute ago'), (7200, '2 hours ago'), (90000, '1 day ago')],
)
def test_how_long_ago_something_was(seconds: int, text: str) -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    assert ago(now - timedelta(seconds=seconds), now) == text
