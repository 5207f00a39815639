"""An app of plain NiceGUI features, none of which knows that it may be carried over another tab's socket."""

from nicegui import app, core, events, ui

import todosync

settings = todosync.Settings()
todosync.setup(settings)


core.sio.on('double', lambda sid, number: 2 * number)
core.sio.on('sum', lambda sid, *numbers: sum(numbers))


@ui.page('/')
def features() -> None:
    """Show one of each feature, and what it has done."""
    state = {'clicks': 0}
    log = ui.label().mark('log').classes('log')

    def count() -> None:
        state['clicks'] += 1
        log.set_text(f'clicked {state["clicks"]}')

    ui.on('shout', lambda event: log.set_text(f'heard {len(event.args)}'))
    ui.button('count', on_click=count)
    ui.label(ui.context.client.id).classes('client')

    ticks = ui.label('0').classes('ticks')
    ui.timer(0.2, lambda: ticks.set_text(str(int(ticks.text) + 1)))

    text = ui.input('bound').classes('bound-input')
    ui.label().bind_text_from(text, 'value').classes('bound-label')

    with ui.dialog() as dialog, ui.card():
        ui.label('inside the dialog')
        ui.button('yes', on_click=lambda: dialog.submit('yes'))

    async def ask() -> None:
        log.set_text(f'answered {await dialog}')

    ui.button('ask', on_click=ask)
    ui.button('pair', on_click=lambda: core.sio.emit('pair', ('left', 'right'), to=ui.context.client.id))

    async def question() -> None:
        answer = await core.sio.call('question', ('left', 'right'), to=ui.context.client.id, timeout=10)
        log.set_text(f'the page says {answer}')

    ui.button('question', on_click=question)
    ui.button('notify', on_click=lambda: ui.notify('a notification'))

    async def measure() -> None:
        log.set_text(f'computed {await ui.run_javascript("6 * 7")}')

    ui.button('compute', on_click=measure)

    async def fetch_functions() -> None:
        log.set_text(f'got {await ui.run_javascript("return {answer: 42, run: () => 1}")}')

    ui.button('functions', on_click=fetch_functions)

    async def upload(event: events.UploadEventArguments) -> None:
        log.set_text(f'uploaded {len(await event.file.read())}')

    ui.upload(on_upload=upload, auto_upload=True).classes('upload')
    ui.button('download', on_click=lambda: ui.download.content('downloaded', 'file.txt'))
    ui.button('go', on_click=lambda: ui.navigate.to('/other'))

    def remember() -> None:
        app.storage.tab['n'] = app.storage.tab.get('n', 0) + 1
        log.set_text(f'tab storage {app.storage.tab["n"]}')

    ui.button('remember', on_click=remember)

    @ui.refreshable
    def items() -> None:
        for index in range(state['clicks']):
            ui.label(f'item {index}')

    items()
    ui.button('refresh', on_click=items.refresh)


@ui.page('/other')
def other() -> None:
    """Another page of the same app."""
    ui.label('another page').classes('other')
    n = ui.label('0').classes('n')
    ui.button('more', on_click=lambda: n.set_text(str(int(n.text) + 1)))


ui.run(
    host=settings.host,
    port=settings.port,
    reload=False,
    show=False,
    show_welcome_message=False,
    storage_secret=settings.resolve_storage_secret(),
)
