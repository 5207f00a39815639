"""The app: settings, pages, start."""

from nicegui import ui

import todosync
from components.todo_page import todo_page

settings = todosync.Settings()
todosync.setup(settings)


@ui.page('/')
@ui.page('/todos')
def index() -> None:
    """Show the todo list."""
    todo_page()


ui.run(
    host=settings.host,
    port=settings.port,
    title='Todos',
    favicon='✅',
    dark=None,
    reload=False,
    show=False,
    fastapi_docs=True,
    storage_secret=settings.resolve_storage_secret(),
)
