"""A todo list that is live in every tab over one socket, and the sync layer under it, for NiceGUI."""

from .app import broadcast_later, broadcast_list, current_server, enqueue, setup
from .jobs import FailedExecution, JobInterruptedError, job
from .models import TODOS, InvalidTodoError, Todo
from .server import SyncServer
from .serving import run_options
from .settings import Settings
from .status import ProcessReport
from .streams import Record, Stream
from .sync import LogEntry, Sync, TodoSync, use_sync, use_todo_sync
from .tabs import Role
from .todos import TodoNotFoundError

__all__ = [
    'TODOS',
    'FailedExecution',
    'InvalidTodoError',
    'JobInterruptedError',
    'LogEntry',
    'ProcessReport',
    'Record',
    'Role',
    'Settings',
    'Stream',
    'Sync',
    'SyncServer',
    'Todo',
    'TodoNotFoundError',
    'TodoSync',
    'broadcast_later',
    'broadcast_list',
    'current_server',
    'enqueue',
    'job',
    'run_options',
    'setup',
    'use_sync',
    'use_todo_sync',
]
