"""What a user of NiceGUI would write instead: each tab has its own elements, and each change goes to each tab.

``PLAIN_TODOS`` says how many todos there are, ``PLAIN_PATIENCE`` how many seconds a page outlives its connection: with
a long list the server is busy for longer than NiceGUI's 3 s.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from nicegui import app, ui


@dataclass
class PlainTodo:
    title: str
    completed: bool = False


todos = [PlainTodo(f'todo {number}') for number in range(int(os.environ.get('PLAIN_TODOS', '100')))]


@ui.refreshable
def todo_list() -> None:
    for todo in todos:
        with ui.row():
            ui.checkbox(value=todo.completed)
            ui.label(todo.title)
            ui.button(icon='delete')


@ui.page('/')
def index() -> None:
    ui.label(f'{len(todos)} todos')
    todo_list()


@app.post('/benchmark/toggle')
async def toggle() -> None:
    todos[0].completed = not todos[0].completed
    todo_list.refresh()


@app.post('/benchmark/add')
async def add() -> None:
    todos.insert(0, PlainTodo('Buy milk'))
    todo_list.refresh()


@app.get('/up')
async def up() -> dict[str, int]:
    return {'sockets': 0, 'followers': 0}


ui.run(
    host='127.0.0.1',
    port=int(os.environ['TODOSYNC_PORT']),
    reload=False,
    show=False,
    storage_secret='benchmark',
    reconnect_timeout=float(os.environ['PLAIN_PATIENCE']),
)
