"""What waits, as a test without a browser sees it."""

from __future__ import annotations

import pytest
from nicegui.testing import User

from todosync.testing import RowUser, todosync_storage

__all__ = ['todosync_storage']

pytestmark = [pytest.mark.usefixtures('page_database'), pytest.mark.nicegui_main_file('tests/apps/people.py')]


async def test_who_is_offline_sees_what_waits_and_nothing_of_it_afterwards(user: User) -> None:
    await user.open('/')
    notes = RowUser(user, 'notes_of_people')
    await user.should_see('0 pending')
    await user.should_not_see('Not all is saved')
    await user.should_not_see('waiting')
    notes.offline()
    await notes.write('insert', text='Buy milk')
    await user.should_see('1 pending')
    await user.should_see('1 change waiting')
    await notes.write('insert', text='Call Ann')
    await user.should_see('2 pending')
    await user.should_see('2 changes waiting')
    await user.should_see('Not all is saved')
    await notes.online()
    await user.should_see('0 pending')
    await user.should_not_see('Not all is saved')
    assert [note['by'] for note in notes.rows()] == ['nobody', 'nobody']


async def test_an_app_asks_how_much_waits_and_forgets_it(user: User) -> None:
    await user.open('/')
    notes = RowUser(user, 'notes_of_people')
    notes.offline()
    await notes.write('insert', text='Buy milk')
    user.find('Count').click()
    await user.should_see('1 waiting')
    user.find('Forget').click()
    await user.should_see('1 forgotten')
    assert await notes.online() == []
