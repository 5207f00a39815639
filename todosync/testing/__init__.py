"""The testing room: the pytest plugin, for testing pages without a browser. Imports ``views``, and what that imports.

NiceGUI's ``User`` lacks lists that the browser renders: the server holds the elements of one row only, so a test
cannot click on the third checkbox. It names the row instead, and the page's own handler gets what the browser would
have sent::

    from todosync.testing import RowUser, todosync_storage


    async def test_a_note_is_deleted(user: User) -> None:
        await user.open('/')
        notes = RowUser(user, NOTES)
        await notes.trigger('delete-note', 'click', notes.row(text='Call Ann')['id'])
"""

from .rows import RowUser
from .storage import todosync_storage

__all__ = ['RowUser', 'todosync_storage']
