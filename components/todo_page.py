"""The todo page: its parts, from top to bottom."""

from __future__ import annotations

from nicegui import ui

from components.event_log import EventLog
from components.leader_badge import LeaderBadge
from components.theme import ThemeToggle, use_theme
from components.todo_form import TodoForm
from components.todo_list import TodoList
from components.waiting import Waiting
from todos import use_todo_sync
from todosync import LiveText, LiveTitle


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
    with ui.element('main').classes('page'):
        with ui.element('header').classes('page-header'):
            LiveText(view, 'heading', tag='h1')
            ThemeToggle()
        TodoForm(on_submit=view.add)
        TodoList(view)
        with ui.element('footer').classes('page-footer'):
            LeaderBadge(view)
            Waiting()
            EventLog(view)


def _admit_failure() -> None:
    ui.notify('That did not work and nothing was changed. Please try again.')
