"""The views room: what a page holds of a stream. Imports ``tabs`` and ``streams``, and what those import."""

from .event_log import LogEntry
from .live import Live
from .use import use_stream, use_view
from .view import Rows, View
from .views import Views

__all__ = ['Live', 'LogEntry', 'Rows', 'View', 'Views', 'use_stream', 'use_view']
