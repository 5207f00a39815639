"""The todo page: its parts, from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nicegui import ui

from components.connection import Connection
from components.history import History
from components.theme import ThemeToggle, use_theme
from components.todo_form import TodoForm
from components.todo_list import ItemsLeft, TodoList
from components.view_menu import OLDEST_FIRST, ViewMenu
from todos import use_todo_sync
from todosync import LiveText, LiveTitle, WaitingWrites, offer_undo

WORDS: Mapping[str | tuple[str, Any], str] = {
    ('completed', True): 'Check',
    ('completed', False): 'Uncheck',
    'title': 'Rename',
}
"""What changes are called while they wait."""


def todo_page() -> None:
    """Build the todo page.

    Example::

        @ui.page('/')
        def index() -> None:
            todo_page()
    """
    view = use_todo_sync()
    use_theme()
    ui.on_exception(_admit_failure)
    LiveTitle(view, 'heading')
    offer_undo(view)
    with ui.element('div').classes('page'):  # inside of Quasar's <main>
        with ui.element('header').classes('page-header'):
            with ui.element('div').classes('list-name').props('data-name=Todos'):
                LiveText(view, 'heading', tag='h1')
            ItemsLeft(view)
            menu = ViewMenu()
            ThemeToggle()
        TodoForm(on_submit=view.add)
        TodoList(view, menu.order, oldest_first=OLDEST_FIRST)
        with ui.element('footer').classes('page-footer'):
            WaitingWrites(words=WORDS)
            History(view)
            Connection(view)


def _admit_failure() -> None:
    ui.notify('That did not work and nothing was changed. Please try again.')
