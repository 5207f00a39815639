"""A word on the connection, with a panel behind it, and `connection.js` for the browser."""

from __future__ import annotations

from nicegui import ui

from components.event_log import EventLog
from components.leader_badge import LeaderBadge
from todosync import View


class Connection(ui.element, component='connection.js'):
    """Says in a word whether what is shown is what the server has. Behind it are the tab's role and its events.

    :param view: the page's view of a stream

    Example::

        Connection(use_todo_sync())
    """

    def __init__(self, view: View) -> None:
        super().__init__()
        self._view = view
        self.classes('connection')
        with self, ui.element('div').classes('connection-panel'):
            LeaderBadge(view)
            EventLog(view)

    def _displayed_contents(self, *, only_visible: bool) -> list[str]:
        shown = 'Synced' if self._view.connected else 'Offline'
        return [*super()._displayed_contents(only_visible=only_visible), shown]
