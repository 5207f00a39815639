"""Rows that are declared in Python: what they show, what people do with them, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from nicegui import ui
from nicegui.testing import User

from todosync import LiveList, RowFields, View, bind_text, bind_value, current_server, on_click, use_stream
from todosync.testing import RowUser, todosync_storage

__all__ = ['todosync_storage']

pytestmark = pytest.mark.nicegui_main_file('tests/apps/rows.py')


@pytest.fixture
async def tasks(user: User) -> RowUser:
    await user.open('/')
    [stream] = [channel.stream for channel in current_server().channels]
    await current_server().writer.in_thread(current_server().writer.insert, stream, {'name': 'Buy milk', 'count': 2})
    tasks = RowUser(user, stream)
    await tasks.settle()
    return tasks


async def test_a_person_sees_what_the_expressions_of_a_row_say(tasks: RowUser) -> None:
    await tasks.user.should_see('2 x Buy milk')
    await tasks.user.should_see('Open')


@pytest.mark.parametrize(
    ('marker', 'event', 'value', 'field'),
    [
        ('done', 'update:modelValue', True, 'done'),
        ('switch', 'update:modelValue', True, 'done'),
        ('name', 'blur', 'Buy bread', 'name'),
        ('name', 'keydown.enter', 'Buy bread', 'name'),
        ('note', 'blur', 'two lines', 'note'),
        ('count', 'blur', 5, 'count'),
        ('level', 'change', 7, 'level'),
        ('stars', 'update:modelValue', 3, 'stars'),
        ('select', 'update:modelValue', 'closed', 'state'),
        ('radio', 'update:modelValue', 'closed', 'state'),
        ('toggle', 'update:modelValue', 'closed', 'state'),
    ],
)
async def test_what_a_person_sets_is_written(tasks: RowUser, marker: str, event: str, value: Any, field: str) -> None:
    await tasks.trigger(marker, event, tasks.rows()[0]['id'], value)
    assert tasks.rows()[0][field] == value


async def test_what_is_refused_is_told_with_what_was_typed(tasks: RowUser) -> None:
    await tasks.trigger('name', 'blur', tasks.rows()[0]['id'], '')
    await tasks.user.should_see('A task needs a name')
    assert tasks.row(name='Buy milk')


async def test_actions_write_values_do_verbs_delete_and_call_functions(tasks: RowUser) -> None:
    task = tasks.rows()[0]['id']
    await tasks.trigger('double', 'click', task)
    assert tasks.row(count=4, note='doubled')
    await tasks.trigger('reset', 'click', task)
    assert tasks.row(count=1)
    await tasks.trigger('tell', 'click', task)
    await tasks.user.should_see('This is Buy milk')
    await tasks.trigger('delete', 'click', task)
    assert tasks.rows() == []


async def test_rows_are_found_by_what_is_typed_and_shown_by_a_condition(tasks: RowUser) -> None:
    tasks.user.find('Search').type('MILK')
    assert len(tasks.rows()) == 1
    tasks.user.find('Search').type('x')
    assert tasks.rows() == []
    tasks.user.find('Search').clear()
    await tasks.trigger('done', 'update:modelValue', tasks.rows()[0]['id'], True)
    tasks.user.find('Missing').click()
    assert tasks.rows() == []
    tasks.user.find('All').click()
    assert len(tasks.rows()) == 1
    for option, count in {'Several': 0, 'Unrated': 1, 'Any': 1}.items():
        tasks.user.find(option).click()
        assert len(tasks.rows()) == count, option


@pytest.fixture
def build(user: User) -> Callable[[Callable[[View, RowFields], Any]], Any]:
    """Return what builds a page whose template is a function's."""

    async def build(template: Callable[[View, RowFields], Any]) -> None:
        failure: list[Exception] = []

        @ui.page('/odd')
        def odd() -> None:
            [stream] = [channel.stream for channel in current_server().channels]
            view = use_stream(stream)
            try:
                with LiveList(view, row_height=40) as row:
                    template(view, row)
            except (AttributeError, TypeError, ValueError) as error:
                failure.append(error)

        await user.open('/odd')
        if failure:
            raise failure[0]

    return build


@pytest.mark.parametrize(
    ('template', 'message'),
    [
        (lambda view, row: row.naem, "the stream 'tasks' has no field 'naem'; it has 'id', 'name'"),
        (lambda view, row: bind_value(ui.input(), row.id), "the field 'id' of the stream 'tasks' cannot be written"),
        (lambda view, row: bind_value(ui.input(), row.name + '!'), 'only a field of the row can be bound both ways'),
        (lambda view, row: bind_value(ui.label(), row.name), 'ui.label cannot be bound to a field of a row; these can'),
        (lambda view, row: bind_value(ui.select(['a'], multiple=True), row.state), 'ui.select cannot be bound'),
        (lambda view, row: bind_text(ui.icon('star'), row.name), 'ui.icon has no text; bind one of its props'),
        (lambda view, row: on_click(ui.button(), {'id': 1}), "the field 'id' of the stream 'tasks' cannot be written"),
        (lambda view, row: ui.input(), 'ui.input cannot stand in a row as it is'),
        (lambda view, row: ui.expansion(), 'ui.expansion cannot stand in a row as it is'),
        (lambda view, row: row.name == object(), 'is no JSON value'),
        (lambda view, row: bool(row.done), 'an expression of a row has no value in Python'),
        (lambda view, row: row.name in ('a', 'b'), 'an expression of a row has no value in Python'),
    ],
)
async def test_what_cannot_work_in_a_row_is_refused_when_the_page_is_built(
    build: Callable[..., Any], template: Callable[[View, RowFields], Any], message: str
) -> None:
    with pytest.raises((AttributeError, TypeError, ValueError), match=message.replace('?', r'\?')):
        await build(template)


async def test_what_is_bound_outside_a_row_is_refused(tasks: RowUser) -> None:
    with tasks.user, pytest.raises(ValueError, match=r'ui\.label does not stand in the template of a row'):
        bind_text(ui.label(), 'text')
