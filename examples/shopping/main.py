"""A shopping list that a family shares. Run it with ``python -m examples.shopping.main``."""

from nicegui import ui

import todosync
from examples.shopping.items import ITEMS
from todosync import LiveList, LiveText, RefusedWriteError, bind_classes, bind_prop, bind_value, offer_undo, on_click

settings = todosync.Settings.from_environment()
todosync.setup(settings, streams=[ITEMS])


@ui.page('/')
def index() -> None:
    """Show the list, and whatever anybody does to it."""
    view = todosync.use_stream(ITEMS)

    async def add() -> None:
        try:
            await view.insert(name=name.value or '')
            name.value = ''
        except RefusedWriteError as error:
            name.error = str(error)

    LiveText(view, 'summary', tag='h1').classes('text-2xl')
    name = ui.input('What is missing?').mark('new-item').on('keydown.enter', add).classes('w-full')
    with LiveList(view, row_height=52).classes('w-full h-96') as row, ui.row().classes('w-full items-center no-wrap'):
        bind_prop(bind_value(ui.checkbox().mark('bought'), row.bought), 'aria-label', row.name)
        text = bind_value(ui.input().mark('name').props('dense aria-label=Name').classes('grow'), row.name)
        bind_classes(text, {'line-through': row.bought})
        delete = ui.button(icon='delete').mark('delete').props('flat round aria-label=Delete')
        on_click(delete, view.delete, undo='Deleted ' + row.name)
    offer_undo(view, ui.button('Undo'))


ui.run(**todosync.run_options(settings, title='Shopping'))
