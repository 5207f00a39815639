"""The views room: the values of a stream that a page can read, and the writes that it can make.

Imports ``access``, ``database``, ``presence``, ``runtime``, ``streams``, ``tabs`` and ``writes``.
"""

from .event_log import LogEntry
from .live import Live
from .presence import FOCUS_EVENT, Presence, use_presence
from .readers import Readers
from .use import use_stream, use_view
from .view import Rows, View
from .views import Views

__all__ = [
    'FOCUS_EVENT',
    'Live',
    'LogEntry',
    'Presence',
    'Readers',
    'Rows',
    'View',
    'Views',
    'use_presence',
    'use_stream',
    'use_view',
]
