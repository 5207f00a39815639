"""Notes that several people write in one browser, one after the other: who signs in is kept in the session."""

from __future__ import annotations

from nicegui import app, ui
from sqlalchemy import BigInteger, Column, Integer
from sqlmodel import Field, SQLModel
from starlette.requests import Request
from starlette.responses import RedirectResponse

import todosync
from todosync import LiveElement, LiveList, Stream, WaitingWrites, Write, bind_text, new_id, on_click, pending


class PeoplesNote(SQLModel, table=True):
    """Something that somebody has written."""

    __tablename__ = 'notes_of_people'
    __table_args__ = {'extend_existing': True}  # the simulated user runs this file for each test

    id: int | None = Field(
        default_factory=new_id, sa_column=Column(BigInteger().with_variant(Integer, 'sqlite'), primary_key=True)
    )
    text: str = Field(default='', max_length=40)
    done: bool = False
    by: str = ''


NOTES = Stream(PeoplesNote, order_by='id', may_read=lambda user: True)
NOTES.writable('text', 'done')


@NOTES.rule
def note_who(write: Write) -> None:
    """Note who has written it last."""
    if 'never' in write.values.get('text', ''):
        write.refuse('This is never written')
    if write.action in {'insert', 'update'}:
        write.values['by'] = write.user or 'nobody'


def current_user(request: Request) -> str | None:
    """Return who has signed in."""
    name: str | None = app.storage.user.get('name')
    return name


settings = todosync.Settings.from_environment()
todosync.setup(settings, streams=[NOTES], current_user=current_user)


@app.get('/sign-in/{name}')
def sign_in(name: str) -> RedirectResponse:
    """Remember who somebody is."""
    app.storage.user['name'] = name
    return RedirectResponse('/')


@app.get('/sign-out')
def sign_out() -> RedirectResponse:
    """Forget who somebody is."""
    app.storage.user.pop('name', None)
    return RedirectResponse('/')


@app.get('/new-session')
def new_session(request: Request) -> RedirectResponse:
    """Begin another session."""
    response = RedirectResponse('/')
    response.delete_cookie('session')
    return response


@ui.page('/empty')
def empty() -> None:
    """Show nothing of the notes; but the page may lead."""
    ui.label('Nothing here')


@ui.page('/')
def index() -> None:
    """Show the notes."""
    view = todosync.use_stream(NOTES)
    ui.label(f'You are {app.storage.user.get("name", "nobody")}').classes('me')
    field = ui.input('Note').classes('note-field')
    insert = f"""() => {{
        const field = document.querySelector('.note-field input');
        todosync.writes.insert('{NOTES.name}', {{ text: field.value }});
        getElement({field.id}).$emit('update:modelValue', '');
    }}"""
    ui.button('Add').on('click', js_handler=insert)
    with LiveList(view, row_height=40).style('height: 300px; width: 100%') as row, ui.row():
        bind_text(ui.label().classes('note'), row.text)
        bind_text(ui.label().classes('by'), row.by)
        on_click(ui.button('Done'), {'done': True})
    LiveElement('p', {'textContent': pending(view) + ' pending'}).classes('pending')
    with LiveElement('div', {'hidden': pending(view) == 0}).classes('only-while-waiting'):
        ui.label('Not all is saved')
    WaitingWrites(words={('done', True): 'Finish'})
    told = ui.label().classes('told')

    async def count() -> None:
        told.text = f'{await todosync.count_waiting()} waiting'

    async def forget() -> None:
        told.text = f'{await todosync.forget_waiting()} forgotten'

    ui.button('Count', on_click=count)
    ui.button('Forget', on_click=forget)


ui.run(**todosync.run_options(settings))
