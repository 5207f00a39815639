"""The views room: what a page holds of a stream. Imports ``tabs`` and ``streams``, and what those import."""

from .view import Live, LogEntry, Rows, View, use_stream, use_view

__all__ = ['Live', 'LogEntry', 'Rows', 'View', 'use_stream', 'use_view']
