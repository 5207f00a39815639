"""A page that counts how often its parts are rendered."""

from __future__ import annotations

from nicegui import ui

import todosync
from todos import MIGRATIONS, TODOS, make_router, use_todo_sync
from todosync.elements import LiveElement, LiveList

settings = todosync.Settings(migrations=MIGRATIONS)
server = todosync.setup(settings, streams=[TODOS])
server.add_routes(make_router(server))


def counting(part: str) -> str:
    """Return an expression that counts its evaluations in ``window.renders``."""
    return f'((window.renders ??= {{}}).{part} = (renders.{part} ?? 0) + 1)'


@ui.page('/')
def live() -> None:
    """Show a list, and a number by itself."""
    sync = use_todo_sync()
    ui.element('span').props[':data-page'] = counting('page')
    with LiveElement('output', {'title': 'todosync.stream("todos").items.length'}):
        ui.element('span').props[':data-live'] = counting('live')
    with LiveList(sync, text='title', row_height=24).style('height: 300px'):
        ui.element('span').props(':textContent=props.row.title').props[':data-row'] = counting('row')
        mark = ui.element('b')
    ui.button('mark', on_click=lambda: mark.props('textContent=marked'))


ui.run(**todosync.run_options(settings))
