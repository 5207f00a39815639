"""Projects with tasks of their own, which only their members see."""

from __future__ import annotations

from datetime import timedelta

from nicegui import app, ui
from sqlalchemy import BigInteger, Column, Integer
from sqlmodel import Field, SQLModel, select
from starlette.requests import Request

import todosync
from todosync import LiveList, LiveText, Stream, count, current_server, new_id


class ScopedTask(SQLModel, table=True):
    """Something to do in a project."""

    __tablename__ = 'scoped_tasks'

    id: int | None = Field(
        default_factory=new_id, sa_column=Column(BigInteger().with_variant(Integer, 'sqlite'), primary_key=True)
    )
    project_id: int = Field(index=True)
    title: str = ''
    done: bool = False


class ProjectMember(SQLModel, table=True):
    """Who may see a project."""

    __tablename__ = 'project_members'

    person: str = Field(primary_key=True)
    project_id: int = Field(primary_key=True)


def is_member(user: str | None, project_id: int) -> bool:
    """Return whether somebody belongs to a project."""
    with current_server().database.read() as session:
        query = select(ProjectMember).where(ProjectMember.person == user, ProjectMember.project_id == project_id)
        return session.exec(query).first() is not None


TASKS = Stream(
    ScopedTask,
    order_by='title',
    scope='project_id',
    may_read=is_member,
    rights=(ProjectMember,),
    history=timedelta(days=90),
    totals={'all': count(), 'done': count('done')},
    texts=lambda totals: {'summary': f'{totals["done"]} of {totals["all"]} done'},
)
TASKS.writable('title', 'done', 'project_id')


def current_user(request: Request) -> str | None:
    """Return who a proxy says it is, or who has signed in as in NiceGUI's own example."""
    name: str | None = request.headers.get('x-user') or app.storage.user.get('name')
    if name == 'nameless':
        raise LookupError('there is no such account any more')
    return name


settings = todosync.Settings.from_environment()
server = todosync.setup(settings, streams=[TASKS], current_user=current_user)
server.add_exports(TASKS)


@ui.page('/sign-in/{name}')
def sign_in(name: str) -> None:
    """Remember who somebody is."""
    app.storage.user['name'] = name


@ui.page('/{projects}')
def index(projects: str) -> None:
    """Show some projects beside each other."""
    for project_id in map(int, projects.split(',')):
        view = todosync.use_stream(TASKS, project_id=project_id)
        LiveText(view, 'summary', tag='h2').props(f'data-summary={project_id}')
        ui.label().bind_text_from(view, 'rows', lambda rows: f'Python: {len(rows)}').props(f'data-python={project_id}')
        ui.label().bind_text_from(view, 'refused').props(f'data-refused={project_id}').mark(f'refused-{project_id}')
        with LiveList(view, text='title', row_height=24).style('height: 150px').props(f'data-list={project_id}'):
            ui.element('span').props(':textContent=props.row.title')


ui.run(**todosync.run_options(settings))
