"""The elements room: NiceGUI elements that the browser renders from its own copy of a stream.

Imports ``package``, ``streams``, ``views`` and ``writes``.
"""

from .bindings import bind_classes, bind_prop, bind_text, bind_value, bind_visibility, on_click
from .choice import BrowserChoice
from .expressions import Expression, RowField
from .lists import BrowserList, LiveList
from .live import LiveElement, LiveText, LiveTitle, stream_expression, total_expression
from .row_fields import RowFields

__all__ = [
    'BrowserChoice',
    'BrowserList',
    'Expression',
    'LiveElement',
    'LiveList',
    'LiveText',
    'LiveTitle',
    'RowField',
    'RowFields',
    'bind_classes',
    'bind_prop',
    'bind_text',
    'bind_value',
    'bind_visibility',
    'on_click',
    'stream_expression',
    'total_expression',
]
