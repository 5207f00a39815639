"""The elements room: NiceGUI elements that the browser renders from its own copy of a stream.

Imports ``streams`` and ``views``.
"""

from .live import BrowserList, LiveElement, LiveList, LiveText, LiveTitle, stream_expression, total_expression

__all__ = [
    'BrowserList',
    'LiveElement',
    'LiveList',
    'LiveText',
    'LiveTitle',
    'stream_expression',
    'total_expression',
]
