"""What a household spends, with an exact total. Run it with ``python -m examples.expenses.main``."""

from nicegui import ui

import todosync
from examples.expenses.expenses import EXPENSES
from todosync import LiveList, LiveText, RefusedWriteError, bind_text, bind_value, on_click

settings = todosync.Settings.from_environment()
todosync.setup(settings, streams=[EXPENSES])


@ui.page('/')
def index() -> None:
    """Show what was spent, and whatever anybody adds to it."""
    view = todosync.use_stream(EXPENSES)

    async def add() -> None:
        try:
            await view.insert(what=what.value or '', price=str(price.value or ''))
            what.value, price.value = '', None
        except RefusedWriteError as error:
            what.error, price.error = error.fields.get('what'), error.fields.get('price')

    LiveText(view, 'spent', tag='h1', currency='EUR').classes('text-2xl')
    with ui.row().classes('w-full items-center no-wrap'):
        what = ui.input('What for?').classes('grow')
        price = ui.number('How much?', format='%.2f')
        ui.button('Add', on_click=add).mark('add')
    with LiveList(view, row_height=52).classes('w-full h-96') as row, ui.row().classes('w-full items-center no-wrap'):
        bind_value(ui.input().mark('what').props('dense aria-label="What for"').classes('grow'), row.what)
        bind_value(ui.number().mark('price').props('dense aria-label=Price'), row.price)
        bind_text(ui.label(), row.price.money('EUR'))
        bind_text(ui.label(), row.day.relative())
        delete = ui.button(icon='delete').mark('delete').props('flat round aria-label=Delete')
        on_click(delete, view.delete, undo='Deleted ' + row.what + ', ' + row.price.money('EUR'))


ui.run(**todosync.run_options(settings, title='Expenses'))
