"""How two people move cards, without a browser."""

from collections.abc import Callable

import pytest
from nicegui.testing import User

from examples.kanban.cards import CARDS
from todosync.testing import RowUser, todosync_storage  # noqa: F401 - a fixture

pytestmark = pytest.mark.nicegui_main_file('examples/kanban/main.py')


def titles(user: User, stage: str) -> list[str]:
    """Return what a person sees in a column."""
    return [card['title'] for card in RowUser(user, CARDS, stage).rows()]


async def test_what_one_moves_the_other_sees_in_its_new_column(user: User, create_user: Callable[[], User]) -> None:
    """Move a card of one person by the other, in one write."""
    ann, bob = user, create_user()
    await ann.open('/')
    await bob.open('/')
    ann.find('New card').type('Paint the door')
    await RowUser(ann, CARDS, 'todo').trigger('new-card', 'keydown.enter')
    await bob.should_see('Paint the door')

    todo = RowUser(bob, CARDS, 'todo')
    await todo.trigger('move-todo', 'update:modelValue', todo.row(title='Paint the door')['id'], 'doing')
    for person in (ann, bob):
        assert [titles(person, stage) for stage in ('todo', 'doing', 'done')] == [[], ['Paint the door'], []]


async def test_a_card_that_is_moved_offline_is_in_its_new_column_at_once(
    user: User, create_user: Callable[[], User]
) -> None:
    """Move a card on a train, and have it told afterwards that somebody else has moved it, too."""
    ann, bob = user, create_user()
    await ann.open('/')
    await bob.open('/')
    await RowUser(ann, CARDS, 'todo').write('insert', title='Paint the door')
    todo = RowUser(ann, CARDS, 'todo')
    card = todo.row(title='Paint the door')

    todo.offline()
    await todo.write('update', card, stage='done')
    assert [titles(ann, stage) for stage in ('todo', 'done')] == [[], ['Paint the door']]
    await RowUser(bob, CARDS, 'todo').write('update', card, stage='doing')
    assert titles(bob, 'doing') == ['Paint the door']
    [outcome] = await todo.online()
    assert outcome['conflicts'] == {'stage': 'doing'}
    assert [titles(bob, stage) for stage in ('todo', 'doing', 'done')] == [[], [], ['Paint the door']]
