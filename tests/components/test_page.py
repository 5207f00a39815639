"""What people can do on the page, without a browser: ``main.py`` as it is, with a database of its own for each test."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from nicegui import core, ui
from nicegui.testing import User
from nicegui.testing.user_simulation import user_simulation

from tests.databases import execute
from tests.server import ROOT
from tests.waiting import wait_until
from todos import TODOS
from todos.testing import TodoUser
from todosync.testing import todosync_storage

__all__ = ['todosync_storage']

pytestmark = pytest.mark.usefixtures('page_database')

LONG = 'x' * 500
PATIENCE = 100
"""How often NiceGUI checks the page, every 0.1 s, for a change of another program, which no event announces."""
HOSTILE = '</script><img src=x onerror=alert(1)>'


@pytest.fixture
async def todos(user: User) -> TodoUser:
    await user.open('/')
    return TodoUser(user)


async def test_a_new_todo_stands_on_top_and_the_field_is_ready_for_the_next_one(todos: TodoUser) -> None:
    await todos.add('Buy milk')
    await todos.add('  Call Ann ')
    assert todos.titles() == ['Call Ann', 'Buy milk']
    assert todos.field().value == ''
    await todos.user.should_see('Todos (2 total, 0 done)')


async def test_a_tester_can_type_and_press_enter_with_nicegui_alone(user: User) -> None:
    await user.open('/')
    user.find('What needs to be done?').type('Buy milk').trigger('keydown.enter')
    await user.should_see('Todos (1 total, 0 done)', retries=PATIENCE)
    await user.should_see('Buy milk')


@pytest.mark.parametrize(
    ('title', 'reason'),
    [
        ('\u200b', "Title can't be blank"),
        ('x' * 501, 'Title is too long (maximum is 500 characters)'),
        ('a\0b', 'Title contains a NUL character, which cannot be stored'),
    ],
)
async def test_a_refused_title_stays_in_the_field_with_the_reason_under_it(
    todos: TodoUser, title: str, reason: str
) -> None:
    await todos.add(title)
    assert todos.titles() == []
    assert todos.field().value == title
    await todos.user.should_see(reason)


async def test_typing_makes_the_reason_go_away(todos: TodoUser) -> None:
    await todos.add('x' * 501)
    todos.user.find(marker='new-todo').type('Buy milk')
    await todos.user.should_not_see('Title is too long')


@pytest.mark.parametrize('title', ['', '   '])
async def test_where_nothing_was_typed_nothing_is_added_and_nothing_said(todos: TodoUser, title: str) -> None:
    await todos.add(title)
    assert todos.titles() == []
    assert not todos.field().error


@pytest.mark.parametrize(
    'title', [HOSTILE, LONG, 'שלום עולם', 'مرحبا', '🎉 👩‍👩‍👧‍👦', "'; DROP TABLE todos; --", '{{ 1 + 1 }}']
)
async def test_any_text_is_a_title(todos: TodoUser, title: str) -> None:
    await todos.add(title)
    assert todos.titles() == [title]
    await todos.user.should_see(title)


async def test_a_hostile_title_does_not_end_the_script_element_of_the_page(todos: TodoUser) -> None:
    await todos.add(HOSTILE)
    page = (await todos.user.http_client.get('/')).text
    assert '<img' not in page
    assert r'\u003c/script\u003e' in page


async def test_a_todo_is_checked_and_unchecked(todos: TodoUser) -> None:
    await todos.add('Buy milk')
    await todos.toggle('Buy milk')
    assert todos.done() == ['Buy milk']
    await todos.user.should_see('Todos (1 total, 1 done)')
    await todos.toggle('Buy milk')
    assert todos.done() == []


async def test_a_todo_is_renamed_where_it_stands(todos: TodoUser) -> None:
    await todos.add('Buy milk')
    await todos.add('Call Ann')
    await todos.edit('Buy milk', ' Buy oat milk ')
    assert todos.titles() == ['Call Ann', 'Buy oat milk']


async def test_a_refused_new_name_is_explained_and_changes_nothing(todos: TodoUser) -> None:
    await todos.add('Buy milk')
    await todos.edit('Buy milk', 'x' * 501)
    assert todos.titles() == ['Buy milk']
    await todos.user.should_see('Title is too long')


async def test_a_todo_of_whose_title_nothing_is_left_is_deleted_and_comes_back_by_undo(todos: TodoUser) -> None:
    await todos.add('Buy milk')
    await todos.edit('Buy milk', ' ')
    assert todos.titles() == []
    await todos.user.should_see('Deleted “Buy milk”')
    await todos.undo_delete()
    assert todos.titles() == ['Buy milk']


async def test_all_todos_are_checked_at_once_and_unchecked(todos: TodoUser) -> None:
    for title in ('Buy milk', 'Call Ann', 'Water the plants'):
        await todos.add(title)
    await todos.toggle('Call Ann')
    await todos.user.should_see('2 items left')
    await todos.toggle_all()
    assert todos.done() == todos.titles()
    await todos.user.should_see('0 items left')
    await todos.toggle_all()
    assert todos.done() == []


async def test_what_is_done_is_cleared_and_comes_back_by_one_undo(todos: TodoUser) -> None:
    for title in ('Buy milk', 'Call Ann', 'Water the plants'):
        await todos.add(title)
    await todos.user.should_not_see('Clear completed')
    for title in ('Buy milk', 'Water the plants'):
        await todos.toggle(title)
    before = todos.rows()
    await todos.user.should_see('Clear completed')
    await todos.clear_completed()
    assert todos.titles() == ['Call Ann']
    await todos.user.should_see('1 item left')
    await todos.user.should_see('Deleted 2 todos that were done')
    await todos.user.should_not_see('Clear completed')
    await todos.undo_delete()
    assert todos.rows() == before


async def test_the_oldest_todo_stands_first_where_a_person_wants_that(todos: TodoUser) -> None:
    for title in ('Buy milk', 'Call Ann'):
        await todos.add(title)
    await todos.order('Oldest first')
    assert todos.titles() == ['Buy milk', 'Call Ann']
    todos.user.find('Newest first').click()
    assert todos.titles() == ['Call Ann', 'Buy milk']


async def test_an_empty_list_has_no_count(todos: TodoUser) -> None:
    await todos.user.should_not_see('items left')
    await todos.add('Buy milk')
    await todos.user.should_see('1 item left')


async def test_a_deleted_todo_comes_back_to_its_place_by_undo(todos: TodoUser) -> None:
    for title in ('Buy milk', 'Call Ann', 'Water the plants'):
        await todos.add(title)
    await todos.toggle('Call Ann')
    before = todos.rows()
    await todos.delete('Call Ann')
    assert todos.titles() == ['Water the plants', 'Buy milk']
    await todos.user.should_see('Deleted “Call Ann”')
    await todos.trigger('todo-undo', 'undo')
    assert todos.rows() == before


async def test_the_notice_of_a_delete_puts_that_todo_back_and_only_once(todos: TodoUser) -> None:
    for title in ('Buy milk', 'Call Ann'):
        await todos.add(title)
    await todos.delete('Buy milk')
    await todos.toggle('Call Ann')
    await todos.trigger('todo-undo', 'undo')
    await todos.trigger('todo-undo', 'undo')
    assert todos.titles() == ['Call Ann', 'Buy milk']
    assert todos.done() == ['Call Ann']


async def test_what_was_done_is_undone_the_last_first(todos: TodoUser) -> None:
    await todos.add('Buy milk')
    await todos.edit('Buy milk', 'Buy oat milk')
    await todos.toggle('Buy oat milk')
    await todos.delete('Buy oat milk')
    await todos.undo()
    assert todos.done() == ['Buy oat milk']
    await todos.user.should_see('Undone: deleted “Buy oat milk”')
    await todos.undo()
    assert todos.titles() == ['Buy oat milk']
    assert todos.done() == []
    await todos.undo()
    assert todos.titles() == ['Buy milk']
    await todos.user.should_see('Undone: changed “Buy milk”')
    await todos.undo()
    assert todos.titles() == []
    await todos.user.should_see('Undone: added “Buy milk”')
    await todos.undo()
    assert todos.titles() == []


async def test_what_somebody_else_has_changed_since_is_not_undone(
    todos: TodoUser, create_user: Callable[[], User]
) -> None:
    await todos.add('Buy milk')
    await todos.toggle('Buy milk')
    await todos.edit('Buy milk', 'Buy oats')
    bob = TodoUser(create_user())
    await bob.user.open('/')
    await bob.edit('Buy oats', 'Buy bread')
    await todos.settle()
    await todos.undo()
    said = [*todos.user.notify.messages, *bob.user.notify.messages]  # NiceGUI tells whoever was asked last
    assert 'Not undone: somebody has meanwhile changed it (title: “Buy bread”)' in said
    assert todos.titles() == ['Buy bread']
    assert todos.done() == ['Buy bread']
    await todos.undo()
    assert todos.done() == []


async def test_what_somebody_else_has_deleted_meanwhile_is_said_not_logged(todos: TodoUser) -> None:
    await todos.add('Buy milk')
    gone = todos.row(title='Buy milk')['id']
    await todos.delete('Buy milk')
    await todos.trigger('todo-list', 'toggle', gone, True)
    await todos.user.should_see('may have been deleted')
    await todos.trigger('todo-list', 'delete', {'id': gone, 'title': 'Buy milk'})
    await todos.trigger('todo-list', 'edit', gone, 'Buy oat milk')
    assert todos.titles() == []


async def test_the_choice_of_what_is_shown(todos: TodoUser) -> None:
    await todos.user.should_see('Nothing to do yet.')
    for title in ('Buy milk', 'Call Ann'):
        await todos.add(title)
    await todos.user.should_not_see('Nothing to do yet.')
    await todos.toggle('Buy milk')
    await todos.show('Active')
    assert todos.titles() == ['Call Ann']
    await todos.user.should_not_see('Buy milk')
    await todos.show('Done')
    assert todos.titles() == ['Buy milk']
    await todos.toggle('Buy milk')
    await todos.user.should_see('Nothing done yet.')
    await todos.show('All')
    assert todos.titles() == ['Call Ann', 'Buy milk']


async def test_the_choice_is_clicked_on_or_stands_in_the_address(user: User, todos: TodoUser) -> None:
    for title in ('Buy milk', 'Call Ann'):
        await todos.add(title)
    await todos.toggle('Buy milk')
    user.find('Active').click()
    assert todos.titles() == ['Call Ann']
    await user.open('/?filter=done')
    assert TodoUser(user).titles() == ['Buy milk']
    await user.open('/?filter=no-such-one')
    assert len(TodoUser(user).titles()) == 2
    with pytest.raises(ValueError, match="there is no option 'Urgent'; there are 'All', 'Active', 'Done'"):
        await TodoUser(user).show('Urgent')


async def test_two_people_see_each_others_changes(user: User, create_user: Callable[[], User]) -> None:
    ann, bob = user, create_user()
    await ann.open('/')
    await bob.open('/')
    await TodoUser(ann).add('Buy milk')
    await bob.should_see('Buy milk')
    await TodoUser(bob).toggle('Buy milk')
    await ann.should_see('Todos (1 total, 1 done)')
    await TodoUser(bob).show('Active')
    assert TodoUser(ann).titles() == ['Buy milk']
    assert TodoUser(bob).titles() == []


async def test_a_request_to_the_api_shows_on_the_page(todos: TodoUser) -> None:
    answer = await todos.user.http_client.post('/todos', json={'todo': {'title': 'Buy milk'}})
    assert answer.status_code == 201
    await todos.settle()
    await todos.user.should_see('Buy milk')


async def test_the_same_page_stands_at_todos(user: User) -> None:
    await user.http_client.post('/todos', json={'todo': {'title': 'Buy milk'}})
    user.http_client.headers['Accept'] = 'text/html'
    await user.open('/todos')
    await user.should_see('Buy milk', retries=PATIENCE)


async def test_the_badge_and_the_log_tell_of_this_tab(todos: TodoUser) -> None:
    await todos.add('Buy milk')
    await todos.user.should_see('Synced')
    await todos.user.should_see('Leader')
    await todos.user.should_see('broadcast: todos: version 0 → 1')
    await todos.trigger('event-clear', 'click')
    await todos.user.should_not_see('broadcast: todos')


async def test_the_colours_follow_the_system_until_a_person_chooses(user: User) -> None:
    await user.open('/')

    def mode() -> bool | None:
        with user:
            return next(iter(user.find(ui.dark_mode).elements)).value

    chosen = [mode()]
    for _ in range(3):
        user.find(marker='theme').trigger('click')
        chosen.append(mode())
    assert chosen == [None, False, True, None]
    user.http_client.cookies.set('todosync_colours', 'dark')  # what the browser keeps
    await user.open('/')
    assert mode() is True


async def test_a_failure_is_admitted_and_the_text_stays(
    todos: TodoUser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(TODOS.declared, 'rules', [lambda write: 1 / 0])
    await todos.add('Buy milk')
    await todos.user.should_see('That did not work and nothing was changed.')
    assert todos.field().value == 'Buy milk'
    assert 'ZeroDivisionError' in caplog.text, 'whoever runs the server has to know'
    caplog.clear()


async def test_what_the_database_does_not_admit_is_told_and_the_text_stays(todos: TodoUser, page_database: str) -> None:
    execute(page_database, 'CREATE UNIQUE INDEX one_of_each_kind ON todos (completed)')
    await todos.add('Call Ann')
    await todos.add('Buy milk')
    assert todos.field().value == 'Buy milk'
    assert todos.field().error == 'There is a todo with the same completed already'


async def test_the_server_holds_one_row_whatever_the_number_of_todos(user: User) -> None:
    await user.open('/')
    empty = len(user.client.elements) if user.client else 0
    for number in range(30):
        await user.http_client.post('/todos', json={'todo': {'title': f'Todo {number}'}})
    await TodoUser(user).settle()
    await user.open('/')
    await user.should_see('Todo 29')
    assert user.client is not None
    assert len(user.client.elements) == empty


async def test_running_the_app_anew_leaves_nothing_behind(
    tmp_path: Path, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers = set()
    for turn in range(5):
        monkeypatch.setenv('TODOSYNC_STORAGE_DIR', str(tmp_path / str(turn)))
        monkeypatch.setenv('TODOSYNC_DATABASE_URL', new_database())
        async with user_simulation(main_file=ROOT / 'main.py') as user:
            await user.open('/')
            await TodoUser(user).add(f'Todo {turn}')
            assert TodoUser(user).titles() == [f'Todo {turn}'], 'each run has a database of its own'
            handlers.add(len(core.sio.handlers['/']))
            assert threads() != set(), 'otherwise the check below checks nothing'
        wait_until(lambda: threads() == set())  # NiceGUI does not wait for its own pool
        assert [path for path in open_files() if path.is_relative_to(tmp_path)] == []
    assert len(handlers) == 1


def threads() -> set[str]:
    """Return the names of the threads that the app has started, except those of the event loop's pools."""
    names = {thread.name for thread in threading.enumerate() if thread is not threading.main_thread()}
    return {name for name in names if not name.startswith(('asyncio_', 'AnyIO'))}


def open_files() -> list[Path]:
    """Return the files that this process has open."""
    links = Path('/proc/self/fd').iterdir()
    return [Path(os.readlink(link)) for link in links if link.is_symlink()]
