"""How the family shops, without a browser."""

from collections.abc import Callable

import pytest
from nicegui.testing import User

from examples.shopping.items import ITEMS
from todosync.testing import RowUser, todosync_storage  # noqa: F401 - a fixture

pytestmark = pytest.mark.nicegui_main_file('examples/shopping/main.py')


async def test_what_one_needs_the_other_buys(user: User, create_user: Callable[[], User]) -> None:
    """Show one person's change to the other."""
    ann, bob = user, create_user()
    await ann.open('/')
    await bob.open('/')
    ann.find('What is missing?').type('Milk')
    await RowUser(ann, ITEMS).trigger('new-item', 'keydown.enter')
    await bob.should_see('Milk')
    await bob.should_see('1 to buy')

    list_of_bob = RowUser(bob, ITEMS)
    milk = list_of_bob.row(name='Milk')
    await list_of_bob.trigger('bought', 'update:modelValue', milk['id'], True)
    await ann.should_see('Everything is bought')


async def test_what_one_has_done_can_be_taken_back(user: User) -> None:
    """Undo what a handler has written and what the browser has written, the last first."""
    await user.open('/')
    items = RowUser(user, ITEMS)
    user.find('What is missing?').type('Milk')
    await items.trigger('new-item', 'keydown.enter')
    await items.write('update', items.row(name='Milk'), bought=True)
    await items.write('delete', items.row(name='Milk'))
    await items.undo()
    assert items.row(name='Milk')['bought']
    await items.undo()
    assert not items.row(name='Milk')['bought']
    await items.undo()
    assert items.rows() == []
    await user.should_see('Undone: added “Milk”')
