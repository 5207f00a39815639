"""What a user of NiceGUI would write instead: each tab has its own elements, and each change goes to each tab.

``PLAIN_TODOS`` says how many todos there are, ``PLAIN_STYLE`` how they are shown: ``refreshable`` or ``bindable``.
"""

from __future__ import annotations

import os
from dataclasses import field

from nicegui import app, binding, ui

STYLE = os.environ.get('PLAIN_STYLE', 'refreshable')


@binding.bindable_dataclass
class PlainTodo:
    title: str
    completed: bool = field(default=False)


todos = [PlainTodo(f'todo {number}') for number in range(int(os.environ.get('PLAIN_TODOS', '100')))]


@ui.refreshable
def todo_list() -> None:
    for todo in todos:
        with ui.row():
            box = ui.checkbox(value=todo.completed)
            if STYLE == 'bindable':
                box.bind_value(todo, 'completed')
            ui.label(todo.title)
            ui.button(icon='delete')


@ui.page('/')
def index() -> None:
    ui.label(f'{len(todos)} todos')
    todo_list()


@app.post('/benchmark/toggle')
async def toggle() -> None:
    todos[0].completed = not todos[0].completed
    if STYLE == 'refreshable':
        todo_list.refresh()


@app.post('/benchmark/add')
async def add() -> None:
    todos.insert(0, PlainTodo('Buy milk'))
    todo_list.refresh()


@app.get('/up')
async def up() -> dict[str, int]:
    return {'sockets': 0, 'followers': 0}


ui.run(host='127.0.0.1', port=int(os.environ['TODOSYNC_PORT']), reload=False, show=False, storage_secret='benchmark')
