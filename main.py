"""The app: settings, pages, start."""

from nicegui import ui

import todos
import todosync
from components.status_page import status_page
from components.todo_page import todo_page

settings = todosync.Settings.from_environment(migrations=todos.MIGRATIONS)
server = todosync.setup(settings, streams=[todos.TODOS])
todosync.add_production(server)
server.add_routes(todos.make_router(server))
server.add_exports(todos.TODOS)


@ui.page('/')
@ui.page('/todos')
def index() -> None:
    """Show the todo list."""
    todo_page()


@ui.page('/status')
async def status() -> None:
    """Show operators how all processes are doing."""
    await status_page()


ui.run(
    **todosync.run_options(
        settings,
        title='Todos',
        favicon='✅',
        dark=None,
        language='en-US',
        tailwind=False,
    )
)
