"""The views room: the values of a stream that a page can read, and the writes that it can make.

Imports ``access``, ``database``, ``runtime``, ``streams``, ``tabs`` and ``writes``.
"""

from .event_log import LogEntry
from .live import Live
from .readers import Readers
from .use import use_stream, use_view
from .view import Rows, View
from .views import Views

__all__ = ['Live', 'LogEntry', 'Readers', 'Rows', 'View', 'Views', 'use_stream', 'use_view']
