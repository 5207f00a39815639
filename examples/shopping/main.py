"""A shopping list that a family shares. Run it with ``python -m examples.shopping.main``."""

from contextlib import suppress

from nicegui import ui
from nicegui.events import GenericEventArguments

import todosync
from examples.shopping.items import ITEMS
from todosync import LiveList, LiveText, RefusedWriteError, RowGoneError

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

    async def mark(e: GenericEventArguments) -> None:
        item_id, bought = e.args
        with suppress(RowGoneError):  # somebody else has deleted it
            await view.update(item_id, bought=bought)

    LiveText(view, 'summary', tag='h1').classes('text-2xl')
    name = ui.input('What is missing?').mark('new-item').on('keydown.enter', add).classes('w-full')
    with LiveList(view, text='name', row_height=40).classes('w-full h-96'):
        checkbox = ui.element('q-checkbox').mark('bought')
        checkbox.props(':model-value=props.row.bought :label=props.row.name')
        checkbox.on('update:model-value', mark, js_handler='(value) => emit(props.row.id, value)')


ui.run(**todosync.run_options(settings, title='Shopping'))
