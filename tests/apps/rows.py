"""A list whose rows have one element of each kind that can be bound to a field."""

from __future__ import annotations

from nicegui import ui
from sqlmodel import Field, SQLModel

import todosync
from todosync import LiveList, bind_classes, bind_prop, bind_text, bind_value, bind_visibility, offer_undo, on_click

STATES = {'open': 'Open', 'closed': 'Closed'}


class Task(SQLModel, table=True):
    """What is to be done."""

    __tablename__ = 'tasks'
    __table_args__ = {'extend_existing': True}  # the simulated user runs this file for each test

    id: int | None = Field(default=None, primary_key=True)
    name: str
    note: str = ''
    count: int | None = 1
    level: int = 0
    stars: int = 0
    state: str = 'open'
    done: bool = False


TASKS = todosync.Stream(Task, order_by='name')
TASKS.writable('name', 'note', 'count', 'level', 'stars', 'state', 'done')


@TASKS.rule
def check(write: todosync.Write) -> None:
    """Refuse tasks without a name, and five stars."""
    if write.values.get('stars') == 5:
        write.refuse('Nothing has five stars', field='stars')
    if write.values.get('name') == '':
        write.refuse('A task needs a name', field='name')


@TASKS.verb(shows={'count': 1, 'done': False})
def reset(session: object, task: Task) -> None:
    """Begin anew."""
    task.count, task.done = 1, False


settings = todosync.Settings.from_environment()
todosync.setup(settings, streams=[TASKS])


@ui.page('/')
def index() -> None:
    """Show the tasks."""
    view = todosync.use_stream(TASKS)
    text = ui.input('Search')
    tasks = LiveList(view, row_height=120).classes('w-full').style('height: 600px')
    with tasks as row, ui.row():
        bind_value(ui.checkbox('Done').mark('done'), row.done)
        bind_value(ui.switch().mark('switch'), row.done)
        bind_value(ui.input('Name').mark('name').classes('name'), row.name)
        bind_value(ui.textarea('Note').mark('note').classes('note'), row.note)
        bind_value(ui.number('Count').mark('count').classes('count'), row.count)
        bind_value(ui.slider(min=0, max=10).mark('level').classes('level').style('width: 100px'), row.level)
        bind_value(ui.rating().mark('stars').classes('stars'), row.stars)
        bind_value(ui.select(STATES).mark('select').classes('select'), row.state)
        bind_value(ui.radio(STATES).mark('radio').classes('radio'), row.state)
        bind_value(ui.toggle(STATES).mark('toggle').classes('toggle'), row.state)
        label = bind_text(ui.label().classes('summary'), row.count + ' x ' + row.name)
        bind_classes(label, {'line-through': row.done})
        bind_visibility(ui.icon('star').classes('many'), (row.count > 1) & ~row.done)
        bind_prop(ui.icon('flag').classes('flag'), 'color', row.state.map({'open': 'red'}, 'green'))
        bind_visibility(ui.icon('cloud_off').classes('waits'), row.pending)
        bind_text(ui.label().classes('why'), row.errors.name)
        bind_text(ui.button().classes('state'), row.state.map(STATES))
        on_click(ui.button('Double').mark('double'), {'count': row.count * 2, 'note': 'doubled'})
        on_click(ui.button('Reset').mark('reset'), reset)
        on_click(ui.button('Tell').mark('tell'), lambda task: ui.notify(f'This is {task["name"]}'))
        on_click(ui.button('Delete').mark('delete'), view.delete, undo='Deleted ' + row.name)
    tasks.search(text, row.name, row.note)
    shown = todosync.BrowserChoice('shown', ['Any', 'Unrated', 'Several']).mark('shown')
    tasks.show_by(shown, {'Any': {}, 'Unrated': {'stars': 0}, 'Several': row.count > 2})
    ui.button('Missing', on_click=lambda: tasks.filter(~row.done))
    ui.button('All', on_click=lambda: tasks.filter(condition=True))
    ui.button('Add', on_click=lambda: view.insert(name='Zoo'))
    offer_undo(view, ui.button('Take back'))


ui.run(**todosync.run_options(settings))
