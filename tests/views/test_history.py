"""What a page is told of the history of its rows, and puts back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from nicegui.testing import User

from tests.databases import execute
from tests.views.test_scopes import add, join, open_as, view_of
from todosync import RefusedWriteError
from todosync.testing import RowUser, todosync_storage

__all__ = ['todosync_storage']

pytestmark = [pytest.mark.usefixtures('page_database'), pytest.mark.nicegui_main_file('tests/apps/scopes.py')]


async def test_a_page_is_told_who_changed_what_and_puts_it_back(
    user: User, create_user: Callable[[], User], page_database: str
) -> None:
    ann, bob = user, create_user()
    await open_as(ann, 'ann', '7')
    for name in ('ann', 'bob'):
        join(page_database, name, 7)
    add(page_database, 1, 7, 'by another program')
    await open_as(ann, 'ann', '7')
    await open_as(bob, 'bob', '7')
    for one in (ann, bob):
        await one.should_see('by another program', retries=100)
    tasks, view = RowUser(ann, 'scoped_tasks', 7), view_of(bob, 7)
    assert (await tasks.write('update', 1, title='by ann'))['state'] == 'done'
    await view.delete(1)

    deleted, updated, inserted = await view.history(1)
    assert [(change.who, change.action) for change in (deleted, updated, inserted)] == [
        ('bob', 'delete'),
        ('ann', 'update'),
        ('', 'insert'),
    ]
    assert (dict(updated.before), dict(updated.after)) == ({'title': 'by another program'}, {'title': 'by ann'})
    assert await view_of(ann, 7).history(limit=1) == [deleted]
    assert await view_of(ann, 7).history(limit=1, before=deleted) == [updated]

    await view_of(ann, 7).restore(deleted)
    await bob.should_see('by ann', retries=100)
    await view_of(ann, 7).restore(updated)
    await bob.should_see('by another program', retries=100)
    await view.delete(1)
    assert (await tasks.write('restore', 1))['state'] == 'done', 'also what somebody else has deleted'


async def test_who_loses_the_right_to_read_is_told_no_history(user: User, page_database: str) -> None:
    await open_as(user, 'ann', '7')
    join(page_database, 'ann', 7)
    add(page_database, 1, 7, 'buy a ring')
    await user.should_see('buy a ring', retries=100)
    view = view_of(user, 7)
    execute(page_database, 'DELETE FROM scoped_tasks')
    deleted, inserted = await view.history()
    execute(page_database, 'DELETE FROM project_members')
    assert await view.history() == []
    for what in (1, deleted, inserted):
        with pytest.raises(RefusedWriteError):
            await view.restore(what)
