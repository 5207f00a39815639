"""A page that shows nothing at first: a sub-page and a dialog, which a handler fills, ask for streams of their own."""

from __future__ import annotations

from nicegui import ui
from sqlmodel import Field, SQLModel

import todosync
from todosync import LiveList, LiveText, Stream, bind_text, bind_value, count, on_click, use_stream


class Tag(SQLModel, table=True):
    """A tag."""

    __tablename__ = 'late_tags'

    id: int | None = Field(default=None, primary_key=True)
    name: str


class Word(SQLModel, table=True):
    """A word of a language."""

    __tablename__ = 'late_words'

    id: int | None = Field(default=None, primary_key=True)
    language: str = Field(index=True)
    text: str
    known: bool = False


TAGS = Stream(Tag, order_by='name')
WORDS = Stream(
    Word,
    order_by='text',
    scope='language',
    totals={'all': count(), 'known': count('known')},
    texts={'summary': '{known} of {all} known'},
)
WORDS.writable('text', 'known')

settings = todosync.Settings.from_environment()
todosync.setup(settings, streams=[TAGS, WORDS])


def tags() -> None:
    """Show the tags."""
    with LiveList(use_stream(TAGS), row_height=24).classes('w-full h-32').props('data-list=tags') as row:
        bind_text(ui.label(), row.name)


def words() -> None:
    """Show the words of a language."""
    view = use_stream(WORDS, language='en')
    LiveText(view, 'summary').props('data-summary')
    ui.label().bind_text_from(view, 'role').props('data-role')
    with LiveList(view, row_height=40).classes('w-full h-64').props('data-list=words') as row, ui.row():
        bind_value(ui.checkbox().props('data-known'), row.known)
        bind_text(ui.label().props('data-word'), row.text)
        on_click(ui.button('Forget'), view.delete)


@ui.page('/')
@ui.page('/{_:path}')
def index() -> None:
    """Show nothing until somebody asks."""
    dialog = ui.dialog()

    def open_words() -> None:
        with dialog, ui.card():
            words()
        dialog.open()

    ui.link('Tags', '/tags')
    ui.button('Words', on_click=open_words)
    ui.sub_pages({'/': lambda: ui.label('Nothing'), '/tags': tags})


ui.run(**todosync.run_options(settings))
