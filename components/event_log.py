"""The event log of a tab, for developers, with `event_log.js` for the browser."""

from __future__ import annotations

from nicegui import ui

from todosync import BrowserList, View

LOG = 'todosync.log.view'
ROW_HEIGHT = 22


class EventLog(ui.element, component='event_log.js'):
    """Shows the event log of this tab, newest first. The browser renders it, so it also works without a connection.

    :param view: the page's view of a stream

    Example::

        EventLog(use_todo_sync())
    """

    def __init__(self, view: View) -> None:
        super().__init__()
        self._view = view
        self.classes('event-log')
        with self:
            with BrowserList(f'{LOG}.isOpen ? {LOG}.entries : []', key='key', row_height=ROW_HEIGHT) as entries:
                ui.element('time').props(':textContent=props.row.time')
                category = ui.element('span').props(':textContent=props.row.category')
                category.props[':class'] = '`event-category event-${props.row.category}`'
                ui.element('span').props(':textContent=props.row.text').classes('event-text')
            entries.classes('event-entries').props('aria-label="Event log"')
            entries.row.classes('event')
            clear = ui.element('button').classes('event-clear').props('type=button textContent=Clear')
            clear.mark('event-clear').on(
                'click', view.clear_events, args=[], js_handler=f'() => getElement({self.id}).clear(emit)'
            )

    def _displayed_contents(self, *, only_visible: bool) -> list[str]:
        return [*super()._displayed_contents(only_visible=only_visible), *(str(entry) for entry in self._view.events)]
