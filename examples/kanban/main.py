"""A board whose cards move between columns. Run it with ``python -m examples.kanban.main``."""

from nicegui import ui

import todosync
from examples.kanban.cards import CARDS, STAGES, finish
from todosync import LiveList, LiveText, RefusedWriteError, bind_value, on_click

settings = todosync.Settings.from_environment()
todosync.setup(settings, streams=[CARDS])


@ui.page('/')
def index() -> None:
    """Show the columns beside each other. A card whose stage changes is in another column at once."""
    views = {stage: todosync.use_stream(CARDS, stage=stage) for stage in STAGES}

    async def add() -> None:
        try:
            await views['todo'].insert(title=title.value or '')
            title.value = ''
        except RefusedWriteError as error:
            title.error = str(error)

    title = ui.input('New card').mark('new-card').on('keydown.enter', add).classes('w-full')
    with ui.row().classes('w-full items-start'):
        for stage, name in STAGES.items():
            with ui.column().classes('grow basis-64 gap-0'):
                ui.label(name).classes('text-lg')
                LiveText(views[stage], 'summary')
                cards = LiveList(views[stage], row_height=56).classes('w-full h-96')
                with cards as row, ui.row().classes('w-full items-center no-wrap'):
                    bind_value(ui.input().props('dense hide-bottom-space aria-label=Title').classes('grow'), row.title)
                    choice = ui.select(STAGES).mark(f'move-{stage}').props('dense borderless aria-label=Column')
                    bind_value(choice, row.stage)
                    on_click(ui.button(icon='check').props('flat round dense aria-label=Finish'), finish)
                    delete = ui.button(icon='delete').props('flat round dense aria-label=Delete')
                    on_click(delete, views[stage].delete, undo='Deleted ' + row.title)


ui.run(**todosync.run_options(settings, title='Board'))
