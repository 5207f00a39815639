"""Who is here, as pages and rows see it: each person once, and only those who may read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from nicegui import Client, json
from nicegui.testing import User

import todosync
from tests.databases import execute
from tests.sockets import until
from todosync import Editing, LiveList, Presence, Stream
from todosync.testing import RowUser, close_tab, todosync_storage
from todosync.views import FOCUS_EVENT

__all__ = ['todosync_storage']

pytestmark = [pytest.mark.usefixtures('page_database'), pytest.mark.nicegui_main_file('tests/apps/presence.py')]


def stream() -> Stream:
    return todosync.current_server().streams[0]


def let_in(url: str, name: str, project: int) -> None:
    execute(url, 'INSERT INTO guests(name, project_id) VALUES (:n, :p)', {'n': name, 'p': project})


def add(url: str, row_id: int, project: int, title: str) -> None:
    row = {'i': row_id, 'p': project, 't': title}
    execute(url, "INSERT INTO errands_of_projects(id, project_id, title, note) VALUES (:i, :p, :t, '')", row)


async def open_as(user: User, name: str, projects: str = '7') -> User:
    user.http_client.headers['X-User'] = name
    await user.open(f'/{projects}')
    return user


def presence_of(user: User, project: int = 7) -> Presence:
    assert user.client is not None
    presence = todosync.current_server().views.of(user.client)[f'{stream().name}[{project}]'].presence
    assert presence is not None
    return presence


@pytest.fixture
async def people(user: User, create_user: Callable[[], User], page_database: str) -> tuple[User, User]:
    """Ann and Bob in project 7, which has two errands."""
    ann, bob = user, create_user()
    await open_as(ann, 'ann')
    for name in ('ann', 'bob'):
        let_in(page_database, name, 7)
    add(page_database, 1, 7, 'paint')
    add(page_database, 2, 7, 'sand')
    await ann.should_see('In 7: ann (me)', retries=100)
    await open_as(bob, 'bob')
    await bob.should_see('In 7: ann, bob (me)', retries=100)
    await RowUser(bob, stream(), 7).settle()
    return ann, bob


async def test_a_person_counts_once_whatever_the_number_of_their_tabs(people: tuple[User, User]) -> None:
    ann, bob = people
    second = await open_as(User(bob.http_client), 'bob')
    await second.should_see('In 7: ann, bob (me)', retries=100)
    await ann.should_see('In 7: ann (me), bob', retries=100)
    await ann.should_see('2 people')
    close_tab(bob)
    close_tab(ann)
    await second.should_see('In 7: bob (me)', retries=100)
    assert [person.name for person in presence_of(second).people] == ['bob']
    assert presence_of(second).others == ()


async def test_who_may_not_read_neither_sees_nor_is_seen(
    people: tuple[User, User], create_user: Callable[[], User], page_database: str
) -> None:
    ann, _ = people
    eve = await open_as(create_user(), 'eve', '7,8')
    let_in(page_database, 'eve', 8)
    await eve.should_see('In 8: eve (me)', retries=100)
    await eve.should_see('In 7: ', retries=100)
    assert (presence_of(eve).people, presence_of(eve).count) == ((), 0)
    assert [person.name for person in presence_of(ann).people] == ['ann', 'bob']


async def test_who_loses_the_right_is_gone_and_sees_nobody(people: tuple[User, User], page_database: str) -> None:
    ann, bob = people
    await RowUser(bob, stream(), 7).focus(1, 'title')
    await ann.should_see('bob', retries=100)
    execute(page_database, "DELETE FROM guests WHERE name = 'bob'")
    await ann.should_not_see('In 7: ann (me), bob', retries=100)
    await bob.should_not_see('In 7: ann', retries=100)
    assert presence_of(bob).people == ()
    let_in(page_database, 'bob', 7)
    await bob.should_see('In 7: ann, bob (me)', retries=100)
    await ann.should_see('In 7: ann (me), bob', retries=100)


async def test_a_row_shows_who_else_edits_it(people: tuple[User, User]) -> None:
    ann, bob = people
    errands = RowUser(bob, stream(), 7)
    await errands.focus(errands.row(title='paint'), 'note')
    await until(lambda: presence_of(ann).editors(1) == presence_of(ann).editors(1, 'note') == 'bob')
    assert presence_of(ann).editors(1, 'title') == presence_of(ann).editors(2) == presence_of(bob).editors(1) == ''
    assert presence_of(ann).others[0].editing == (Editing(1, 'note'),)
    await ann.should_see('bob')
    await errands.blur()
    await until(lambda: presence_of(ann).editors(1) == '')


async def test_a_page_says_itself_what_is_edited_in_a_dialog(people: tuple[User, User]) -> None:
    ann, bob = people
    presence_of(bob).editing(2)
    await until(lambda: presence_of(ann).editors(2) == 'bob')
    assert presence_of(ann).editors(2, 'title') == ''
    presence_of(bob).editing({'id': 1, 'title': 'paint'}, 'title')
    await until(lambda: presence_of(ann).editors(1, 'title') == 'bob')
    presence_of(bob).editing(None)
    await until(lambda: presence_of(ann).editors(1) == '')


@pytest.mark.parametrize(
    'odd',
    [
        ['errands_of_projects', 99, 'title'],
        ['errands_of_projects', 1, 'project'],
        ['errands_of_projects', 1],
        ['errands_of_projects', [1], 'title'],
        ['errands_of_projects', True, 'title'],
        ['errands_of_projects', None, 'title'],
        ['others', 1, 'title'],
        [{'a': 1}],
        ['x' * 10_000],
        [1],
    ],
)
async def test_what_no_browser_says_is_nothing(people: tuple[User, User], odd: list[Any]) -> None:
    _, bob = people
    await RowUser(bob, stream(), 7).focus(1, 'title')
    assert spot_edits(bob) == Editing(1, 'title')
    assert bob.client is not None
    send_focus(bob.client, odd)
    assert spot_edits(bob) is None


def spot_edits(user: User) -> Editing | None:
    [me] = [person for person in presence_of(user).people if person.is_me]
    return me.editing[0] if me.editing else None


def send_focus(client: Client, args: list[Any]) -> None:
    [listener] = [each for each in client.layout._event_listeners.values() if each.type == FOCUS_EVENT]  # noqa: SLF001 - as a browser's page names it
    message = {'id': client.layout.id, 'listener_id': listener.id, 'args': [json.dumps(arg) for arg in args]}
    client.handle_event(message)


async def test_a_name_is_one_line_and_bounded(people: tuple[User, User]) -> None:
    ann, bob = people
    presence_of(bob).name = '  Bob \n the   Builder ' + 'x' * 500
    await until(lambda: presence_of(ann).others[0].name.startswith('Bob the Builder x'))
    assert len(presence_of(ann).others[0].name) == 100
    presence_of(bob).name = ''
    await until(lambda: str(presence_of(ann).others[0]) == 'Somebody')


async def test_a_page_is_told_of_each_change(people: tuple[User, User]) -> None:
    ann, bob = people
    heard: list[int] = []
    presence_of(ann).on_change(lambda: heard.append(presence_of(ann).count))
    close_tab(bob)
    await until(lambda: heard[-1:] == [1])
    assert len(heard) <= 2, 'one that was on its way, and this one'


async def test_many_changes_of_a_moment_are_one(people: tuple[User, User]) -> None:
    ann, bob = people
    await until(lambda: presence_of(ann).others[0].editing == ())
    heard: list[str] = []
    presence_of(ann).on_change(lambda: heard.append(str(presence_of(ann).others[0])))
    for number in range(1000):
        presence_of(bob).name = f'Bob {number}'
    await until(lambda: heard and heard[-1] == 'Bob 999')
    assert len(heard) <= 2, 'one that was on its way, and one for all'


async def test_a_page_that_shows_something_else_leaves_and_may_come_back(people: tuple[User, User]) -> None:
    ann, bob = people
    presence_of(bob).editing(1)
    await until(lambda: presence_of(ann).editors(1) == 'bob')
    presence_of(bob).leave()
    await ann.should_not_see('In 7: ann (me), bob', retries=100)
    assert bob.client is not None
    with bob.client:
        todosync.use_presence(todosync.use_stream(stream(), project_id=7))
    await ann.should_see('In 7: ann (me), bob', retries=100)
    assert presence_of(ann).editors(1) == ''


async def test_a_row_that_shows_editors_needs_presence(people: tuple[User, User]) -> None:
    ann, _ = people
    assert ann.client is not None
    with ann.client:
        view = todosync.use_stream(stream(), project_id=99)
        with pytest.raises(ValueError, match=r'call use_presence\(view\) before'), LiveList(view, row_height=40) as row:
            _ = row.editors
        presence = todosync.use_presence(view, name='Annie')
        assert todosync.use_presence(view) is presence
        assert presence.name == 'Annie'
        with LiveList(view, row_height=40) as row, pytest.raises(AttributeError, match=r"no field 'titel'.*'title'"):
            _ = row.editors.titel
