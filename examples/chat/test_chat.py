"""How two people chat, without a browser."""

from collections.abc import Callable

import pytest
from nicegui.testing import User

from examples.chat.messages import MESSAGES
from todosync.testing import RowUser, close_tab, todosync_storage  # noqa: F401 - a fixture

pytestmark = pytest.mark.nicegui_main_file('examples/chat/main.py')


async def test_two_people_see_each_other_and_what_they_correct(user: User, create_user: Callable[[], User]) -> None:
    """Show one person's coming, writing and going to the other."""
    ann, bob, second_tab_of_ann = user, create_user(), User(user.http_client)
    for tab, name in ((ann, 'Ann'), (bob, 'Bob')):
        await tab.open('/')
        tab.find('Your name').type(name)
    await second_tab_of_ann.open('/')
    for tab in (ann, bob, second_tab_of_ann):
        await tab.should_see('Here: Ann, Bob', retries=100)

    bob.find('Message').type('Helo')
    chat_of_bob = RowUser(bob, MESSAGES)
    await chat_of_bob.trigger('new-message', 'keydown.enter')
    await ann.should_see('Helo')
    await chat_of_bob.focus(chat_of_bob.row(text='Helo'), 'text')
    await ann.should_see('Bob …', retries=100)
    await bob.should_not_see('Bob …')
    await chat_of_bob.trigger('text', 'blur', chat_of_bob.row(text='Helo')['id'], 'Hello')
    await chat_of_bob.blur()
    await ann.should_see('Hello', retries=100)
    await ann.should_not_see('Bob …', retries=100)

    close_tab(ann)
    close_tab(bob)
    await second_tab_of_ann.should_see('Here: Ann', retries=100)
    await second_tab_of_ann.should_not_see('Here: Ann, Bob', retries=100)
