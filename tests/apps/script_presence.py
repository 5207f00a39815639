"""Who is here, in an app without a page function."""

from nicegui import ui
from sqlmodel import Field, SQLModel

import todosync


class Note(SQLModel, table=True):
    """A note."""

    __tablename__ = 'script_notes'
    __table_args__ = {'extend_existing': True}

    id: int | None = Field(default=None, primary_key=True)


NOTES = todosync.Stream(Note)
settings = todosync.Settings.from_environment()
todosync.setup(settings, streams=[NOTES])
presence = todosync.use_presence(todosync.use_stream(NOTES))
ui.label().bind_text_from(presence, 'people', lambda people: 'Here: ' + ', '.join(map(str, people)))
todosync.BrowserChoice('shown', ['All', 'Urgent'])
todosync.WaitingWrites()
ui.run(**todosync.run_options(settings))
