"""The views room: the values of a stream that a page can read, and the writes that it can make.

Imports ``access``, ``clock``, ``database``, ``presence``, ``runtime``, ``streams``, ``tabs`` and ``writes``.
"""

from .event_log import LogEntry
from .live import Live
from .presence import FOCUS_EVENT, Presence, use_presence
from .readers import Readers
from .use import use_stream, use_view
from .view import UNDO_EVENT, Rows, View
from .views import Views
from .waiting import count_waiting, forget_waiting

__all__ = [
    'FOCUS_EVENT',
    'UNDO_EVENT',
    'Live',
    'LogEntry',
    'Presence',
    'Readers',
    'Rows',
    'View',
    'Views',
    'count_waiting',
    'forget_waiting',
    'use_presence',
    'use_stream',
    'use_view',
]
