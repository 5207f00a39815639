"""Undo for the person of a page: by keys, and by a button."""

from __future__ import annotations

from functools import partial

from nicegui import context, ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from todosync.views import UNDO_EVENT, View
from todosync.writes import RefusedWriteError


def offer_undo(view: View, button: Element | None = None) -> None:
    """Have Ctrl+Z, on a Mac Cmd+Z, take back what the person has done last in this tab, and a click on a button, too.

    Each further time it takes back what they did before that, up to 100 writes. What the browser has written is taken
    back at once, without a server, too; what handlers in Python have written through ``view``, by the server. A short
    notice says what was undone, or why it was not: somebody else has changed the same since. While the person types
    into a field, the keys belong to the field.

    :param view: the page's view of a stream; call this for each view through which handlers of the page write
    :param button: any element outside of the rows

    Example::

        offer_undo(view, ui.button('Undo'))
    """
    client = context.client
    if not view.undo_is_offered:
        view.undo_is_offered = True
        client.layout.on(UNDO_EVENT, partial(_undo_in, view))
        ui.add_head_html('<script type="application/json" class="todosync-undo"></script>')
    if button is not None:
        # the handler is for tests without a browser, which click on the button
        button.on('click', partial(_undo, view), js_handler='() => todosync.writes.undo()')


async def _undo_in(view: View, e: GenericEventArguments) -> None:
    if e.args == view.key:
        await _undo(view)


async def _undo(view: View) -> None:
    """Take back what a handler has written last."""
    try:
        told = await view.undo() or 'There is nothing to undo'
    except RefusedWriteError as error:
        told = str(error)
    ui.notify(told, group=UNDO_EVENT, badgeClass='hidden')
