"""What a page binds to: values that are right, cost little and end with the page."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from nicegui import Client, app, binding, core, ui
from nicegui.testing import User

import todosync
from tests.tabs.in_process import InProcessSocket
from todos import TODOS, Todo, TodoView, use_todo_sync
from todos.testing import TodoUser
from todosync import Stream, SyncServer, View
from todosync.streams import Version
from todosync.testing import todosync_storage
from todosync.writes import RefusedWriteError, RowGoneError

__all__ = ['todosync_storage']

pytestmark = pytest.mark.usefixtures('page_database')


@pytest.fixture
async def view(user: User) -> TodoView:
    await user.open('/')
    return view_of(user)


@pytest.fixture
def todos(user: User, view: TodoView) -> TodoUser:
    return TodoUser(user)


def server() -> SyncServer:
    return todosync.current_server()


def view_of(user: User) -> TodoView:
    assert user.client is not None
    view = server().views.of(user.client)['todos']
    assert isinstance(view, TodoView)
    return view


class Target:
    value: Any = None


async def test_a_connected_page_keeps_no_copy_of_the_list(user: User, todos: TodoUser) -> None:
    await todos.add('Buy milk')
    await user.http_client.get('/')
    sent, connected = max(Client.instances.values(), key=lambda client: client.created), user.client
    assert connected is not None
    assert 'Buy milk' in sent.head_html, 'NiceGUI keeps what has been added to the head elsewhere: see on_connect()'
    assert 'Buy milk' not in connected.head_html
    assert connected.head_html == Client.shared_head_html


async def test_a_page_has_one_view_of_a_stream(user: User, view: TodoView) -> None:
    with user:
        assert use_todo_sync() is view
        assert todosync.use_stream(TODOS) is view


async def test_bound_labels_follow_every_change(user: User, view: TodoView, todos: TodoUser) -> None:
    with user:
        ui.label().bind_text_from(view, 'count', lambda n: f'{n} in all')
        ui.label().bind_text_from(view, 'completed_count', lambda n: f'{n} finished')
        ui.label().bind_text_from(view, 'todos', lambda rows: ' / '.join(todo['title'] for todo in rows) or 'empty')
        ui.label().bind_text_from(view, 'version', lambda n: f'at version {n}')
    for text in ('0 in all', '0 finished', 'empty', 'at version 0'):
        await user.should_see(text)
    await todos.add('Buy milk')
    await todos.add('Call Ann')
    await todos.toggle('Call Ann')
    for text in ('2 in all', '1 finished', 'Call Ann / Buy milk', 'at version 3'):
        await user.should_see(text)
    await todos.delete('Call Ann')
    for text in ('1 in all', '0 finished', 'Buy milk', 'at version 4'):
        await user.should_see(text)


async def test_a_value_that_returns_to_what_it_was_before_the_binding_is_shown(
    user: User, view: TodoView, todos: TodoUser
) -> None:
    await todos.add('Buy milk')
    with user:
        ui.label().bind_text_from(view, 'count', lambda n: f'{n} in all')
    await todos.delete('Buy milk')
    await user.should_see('0 in all')


async def test_values_are_right_without_any_binding(view: TodoView, todos: TodoUser) -> None:
    await todos.add('Buy milk')
    assert (view.count, view.completed_count, view.version) == (1, 0, 1)
    assert view.totals['heading'] == 'Todos (1 total, 0 done)'
    assert [todo['title'] for todo in view.todos] == ['Buy milk']
    assert view.todos[0]['title'] == view.rows.get(view.todos[0]['id'])['title']  # type: ignore[index]
    assert view.rows.get(12345) is None


async def test_bindings_are_not_polled(user: User, view: TodoView) -> None:
    before = len(binding.active_links)
    with user:
        for name in ('todos', 'count', 'completed_count', 'rows', 'version', 'totals', 'role', 'is_leader'):
            binding.bind_from(Target(), 'value', view, name)
        for name in ('connected', 'events'):
            binding.bind_from(Target(), 'value', view, name)
    assert len(binding.active_links) == before


@pytest.mark.parametrize('name', ['todos', 'count', 'role', 'events'])
async def test_values_change_by_themselves_and_by_nobody_else(view: TodoView, name: str) -> None:
    with pytest.raises(AttributeError, match='changes by itself'):
        setattr(view, name, 5)


async def test_what_a_tab_does_reaches_the_database(view: TodoView) -> None:
    todo = await view.add(' Buy milk ')
    assert isinstance(todo, Todo)
    assert (todo.title, todo.completed) == ('Buy milk', False)
    assert todo.id is not None
    await view.update(todo.id, title='Buy oat milk', completed=True)
    await view.delete(todo.id)
    with pytest.raises(RowGoneError, match='may have been deleted'):
        await view.update(todo.id, completed=False)
    with pytest.raises(RefusedWriteError, match="Title can't be blank"):
        await view.add(' ')


async def test_what_a_page_writes_at_once_is_done_in_the_order_in_which_it_asked(view: TodoView) -> None:
    added = await asyncio.gather(*(view.add(f'number {number}') for number in range(50)))
    ids = [todo.id or 0 for todo in added]
    assert ids == sorted(ids)


async def test_a_listener_runs_in_the_page_after_each_change(user: User, view: TodoView, todos: TodoUser) -> None:
    async def announce() -> None:
        ui.label(f'now {view.count}')

    view.on_change(announce)
    await todos.add('Buy milk')
    await user.should_see('now 1', retries=100)


async def test_one_pages_mistake_does_not_keep_the_others_from_their_change(
    user: User, create_user: Callable[[], User], view: TodoView, caplog: pytest.LogCaptureFixture
) -> None:
    other = create_user()
    await other.open('/')
    with user:
        ui.label().bind_text_from(view, 'count', lambda n: f'{1 / (n - 1)}')
    with other:
        ui.label().bind_text_from(view_of(other), 'count', lambda n: f'{n} in all')
    view.on_change(lambda: 1 / 0)
    await TodoUser(other).add('Buy milk')
    await other.should_see('1 in all')
    assert 'ZeroDivisionError' in caplog.text
    caplog.clear()


async def test_the_log_tells_what_happened_newest_first(view: TodoView, todos: TodoUser) -> None:
    await todos.add('Buy milk')
    lines = [(entry.category, entry.text) for entry in view.events]
    assert lines == [
        ('broadcast', 'todos: version 0 → 1'),
        ('leader', 'this tab leads'),
        ('cable', 'connected'),
    ]
    times = [entry.at for entry in view.events]
    assert times == sorted(times, reverse=True)
    assert str(view.events[0])[8] == '.'


async def test_the_log_keeps_fifty_entries_and_can_be_cleared(user: User, view: TodoView) -> None:
    for _ in range(60):
        view.refresh()
    assert len(view.events) == 50
    with user:
        ui.label().bind_text_from(view, 'events', lambda events: f'{len(events)} events')
    view.clear_events()
    assert view.events == ()
    await user.should_see('0 events')


async def test_a_tab_that_keeps_its_socket_for_itself_is_alone(user: User, view: TodoView) -> None:
    with user:
        ui.label().bind_text_from(view, 'role', lambda role: f'role {role}')
    assert user.client is not None
    page = {'client_id': user.client.id, 'tab_id': user.client.tab_id, 'document_id': 'document', 'next_message_id': 0}
    socket = await InProcessSocket.connect(core.sio, urlencode({**page, 'implicit_handshake': 'true'}))
    hello = {'client_id': user.client.id, 'document_id': 'document'}
    assert (await socket.call('todosync_hello', {**hello, 'alone': True}))['ok']
    await user.should_see('role alone')
    assert view.is_leader
    assert (await socket.call('todosync_hello', {**hello, 'alone': False}))['ok']
    await user.should_see('role leader')
    await socket.disconnect()


async def test_the_role_of_the_tab_is_told(user: User, view: TodoView) -> None:
    with user:
        ui.label().bind_text_from(view, 'role', lambda role: f'role {role}')
        ui.label().bind_text_from(view, 'connected', lambda connected: f'connected {connected}')
        ui.label().bind_text_from(view, 'is_leader', lambda leads: f'leads {leads}')
    for text in ('role leader', 'connected True', 'leads True'):
        await user.should_see(text)
    view.set_role('follower')
    for text in ('role follower', 'connected True', 'leads False'):
        await user.should_see(text)
    view.set_role('none')
    for text in ('role none', 'connected False', 'leads False'):
        await user.should_see(text)
    view.set_role('alone')
    await user.should_see('leads True')
    assert [entry.text for entry in view.events[:4]] == [
        'this tab keeps a socket of its own',
        'connected',
        'disconnected',
        'this tab follows',
    ]


async def test_views_end_with_their_page(user: User) -> None:
    await user.open('/')
    assert user.client is not None
    view = weakref.ref(view_of(user))
    binding.bind_from(target := Target(), 'value', view_of(user), 'count')
    bound = len(binding.bindings)
    user.client.delete()
    assert len(server().views) == 0
    assert len(binding.bindings) < bound, 'what is bound to the view must not keep it alive'
    user.client = None
    async with asyncio.timeout(10):
        while view() is not None:  # NiceGUI's own tasks for the page end a moment later
            await asyncio.sleep(0.01)
            gc.collect()
    assert target.value == 0


async def test_a_deleted_page_does_not_wait_for_the_garbage_collector(user: User, view: TodoView) -> None:
    assert user.client is not None
    gone = asyncio.Event()
    page = weakref.ref(user.client, lambda _: gone.set())
    elements = list(user.client.elements.values())
    parts = [weakref.ref(part) for element in elements for part in (element.classes, element.style, element.props)]
    del elements
    gc.disable()
    try:
        user.client.delete()
        user.client = None
        await asyncio.wait_for(gone.wait(), 10)  # NiceGUI's own tasks for the page end a moment later
    finally:
        gc.enable()
    assert page() is None
    left = [part for part in parts if part() is not None]  # of the few elements whose own handlers know each other
    assert len(left) < len(parts) / 2, 'NiceGUI has other cycles now: see free_elements()'
    view.clear_events()  # by a task that has outlived the page


async def test_pages_that_never_connect_are_forgotten(user: User) -> None:
    for _ in range(5):
        await user.http_client.get('/')
    assert len(server().views) == 5
    Client.prune_instances(client_age_threshold=0)
    assert len(server().views) == 0


async def test_a_view_cannot_be_had_outside_of_the_app() -> None:
    app.state.todosync = None
    with pytest.raises(RuntimeError, match=r'todosync\.setup'):
        use_todo_sync()


async def test_a_stream_that_setup_was_not_told_of_is_named(user: User) -> None:
    await user.open('/')
    with user, pytest.raises(RuntimeError, match=r"'notes' is unknown.*setup\(streams="):
        todosync.use_stream(Stream(name='notes', model=Todo, fields=('id', 'title')))


async def test_the_cost_of_a_change_for_a_tab_does_not_grow_with_the_list(user: User, view: TodoView) -> None:
    def cost(view: View) -> float:
        durations = []
        for _ in range(7):
            started = time.perf_counter()
            for _ in range(200):
                view.refresh()
            durations.append((time.perf_counter() - started) / 200)
        return min(durations)

    with user:
        ui.label().bind_text_from(view, 'count', lambda n: f'{n} in all')
    empty = cost(view)
    replica = server().channel(TODOS).replica
    replica.reset(
        Version(1, 'mark'), [{'id': n, 'title': str(n), 'completed': False, 'created_at': ''} for n in range(20_000)]
    )
    assert cost(view) < 10 * empty, 'a generous limit: what grows with 20,000 rows is a thousand times slower'
