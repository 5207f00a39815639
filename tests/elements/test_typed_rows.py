"""Fields of many types in rows that are declared in Python: what people see of them, and write to them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from nicegui.testing import User

from todosync import BrowserChoice, RowFields, View, current_server
from todosync.testing import RowUser, todosync_storage

__all__ = ['todosync_storage']

pytestmark = pytest.mark.nicegui_main_file('tests/apps/typed.py')


@pytest.fixture
async def payments(user: User) -> RowUser:
    await user.open('/')
    server = current_server()
    [stream] = server.streams
    for values in (
        {'price': Decimal('9.90'), 'discount': Decimal('0.2'), 'day': date(2025, 1, 2), 'tags': ['a', 'ä']},
        {'price': Decimal('10.50')},
    ):
        await server.writer.in_thread(server.writer.insert, stream, values)
    payments = RowUser(user, stream)
    await payments.settle()
    return payments


async def test_a_person_sees_what_each_type_means(payments: RowUser) -> None:
    assert [row['price'] for row in payments.rows()] == ['10.50', '9.90']
    for text in ('20.40 for 2 things', 'rest 9.70', '["a","ä"]', 'to eat'):
        await payments.user.should_see(text)


async def test_money_and_dates_are_shown_in_the_language_of_the_page(payments: RowUser, user: User) -> None:
    for text in ('€20.40', '€19.80 on 1/2/25', '€3.00 at '):
        await user.should_see(text)
    await payments.write('update', payments.row(price='9.90'), day=datetime.now(UTC).date().isoformat())
    await user.should_see('today')
    user.http_client.headers['Accept-Language'] = 'de-DE,en;q=0.5'
    await user.open('/')
    for text in ('20,40\u00a0€', '3,00\u00a0€ at ', 'heute'):
        await user.should_see(text)


async def test_what_is_no_currency_and_no_style_is_refused_when_the_page_is_built(payments: RowUser) -> None:
    row = RowFields(use_view_of(payments))
    with pytest.raises(ValueError, match="'EURO' is no currency; give its three letters, such as 'EUR'"):
        row.price.money('EURO')
    with pytest.raises(ValueError, match="there is no style 'long'; there are 'short', 'medium'"):
        row.at.time('long')


def use_view_of(payments: RowUser) -> View:
    view: View = payments.element('payments').view
    return view


@pytest.mark.parametrize(
    ('marker', 'event', 'value', 'shown'),
    [
        ('price', 'blur', '12.00', {'price': Decimal(12)}),
        ('discount', 'blur', None, {'discount': None}),
        ('discount', 'keydown.enter', '1.50', {'discount': Decimal('1.5')}),
        ('day', 'blur', '2026-02-03', {'day': date(2026, 2, 3)}),
        ('day', 'blur', None, {'day': None}),
        ('at', 'blur', '10:30:00', {'at': '10:30:00'}),
        ('kind', 'update:modelValue', 'rent', {'kind': 'rent'}),
    ],
)
async def test_what_a_person_sets_is_written(
    payments: RowUser, marker: str, event: str, value: Any, shown: dict[str, Any]
) -> None:
    payment = payments.row(price=Decimal('9.9'))
    await payments.trigger(marker, event, payment['id'], value)
    assert payments.row(**shown)


async def test_what_is_no_decimal_is_refused_and_told(payments: RowUser) -> None:
    await payments.trigger('discount', 'blur', payments.rows()[0]['id'], 'much')
    await payments.user.should_see('Discount must be a number. You had written “much”')


async def test_actions_compute_with_decimals_and_lists_choose_by_values_of_python(payments: RowUser) -> None:
    await payments.trigger('double', 'click', payments.row(price='9.90')['id'])
    assert payments.rows()[0]['price'] == '19.80'
    payments.user.find('Food').click()
    assert [row['price'] for row in payments.rows()] == ['10.50']
    await payments.trigger('waive', 'click', payments.rows()[0]['id'])
    assert payments.row(price=0)
    await payments.user.should_see('19.80 for 2 things')
    payments.user.find('Much').click()
    assert [row['price'] for row in payments.rows()] == ['19.80']


async def test_a_field_of_decimals_is_compared_with_texts_of_decimals_and_with_no_others(payments: RowUser) -> None:
    row, prices = RowFields(use_view_of(payments)), [each['price'] for each in payments.rows()]
    for text, same in (('9.9', ['9.90']), ('10.50', ['10.50']), ('9.91', [])):
        assert [price for price in prices if (row.price == text).evaluate({'price': price})] == same
        assert (row.price == text).javascript == (row.price == Decimal(text)).javascript
    assert [price for price in prices if (row.price < '9.91').evaluate({'price': price})] == ['9.90']
    with payments.user:
        choice = BrowserChoice('exactly', ['Exactly'])
    items = payments.element('payments')
    items.show_by(choice, {'Exactly': {'price': '9.90'}})
    assert [each['price'] for each in payments.rows()] == ['9.90']
    with pytest.raises(ValueError, match=r"row\.price holds decimals, so .* 'cheap' is none"):
        items.show_by(choice, {'Exactly': {'price': 'cheap'}})


async def test_the_author_is_told_only_what_somebody_else_has_set(payments: RowUser) -> None:
    payment = payments.row(price='9.90')
    assert (await payments.write('update', payment, price=9.9))['conflicts'] == {}
    assert (await payments.write('update', payment, price='1e1'))['conflicts'] == {}
    assert (await payments.write('update', payment, price='11'))['conflicts'] == {'price': '10.00'}
