"""The elements room: NiceGUI elements that the browser renders from its own copy of a stream.

Imports ``clock``, ``package``, ``runtime``, ``streams``, ``views`` and ``writes``.
"""

from .bindings import bind_classes, bind_prop, bind_text, bind_value, bind_visibility, on_click
from .choice import BrowserChoice
from .expressions import Expression, RowField
from .lists import BrowserList, LiveList
from .live import LiveElement, LiveText, LiveTitle, pending, stream_expression, total_expression
from .row_fields import RowFields
from .undo import offer_undo
from .waiting import WaitingWrites

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
    'WaitingWrites',
    'bind_classes',
    'bind_prop',
    'bind_text',
    'bind_value',
    'bind_visibility',
    'offer_undo',
    'on_click',
    'pending',
    'stream_expression',
    'total_expression',
]
