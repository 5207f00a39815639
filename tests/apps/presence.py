"""Projects whose members see each other, and who edits what."""

from __future__ import annotations

from nicegui import ui
from sqlmodel import Field, SQLModel, select

import todosync
from todosync import LiveList, Person, Stream, bind_prop, bind_text, bind_value, current_server


class Errand(SQLModel, table=True):
    """Something to do in a project."""

    __tablename__ = 'errands_of_projects'
    __table_args__ = {'extend_existing': True}  # the simulated user runs this file for each test

    id: int | None = Field(default=None, primary_key=True)
    project_id: int = Field(index=True)
    title: str = ''
    note: str = ''


class Guest(SQLModel, table=True):
    """Who may see a project."""

    __tablename__ = 'guests'
    __table_args__ = {'extend_existing': True}

    name: str = Field(primary_key=True)
    project_id: int = Field(primary_key=True)


def is_guest(user: str | None, project_id: int) -> bool:
    """Return whether somebody may see a project."""
    with current_server().database.read() as session:
        return session.exec(select(Guest).where(Guest.name == user, Guest.project_id == project_id)).first() is not None


ERRANDS = Stream(Errand, order_by='title', scope='project_id', may_read=is_guest, rights=(Guest,))
ERRANDS.writable('title', 'note')

settings = todosync.Settings.from_environment()
todosync.setup(settings, streams=[ERRANDS], current_user=lambda request: request.headers.get('x-user'))


@ui.page('/{projects}')
def index(projects: str) -> None:
    """Show some projects beside each other, and who is there."""
    for project_id in map(int, projects.split(',')):
        view = todosync.use_stream(ERRANDS, project_id=project_id)
        presence = todosync.use_presence(view)

        def told(people: tuple[Person, ...], project_id: int = project_id) -> str:
            return f'In {project_id}: ' + ', '.join(f'{person}{" (me)" if person.is_me else ""}' for person in people)

        ui.label().bind_text_from(presence, 'people', told).props(f'data-here={project_id}')
        ui.label().bind_text_from(presence, 'count', '{} people'.format).props(f'data-count={project_id}')
        errands = LiveList(view, row_height=80).style('height: 200px').props(f'data-list={project_id}')
        with errands as row, ui.row():
            bind_prop(bind_value(ui.input(), row.title), 'aria-label', 'Title of ' + row.title)
            bind_prop(bind_value(ui.input(), row.note), 'aria-label', 'Note of ' + row.title)
            bind_text(ui.label().classes('editors'), row.editors)
            bind_text(ui.label().classes('editors-of-note'), row.editors.note)


ui.run(**todosync.run_options(settings))
