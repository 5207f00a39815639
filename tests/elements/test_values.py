"""Enums, dates and times of a team's model: the same in rows, expressions, writes and tests."""

from __future__ import annotations

import datetime as dt
import enum
import re
from collections.abc import Callable
from typing import Any

import pytest
from nicegui import ui
from nicegui.testing import User

from todosync import LiveList, RefusedWriteError
from todosync.testing import RowUser, todosync_storage

__all__ = ['todosync_storage']

pytestmark = pytest.mark.nicegui_main_file('tests/apps/orders.py')
CHRISTMAS = dt.date(2026, 12, 24)


class Status(enum.Enum):
    OPEN = 'open'
    PAID = 'paid'


@pytest.fixture
async def orders(user: User) -> RowUser:
    await user.open('/')
    orders = RowUser(user, 'orders')
    await orders.view.insert(title='Lamp', cents=1250, due=dt.date(2026, 12, 1), at=dt.time(9, 30), urgency=1)
    await orders.settle()
    return orders


async def test_expressions_compare_with_what_python_has(orders: RowUser) -> None:
    for text in (
        'is not paid',
        'status: to be paid',
        'urgency: now',
        'before Christmas',
        'in the morning',
        'this year',
    ):
        await orders.user.should_see(text)


@pytest.mark.parametrize(
    ('marker', 'event', 'value'), [('due', 'blur', '2026-12-31'), ('status', 'update:modelValue', 'paid')]
)
async def test_what_a_browser_sends_for_a_date_or_an_enum_is_written_by_the_server_too(
    orders: RowUser, marker: str, event: str, value: str
) -> None:
    await orders.trigger(marker, event, orders.rows()[0]['id'], value)
    assert orders.row(**{marker: value})


async def test_actions_and_verbs_take_dates_and_enums(orders: RowUser) -> None:
    order = orders.rows()[0]['id']
    await orders.trigger('pay', 'click', order)
    assert orders.row(status=Status.PAID, due=CHRISTMAS)
    await orders.user.should_see('is paid')
    await orders.trigger('today', 'click', order)
    assert orders.row(status='open', due='2026-11-27')


async def test_rows_are_chosen_by_dates_and_enums(orders: RowUser) -> None:
    orders.user.find('Due').click()
    assert orders.rows() == []
    await orders.view.update(orders.view.rows[0], due=CHRISTMAS)
    await orders.settle()
    assert orders.row(due=CHRISTMAS)
    orders.user.find('Only paid').click()
    assert orders.rows() == []


async def test_a_tester_writes_what_the_model_has(orders: RowUser) -> None:
    changed = await orders.write('update', orders.rows()[0], due=CHRISTMAS, status=Status.PAID, at=dt.time(8))
    assert changed['state'] == 'done'
    assert orders.row(due='2026-12-24', status='paid', at='08:00:00')


@pytest.mark.parametrize(
    ('values', 'said'),
    [
        ({'status': 'lost'}, "Status must be 'open' or 'paid'"),
        ({'due': 'tomorrow'}, 'Due must be a date'),
        ({'at': 'noon'}, 'At must be a time of day'),
        ({'placed_at': 'then'}, 'Placed at must be a time'),
        ({'cents': -1}, 'Cents must be 0 or more'),
        ({'title': 7}, 'Title must be text'),
        ({'cents': '7'}, 'Cents must be a whole number'),
        ({'title': b'Lamp'}, 'Title must be text'),
    ],
)
async def test_what_is_no_such_value_is_refused_in_plain_words(
    orders: RowUser, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(RefusedWriteError) as refused:
        await orders.view.update(orders.view.rows[0], **values)
    assert str(refused.value) == said


def shows_a_field(row: Any) -> None:
    ui.label(row.title)


def shows_a_field_on_a_button(row: Any) -> None:
    ui.button(row.title)


def has_a_field_as_a_prop(row: Any) -> None:
    ui.icon('star').props['color'] = row.title + '!'


def formats_a_field(row: Any) -> None:
    ui.label(f'{row.title}!')


@pytest.mark.parametrize(
    ('build', 'said'),
    [
        (shows_a_field, 'ui.label cannot take row.title itself; use bind_text(ui.label(), ...)'),
        (shows_a_field_on_a_button, 'ui.button cannot take row.title itself; use bind_text(ui.button(), ...)'),
        (
            has_a_field_as_a_prop,
            "ui.icon cannot take an expression of a row itself; use bind_prop(ui.icon(...), 'color', ...)",
        ),
        (formats_a_field, 'row.title has no text in Python, since it has one for each row in the browser'),
    ],
)
async def test_an_expression_where_nicegui_takes_a_value_is_refused_with_what_to_write(
    orders: RowUser, build: Callable[[Any], None], said: str
) -> None:
    assert orders.user.client is not None
    refused = pytest.raises(TypeError, match=re.escape(said))
    with orders.user.client, refused, LiveList(orders.view, row_height=40) as row:
        build(row)


async def test_an_id_of_the_template_is_no_row(orders: RowUser) -> None:
    assert orders.user.client is not None
    with orders.user.client:
        with LiveList(orders.view, row_height=40) as row:
            pass
        with pytest.raises(TypeError, match=r'row\.id is no row, and no id of one; .* use on_click\(\)'):
            await orders.view.delete(row.id)
