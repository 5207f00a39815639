"""A chat that shows who is here, and who corrects what. Run it with ``python -m examples.chat.main``."""

from nicegui import ui

import todosync
from examples.chat.messages import MESSAGES
from todosync import LiveList, RefusedWriteError, bind_text, bind_value, bind_visibility

settings = todosync.Settings.from_environment()
todosync.setup(settings, streams=[MESSAGES])


@ui.page('/')
def index() -> None:
    """Show the chat, and who is here."""
    view = todosync.use_stream(MESSAGES)
    presence = todosync.use_presence(view)

    async def say() -> None:
        try:
            await view.insert(author=presence.name or 'Somebody', text=text.value or '')
            text.value = ''
        except RefusedWriteError as error:
            text.error = str(error)

    ui.label().bind_text_from(presence, 'people', lambda people: 'Here: ' + ', '.join(map(str, people))).mark('here')
    ui.input('Your name').mark('your-name').bind_value(presence, 'name')
    with LiveList(view, row_height=56).classes('w-full h-96') as row, ui.row().classes('w-full items-center no-wrap'):
        bind_text(ui.label().classes('font-bold'), row.author)
        bind_value(ui.input().mark('text').props('dense aria-label=Message').classes('grow'), row.text)
        badge = bind_text(ui.badge(), row.editors + ' …')
        bind_visibility(badge, row.editors != '')
    text = ui.input('Message').mark('new-message').on('keydown.enter', say).classes('w-full')


ui.run(**todosync.run_options(settings, title='Chat'))
