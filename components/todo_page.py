"""The page."""

from nicegui import ui

from components.live import LiveList, LiveText
from todosync import InvalidTodoError, use_todo_sync


def todo_page() -> None:
    sync = use_todo_sync()
    LiveText(sync, 'heading', tag='h1')

    async def add() -> None:
        try:
            await sync.add(title.value or '')
            title.value = ''
        except InvalidTodoError as e:
            title.error = str(e)

    title = ui.input('What needs to be done?').on('keydown.enter', add)
    ui.label().bind_text_from(sync, 'count', lambda n: f'{n} todos')
    ui.element('div').props(':textContent="todosync.status.role + todosync.status.connected"').classes('role')

    async def toggle(e) -> None:
        await sync.update(e.args[0], completed=e.args[1])

    with LiveList(sync, text='title', row_height=48).classes('w-full h-96').props('scroll'), ui.row():
        ui.checkbox().props(':model-value="props.item.completed"').on(
            'update:model-value', toggle, js_handler='(v) => emit(props.item.id, v)'
        )
        ui.element('span').props(':textContent="props.item.title"')
    n = ui.label('0')
    ui.timer(1, lambda: n.set_text(str(int(n.text) + 1)))
    ui.button('hi', on_click=lambda: ui.notify('hello'))
    ui.element('pre').props(
        ':textContent="todosync.log.view.entries.map(e => e.time + e.category + e.text).join(String.fromCharCode(10))"'
    )
