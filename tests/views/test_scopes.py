"""Views of scopes: each person sees what they may, in Python as in the browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from nicegui.testing import User

import todosync
from tests.databases import execute
from todosync import RefusedWriteError, RowGoneError, View
from todosync.testing import RowUser, todosync_storage

__all__ = ['todosync_storage']

pytestmark = [pytest.mark.usefixtures('page_database'), pytest.mark.nicegui_main_file('tests/apps/scopes.py')]


async def open_as(user: User, name: str, projects: str) -> None:
    user.http_client.headers['X-User'] = name
    await user.open(f'/{projects}')


def view_of(user: User, project: int) -> View:
    assert user.client is not None
    return todosync.current_server().views.of(user.client)[f'scoped_tasks[{project}]']


def add(url: str, row_id: int, project: int, title: str) -> None:
    row = {'i': row_id, 'p': project, 't': title}
    execute(url, 'INSERT INTO scoped_tasks(id, project_id, title, done) VALUES (:i, :p, :t, false)', row)


def join(url: str, name: str, project: int) -> None:
    execute(url, 'INSERT INTO project_members(person, project_id) VALUES (:n, :p)', {'n': name, 'p': project})


async def test_two_people_see_the_projects_that_they_may(
    user: User, create_user: Callable[[], User], page_database: str
) -> None:
    ann, bob = user, create_user()
    await open_as(ann, 'ann', '7,8')
    for name, project in (('ann', 7), ('ann', 8), ('bob', 8)):
        join(page_database, name, project)
    add(page_database, 1, 7, 'buy a ring')
    add(page_database, 2, 8, 'paint')
    await open_as(ann, 'ann', '7,8')
    await open_as(bob, 'bob', '7,8')
    await ann.should_see('buy a ring', retries=100)
    await bob.should_see('paint', retries=100)
    await bob.should_see('You may not read this', retries=100)
    await bob.should_not_see('buy a ring')

    of_8 = RowUser(bob, view_of(bob, 8).stream, 8)
    assert [row['title'] for row in of_8.rows()] == ['paint']
    assert view_of(bob, 8).totals['summary'] == '0 of 1 done'
    await view_of(ann, 8).update(2, title='paint it')
    await bob.should_see('paint it', retries=100)
    await view_of(ann, 8).update(2, project_id=7)
    await of_8.settle()
    assert of_8.rows() == []
    assert [row['title'] for row in view_of(ann, 7).rows] == ['buy a ring', 'paint it']


async def test_nobody_writes_where_they_may_not_read(
    user: User, create_user: Callable[[], User], page_database: str
) -> None:
    ann, bob = user, create_user()
    await open_as(ann, 'ann', '7')
    join(page_database, 'ann', 7)
    join(page_database, 'bob', 8)
    add(page_database, 1, 7, 'buy a ring')
    add(page_database, 2, 8, 'paint')
    await open_as(bob, 'bob', '7,8')
    await bob.should_see('paint', retries=100)
    view = view_of(bob, 7)
    for attempt in (view.update(1, title='mine'), view.delete(1)):
        with pytest.raises(RowGoneError, match='There is no scopedtask 1'):
            await attempt
    for attempt in (view.insert(project_id=7, title='spam'), view.update(2, project_id=7)):
        with pytest.raises(RefusedWriteError, match='You may not write here') as refused:
            await attempt
        assert set(refused.value.fields) == {'project_id'}
    await view.insert(project_id=8, title='sand')
    await bob.should_see('sand', retries=100)


async def test_a_right_that_comes_and_goes_takes_the_rows_with_it(user: User, page_database: str) -> None:
    await open_as(user, 'ann', '7')
    add(page_database, 1, 7, 'buy a ring')
    await user.should_see('You may not read this', retries=100)
    join(page_database, 'ann', 7)
    await user.should_see('buy a ring', retries=100)
    assert view_of(user, 7).refused == ''
    execute(page_database, 'DELETE FROM project_members')
    await user.should_see('You may not read this', retries=100)
    assert list(view_of(user, 7).rows) == []
    await user.should_not_see('buy a ring')


async def test_who_somebody_is_may_be_kept_in_the_storage_of_their_session(user: User, page_database: str) -> None:
    await user.open('/sign-in/ann')
    await user.open('/7')
    await user.should_see('You may not read this', retries=100)
    join(page_database, 'ann', 7)
    add(page_database, 1, 7, 'buy a ring')
    await user.should_see('buy a ring', retries=100)
    assert (await RowUser(user, 'scoped_tasks', 7).write('update', 1, title='buy two'))['state'] == 'done'
    execute(page_database, 'DELETE FROM project_members')
    await user.should_see('You may not read this', retries=100)


async def test_a_user_who_cannot_be_told_is_nobody_and_keeps_no_other_from_losing_a_right(
    user: User, create_user: Callable[[], User], page_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    nameless, ann = user, create_user()
    await open_as(nameless, 'nameless', '7')
    join(page_database, 'ann', 7)
    add(page_database, 1, 7, 'buy a ring')
    await open_as(ann, 'ann', '7')
    await ann.should_see('buy a ring', retries=100)
    await nameless.should_see('You may not read this', retries=100)
    execute(page_database, 'DELETE FROM project_members')
    await ann.should_see('You may not read this', retries=100)
    await ann.should_not_see('buy a ring')
    assert 'there is no such account any more' in caplog.text
    caplog.clear()


async def test_a_view_says_which_scope_it_needs(user: User) -> None:
    await open_as(user, 'ann', '7')
    stream = view_of(user, 7).stream
    assert user.client is not None
    with user.client:
        for scope, said in (
            ({}, 'was asked for the scope {}; give project_id='),
            ({'project': 7}, "was asked for the scope {'project': 7}"),
            ({'project_id': '7'}, "is a whole number, a 'project_id'; '7' is none"),
            ({'project_id': True}, 'True is none'),
        ):
            with pytest.raises(ValueError, match='stream') as refused:
                todosync.use_stream(stream, **scope)  # type: ignore[arg-type]
            assert said in str(refused.value)
