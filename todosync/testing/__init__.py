"""The testing room: tests of pages without a browser.

Imports ``clock``, ``ids``, ``package``, ``runtime``, ``streams``, ``tabs``, ``views`` and ``writes``.

NiceGUI's ``User`` cannot click on the third checkbox of a ``LiveList``, because the browser renders the rows and the
server has the elements of one row only. With :class:`RowUser` a test names the row instead. The page's own handler
then gets what the browser would send::

    from todosync.testing import RowUser, todosync_storage


    async def test_a_note_is_deleted(user: User) -> None:
        await user.open('/')
        notes = RowUser(user, NOTES)
        await notes.trigger('delete-note', 'click', notes.row(text='Call Ann')['id'])
"""

from todosync.package import extra

with extra('test', 'todosync.testing'):
    from .broadcasts import Broadcast, Broadcasts, broadcasts
    from .program import another_program
    from .rows import RowUser
    from .storage import todosync_storage
    from .tabs import close_tab, follow
    from .waiting import advance

__all__ = [
    'Broadcast',
    'Broadcasts',
    'RowUser',
    'advance',
    'another_program',
    'broadcasts',
    'close_tab',
    'follow',
    'todosync_storage',
]
