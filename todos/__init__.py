"""The todo app's domain: its models and their streams, what can be done with them, the REST routes, and migrations.

Imports public names of todosync only.
"""

from pathlib import Path

from .api import make_router
from .models import TODOS, Todo
from .view import TodoView, use_todo_sync

MIGRATIONS = Path(__file__).parent / 'migrations'

__all__ = [
    'MIGRATIONS',
    'TODOS',
    'Todo',
    'TodoView',
    'make_router',
    'use_todo_sync',
]
