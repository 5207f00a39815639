"""A menu of how the list is shown."""

from __future__ import annotations

from nicegui import ui

from todosync import BrowserChoice

NEWEST_FIRST = 'Newest first'
OLDEST_FIRST = 'Oldest first'


class ViewMenu(ui.element):
    """A button with a menu, which the browser opens and closes. What is chosen holds in all tabs of the browser.

    :ivar order: the choice of the order of the todos

    Example::

        menu = ViewMenu()
    """

    def __init__(self) -> None:
        super().__init__('div')
        self.classes('view-menu')
        with self:
            button = ui.element('button').classes('icon icon-more')
            button.props('type=button aria-label=View title=View')
            with ui.element('div').classes('menu').props('popover=auto role=group aria-label=View') as menu:
                self.order = BrowserChoice('order', [NEWEST_FIRST, OLDEST_FIRST], keep=True)
                self.order.mark('todo-order').classes('choices').props('aria-label=Order')
            button.props['popovertarget'] = menu.html_id
