"""What a household spends, without a browser."""

from collections.abc import Callable

import pytest
from nicegui.testing import User

from examples.expenses.expenses import EXPENSES
from todosync.testing import RowUser, todosync_storage  # noqa: F401 - a fixture


@pytest.mark.nicegui_main_file('examples/expenses/main.py')
async def test_two_people_see_what_both_have_spent_each_in_their_language(
    user: User, create_user: Callable[[], User]
) -> None:
    """Add up what both write, and show it as each of them writes money."""
    ann, bob = user, create_user()
    bob.http_client.headers['Accept-Language'] = 'de-DE'
    await ann.open('/')
    await bob.open('/')
    for what, price in (('Bread', 0.1), ('Rent', 1200.2)):
        ann.find('What for?').type(what)
        ann.find('How much?').elements.pop().value = price
        await RowUser(ann, EXPENSES).trigger('add', 'click')
        await bob.should_see(what)
    await ann.should_see('€1,200.30')
    await bob.should_see('1.200,30\u00a0€')
    await bob.should_see('heute')

    list_of_bob = RowUser(bob, EXPENSES)
    rent = list_of_bob.row(what='Rent')
    await list_of_bob.trigger('price', 'blur', rent['id'], '1000.00')
    await ann.should_see('€1,000.10')
    await list_of_bob.trigger('delete', 'click', rent['id'])
    await ann.should_see('€0.10')
    await RowUser(ann, EXPENSES).trigger('add', 'click')
    await ann.should_see('Price must be a number')
